"""What collectors hear of two routers and of TCP traffic through them, read by an independent decoder."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections.abc import Iterator

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.collector import Collector
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine
from skrouter_testing.tcp_peers import Service, connect, read_all, reset

HERE, THERE = "aaaaa", "bbbbb"
SITE = section("site", name="here", location="lab", platform="linux", provider="none", namespace="ns-a")
ENVIRONMENTS = {
    "A": {"HOSTNAME": f"pod-{HERE}", "SKUPPER_SITE_ID": "site-1"},
    "B": {
        "HOSTNAME": f"pod-{THERE}",
        "SKUPPER_SITE_ID": "site-2",
        "POD_NAMESPACE": "ns-b",
        "APPLICATION_NAME": "app-b",
        "VERSION": "v9",
    },
}


class Told:
    """A - B: a listener on A of what B has connectors for, one of them to a port where nobody is."""

    def __init__(self, routers: Routers) -> None:
        self.service = Service()
        self.port, self.dead_port = free_port(), free_port()
        self.nobody = free_port()
        here = SITE + section("tcpListener", name="in", host=HOST, port=self.port, address="service")
        here += section("tcpListener", name="dead", host=HOST, port=self.dead_port, address="dead")
        there = section(
            "tcpConnector",
            name="out",
            host=HOST,
            port=self.service.port,
            address="service",
            processId="process-1",
        )
        there += section("tcpConnector", name="nobody", host=HOST, port=self.nobody, address="dead")
        extra = {"A": here, "B": there}
        self.line = RouterLine(routers, "AB", extra=extra, environments=ENVIRONMENTS)

    def start(self) -> Told:
        self.line.start()
        opened = ": listening for client connections"
        wait_until(lambda: len(self.line["A"].found(opened)) == 2, "the listeners to open")
        return self

    def pair(self):
        """A connected client, and the connection that the service sees."""
        client = connect(self.port)
        return client, self.service.accept()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with Routers(tmp_path_factory.mktemp("told")) as routers:
        told = Told(routers)
        with told.service:
            yield told.start()


@pytest.fixture(scope="module")
def collector(told: Told) -> Iterator[Collector]:
    """At A, following both routers from their beacons on, with everything flushed."""
    with Collector(told.line.ports["A"]) as collector:
        for identity in collector.sources(2):
            collector.follow(identity, ".flows", ".logs")
            collector.flush(identity)
        yield collector


def test_h1_every_router_shows_itself_by_beacons(collector):
    assert collector.sources(2) == [f"{HERE}:0", f"{THERE}:0"]
    first = next(one for one in collector.heard["mc/sfe.all"] if one.properties["id"] == f"{HERE}:0")
    assert first.number == 0
    assert first.properties == {
        "v": 1,
        "sourceType": "ROUTER",
        "id": f"{HERE}:0",
        "address": f"mc/sfe.{HERE}:0",
        "direct": f"sfe.{HERE}:0",
    }


@pytest.mark.parametrize("source", [HERE, THERE])
def test_h1_heartbeats_come_every_two_seconds(collector, source):
    def beats():
        return [one for one in collector.heard[f"mc/sfe.{source}:0"] if one.subject == "HEARTBEAT"]

    collector.until(lambda: len(beats()) >= 3, "three heartbeats")
    moments = [beat.properties["now"] / 1_000_000 for beat in beats()]
    assert all(1.8 < later - earlier < 4.0 for earlier, later in itertools.pairwise(moments))
    assert abs(moments[-1] - time.time()) < 60


@pytest.mark.parametrize("source", [HERE, THERE])
def test_h1_messages_of_a_source_are_numbered(collector, source):
    collector.until(lambda: collector.heard[f"mc/sfe.{source}:0"], "a message")
    found = [one.number for address, heard in collector.heard.items() for one in heard if source in address]
    assert len(set(found)) == len(found)


def test_h1_flush_brings_every_record_again_and_complete(told, collector):
    with Collector(told.line.ports["B"]) as late:
        late.follow(f"{HERE}:0")
        late.flush(f"{HERE}:0")
        late.record("ROUTER", name="0/A")
        kinds = {"SITE", "ROUTER", "ROUTER_ACCESS", "LISTENER"}
        late.until(lambda: kinds <= {one["recordType"] for one in late.records.values()}, "all records")
        for identity, record in late.records.items():
            mine = {**collector.records[identity], "octets": 0, "octetsReverse": 0, "flowCountL4": 0}
            assert {**record, "octets": 0, "octetsReverse": 0, "flowCountL4": 0} == mine


@pytest.mark.parametrize(
    "message",
    [
        Message(address=f"sfe.{HERE}:0", subject="NOTHING"),
        Message(address=f"sfe.{HERE}:0", subject="FLUSH", body=b"octets"),
        Message(address=f"vfcr.{HERE}:0", subject="RECORD", body="text"),
        Message(address=f"vfcr.{HERE}:0", subject="RECORD", body=[{}, [], {"0": 1}]),
    ],
)
def test_h1_strange_commands_do_no_harm(told, collector, message):
    collector.command(HERE, message)
    before = len(collector.heard[f"mc/sfe.{HERE}:0"])
    collector.until(lambda: len(collector.heard[f"mc/sfe.{HERE}:0"]) > before, "the next heartbeat")


def test_h2_site_record(collector):
    record = collector.record("SITE", name="here")
    assert record.pop("startTime") / 1_000_000 == pytest.approx(time.time(), abs=300)
    assert record == {
        "recordType": "SITE",
        "identity": "site-1",
        "name": "here",
        "location": "lab",
        "platform": "linux",
        "provider": "none",
        "namespace": "ns-a",
    }


def test_h2_router_record(collector):
    record = collector.record("ROUTER", name="0/B")
    assert record.pop("startTime") / 1_000_000 == pytest.approx(time.time(), abs=300)
    assert record.pop("buildVersion")
    assert record == {
        "recordType": "ROUTER",
        "identity": f"{THERE}:0",
        "parent": "site-2",
        "name": "0/B",
        "mode": "interior",
        "hostname": f"pod-{THERE}",
        "namespace": "ns-b",
        "imageName": "app-b",
        "imageVersion": "v9",
    }
    assert collector.record("ROUTER", name="0/A")["parent"] == "site-1"


def test_h2_link_record_points_to_the_access_of_the_other_router(told, collector):
    access = collector.record("ROUTER_ACCESS", parent=f"{HERE}:0")
    assert access["name"] == "mesh"
    assert access["role"] == "inter-router"
    assert access["linkCount"] == 1
    assert "activeTlsOrdinal" not in access
    link = dict(collector.record("LINK", parent=f"{THERE}:0"))
    assert link.pop("octets") > 0
    assert link.pop("octetsReverse") > 0
    assert link.pop("startTime") <= link.pop("upTimeStamp")
    assert link.pop("identity").startswith(f"{THERE}:")
    assert link == {
        "recordType": "LINK",
        "parent": f"{THERE}:0",
        "peer": access["identity"],
        "name": "left",
        "role": "inter-router",
        "linkCost": 1,
        "operStatus": "up",
        "downCount": 0,
        "protocol": "amqp",
        "destPort": str(told.line.mesh_ports["A"]),
        "httpProxy": "no",
    }


def test_h2_octets_of_a_link_grow(collector):
    before = dict(collector.record("LINK", parent=f"{THERE}:0"))

    def grown():
        link = collector.record("LINK", parent=f"{THERE}:0")
        return link["octets"] > before["octets"] and link["octetsReverse"] > before["octetsReverse"]

    collector.until(grown, "more octets")


def test_h2_listener_and_connector_records(told, collector):
    listener = collector.record("LISTENER", name="in")
    assert listener["parent"] == f"{HERE}:0"
    assert (listener["protocol"], listener["vanAddress"]) == ("tcp", "service")
    assert (listener["destHost"], listener["destPort"]) == (HOST, str(told.port))
    connector = collector.record("CONNECTOR", name="out")
    assert connector["parent"] == f"{THERE}:0"
    assert (connector["protocol"], connector["vanAddress"]) == ("tcp", "service")
    assert (connector["destHost"], connector["destPort"]) == (HOST, str(told.service.port))
    assert connector["process"] == "process-1"


def test_h2_flow_counts_of_listener_and_connector(told, collector):
    listener, connector = collector.record("LISTENER", name="in"), collector.record("CONNECTOR", name="out")
    before = listener["flowCountL4"]
    client, server = told.pair()
    with client, server:
        collector.until(lambda: listener["flowCountL4"] == before + 1, "the listener's count")
        # the connector's own connection to the address is counted too, once there was another
        collector.until(lambda: connector["flowCountL4"] == before + 2, "the connector's count")


def test_h3_connection_is_told_by_both_sides_in_one_record(told, collector):
    client, server = told.pair()
    source = client.getsockname()
    with client, server:
        proxy = server.getpeername()
        client.sendall(b"question")
        assert server.recv(100) == b"question"
        server.sendall(b"the answer")
        assert client.recv(100) == b"the answer"
        record = collector.record("BIFLOW_TPORT", sourcePort=str(source[1]), octetsReverse=10)
        assert record["identity"].startswith(f"{HERE}:")
        assert record["parent"] == collector.record("LISTENER", name="in")["identity"]
        assert record["sourceHost"] == source[0]
        assert record["octets"] == 8
        added = {"proxyHost": proxy[0], "proxyPort": str(proxy[1]), "trace": "0/A"}
        record = collector.record("BIFLOW_TPORT", identity=record["identity"], **added)
        assert record["connector"] == collector.record("CONNECTOR", name="out")["identity"]
        collector.until(lambda: "processLatency" in record, "the time that the server took")
        assert 0 < record["processLatency"] <= record["latency"] < 20_000_000
        assert "endTime" not in record
        client.shutdown(1)
        assert read_all(server) == b""
    collector.until(lambda: "endTime" in record, "the end")
    assert record["startTime"] < record["endTime"]
    assert "errorListenerSide" not in record
    assert "errorConnectorSide" not in record
    told.line["A"].wait_line("FLOW_LOG", f"BIFLOW_TPORT [{record['identity']}] BEGIN END parent=")


def test_h3_octets_of_a_living_connection_are_told_as_they_grow(told, collector):
    client, server = told.pair()
    with client, server:
        port = str(client.getsockname()[1])
        for size in (1000, 2000):
            client.sendall(bytes(1000))
            assert server.recv(5000)
            record = collector.record("BIFLOW_TPORT", sourcePort=port, octets=size)
        assert record["octetsReverse"] == 0
        assert "latency" not in record


def test_h3_refused_connection_names_the_error_of_each_side(told, collector):
    with socket.socket() as client:
        client.bind((HOST, 0))
        port = str(client.getsockname()[1])
        with contextlib.suppress(ConnectionResetError):  # so fast that there was no time to connect
            client.connect((HOST, told.dead_port))
        record = collector.record("BIFLOW_TPORT", sourcePort=port)
        collector.until(lambda: "errorConnectorSide" in record, "the connector's error")
    text = f"proton:io (Connection refused - on connect {HOST}:{told.nobody})"
    assert record["errorConnectorSide"] == text
    assert record["errorListenerSide"] == "delivery-failed (destination unreachable)"
    assert record["octets"] == 0
    assert record["connector"] == collector.record("CONNECTOR", name="nobody")["identity"]


def test_h3_reset_of_the_client_names_it_and_the_other_side_sees_a_failed_delivery(told, collector):
    client, server = told.pair()
    place = "{}:{}".format(*client.getsockname())
    with server:
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        reset(client)
        record = collector.record("BIFLOW_TPORT", sourcePort=place.split(":")[1])
        collector.until(lambda: "errorConnectorSide" in record, "the connector's error")
    text = f"proton:io (Connection reset by peer - async disconnect {place})"
    collector.until(lambda: record.get("errorListenerSide") == text, "the listener's error")
    assert record["errorConnectorSide"] == "delivery-failed (destination unreachable)"


def test_h3_reset_of_the_server_names_it(told, collector):
    client, server = told.pair()
    port = str(client.getsockname()[1])
    with client:
        client.sendall(b"x")
        assert server.recv(1) == b"x"
        reset(server)
        record = collector.record("BIFLOW_TPORT", sourcePort=port)
        collector.until(lambda: "errorConnectorSide" in record, "the connector's error")
    text = f"proton:io (Connection reset by peer - async disconnect {HOST}:{told.service.port})"
    assert record["errorConnectorSide"] == text


def test_h4_requests_are_told_within_their_connection_with_the_client_that_a_proxy_names(told, collector):
    ask = "GET /{} HTTP/1.1\r\nHost: here\r\nX-Forwarded-For: 10.1.2.3, 10.9.9.9\r\n\r\n"
    client, server = told.pair()
    with client, server:
        for path, answer in (("there", "200 OK"), ("nowhere", "404 Not Found")):
            request = ask.format(path).encode()
            client.sendall(request)
            assert server.recv(1000) == request
            server.sendall(f"HTTP/1.1 {answer}\r\nContent-Length: 2\r\n\r\nhi".encode())
            assert client.recv(1000).endswith(b"hi")
        connection = collector.record("BIFLOW_TPORT", sourcePort=str(client.getsockname()[1]))
        facts = {"parent": connection["identity"], "method": "GET", "protocol": "HTTP/1.1"}
        found = collector.record("BIFLOW_APP", result="200", reason="OK", sourceHost="10.1.2.3", **facts)
        missing = collector.record("BIFLOW_APP", result="404", reason="Not Found", **facts)
    for record in (found, missing):
        collector.until(lambda record=record: "endTime" in record, "the end of the request")
        assert 0 < record["latency"] < 20_000_000
        assert record["octets"] >= 0 and record["octetsReverse"] == 2
    assert found["identity"] != missing["identity"]


def test_h5_warnings_are_records(told, collector):
    answer = query_of_unknown_type(told.line.ports["A"])
    assert answer == 400
    record = dict(collector.record("LOG", parent=f"{HERE}:0"))
    assert record.pop("startTime") == record.pop("endTime")
    assert record.pop("sourceFile").endswith(".py")
    assert record.pop("sourceLine") > 0
    assert record.pop("identity").startswith(f"{HERE}:")
    assert record == {
        "recordType": "LOG",
        "parent": f"{HERE}:0",
        "logSeverity": 3,
        "logText": "LOG_AGENT: Error performing QUERY: No such entity type 'io.skupper.router.nosuch'",
    }


def query_of_unknown_type(port: int) -> int:
    """The status that a QUERY for a type that does not exist is answered with."""
    with Client(port) as client:
        answers = client.receiver(None, dynamic=True)
        properties = {"operation": "QUERY", "type": "org.amqp.management", "name": "self"}
        properties["entityType"] = "io.skupper.router.nosuch"
        request = Message(
            address="$management",
            reply_to=answers.address,
            properties=properties,
            body={"attributeNames": []},
        )
        client.sender("$management").send(request)
        return int(answers.take()[0].message.properties["statusCode"])


def test_h2_lost_link_is_told(tmp_path):
    with Routers(tmp_path) as routers:
        line = RouterLine(routers, "AB", environments=ENVIRONMENTS).start()
        with Collector(line.ports["B"]) as collector:
            collector.follow(f"{THERE}:0")
            collector.flush(f"{THERE}:0")
            link = collector.record("LINK", operStatus="up")
            line["A"].kill()
            collector.until(lambda: link["operStatus"] == "down", "the link to be down")
            assert link["downCount"] == 1
            assert link["downTimeStamp"] > link["upTimeStamp"]
            assert link["result"]
            line.start("A")
            collector.until(lambda: link["operStatus"] == "up", "the link to be up again", 30.0)


def test_h1_command_addresses_are_known_to_the_mesh(told):
    """As every neighbor expects it: `sfe.` and `vfcr.`, closest."""
    rows = {str(row["key"]): row for row in query(told.line.ports["B"], "router.address")}
    for key in (f"Msfe.{HERE}:0", f"Mvfcr.{HERE}:0"):
        assert rows[key]["remoteCount"] == 1
        assert rows[key]["distribution"] == "closest"


def test_h2_an_edge_router_is_told_of_through_its_uplink(routers):
    port, access, clients = free_port(), free_port(), free_port()
    interior = section("router", mode="interior", id="I")
    interior += section("listener", name="clients", host=HOST, port=clients)
    interior += section("listener", name="edges", host=HOST, port=access, role="edge")
    edge = section("router", mode="edge", id="E")
    edge += section("connector", name="up", host=HOST, port=access, role="edge")
    with Service() as service:
        edge += section("tcpListener", name="in", host=HOST, port=port, address="service")
        interior += section("tcpConnector", name="out", host=HOST, port=service.port, address="service")
        routers.start("I", interior, ENVIRONMENTS["A"])
        routers.start("E", edge, ENVIRONMENTS["B"]).wait_line(": listening for client connections")
        with Collector(clients) as collector:
            for identity in collector.sources(2):
                collector.follow(identity, ".flows")
                collector.flush(identity)
            there = collector.record("ROUTER_ACCESS", name="edges", role="edge", parent=f"{HERE}:0")
            link = collector.record("LINK", name="up", role="edge", parent=f"{THERE}:0")
            assert (link["peer"], link["operStatus"]) == (there["identity"], "up")
            with connect(port) as client, service.accept() as server:
                client.sendall(b"question")
                assert server.recv(100) == b"question"
                record = collector.record("BIFLOW_TPORT", parent=collector.record("LISTENER")["identity"])
                collector.until(lambda: "connector" in record, "the addition of the interior router")
                assert record["connector"] == collector.record("CONNECTOR", name="out")["identity"]
                assert record["identity"].startswith(THERE)


def test_h2_each_address_of_a_listener_has_a_record(routers):
    clients, port = free_port(), free_port()
    text = section("router", mode="interior", id="S")
    text += section("listener", name="clients", host=HOST, port=clients)
    text += section("tcpListener", name="in", host=HOST, port=port, multiAddressStrategy="priority")
    with Service() as one, Service() as two:
        for value, (address, service) in enumerate((("low", one), ("high", two)), start=1):
            text += section("listenerAddress", address=address, value=value, listener="in")
            text += section("tcpConnector", name=address, host=HOST, port=service.port, address=address)
        routers.start("S", text, ENVIRONMENTS["A"]).wait_line(": listening for client connections")
        with Collector(clients) as collector:
            collector.follow(f"{HERE}:0", ".flows")
            collector.flush(f"{HERE}:0")
            records = {
                address: collector.record("LISTENER", vanAddress=address) for address in ("low", "high")
            }
            with connect(port), two.accept():
                record = collector.record("BIFLOW_TPORT", parent=records["high"]["identity"])
                collector.until(lambda: record.get("trace") == "Local", "the trace of a way within a router")
                collector.until(lambda: records["high"]["flowCountL4"] == 1, "the count of the address")
            assert records["low"]["flowCountL4"] == 0
