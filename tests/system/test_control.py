"""Changes of a running router with the real skmanage: what it prints, what follows, and what stays undone."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.certs import Authority
from skrouter_testing.live_management import query, request
from skrouter_testing.process import HOST, RouterProcess, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine
from skrouter_testing.tcp_peers import Service, connect, is_open, wait_end

TOOL = (sys.executable, "-P", "-m", "skrouter.cli.skmanage", "-b")
_RESET_OR_CLOSED = ("reset", "closed")


@dataclass(frozen=True)
class Managed:
    """A running router and the port that its tools use."""

    router: RouterProcess
    port: int

    def run(self, *arguments: str, source: str = "") -> tuple[int, str]:
        """Exit status and output of skmanage."""
        command = [*TOOL, f"{HOST}:{self.port}", *arguments]
        ended = subprocess.run(command, input=source, capture_output=True, text=True, timeout=20, check=False)
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, ended.stdout

    def done(self, *arguments: str, source: str = "") -> object:
        """What a command that has to work prints, as JSON; None if nothing."""
        status, text = self.run(*arguments, source=source)
        assert status == 0, text
        return json.loads(text) if text else None

    def refused(self, *arguments: str, source: str = "") -> str:
        """The text of a command that has to fail."""
        status, text = self.run(*arguments, source=source)
        assert status == 1, text
        return text.rstrip("\n")

    def names(self, entity: str) -> set[str]:
        """Of all entities of a type."""
        return {row["name"] for row in query(self.port, entity)}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    """A standalone router."""
    with Routers(tmp_path_factory.mktemp("control")) as routers:
        line = RouterLine(routers, "S").start()
        yield Managed(line["S"], line.ports["S"])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


def place(port: int) -> tuple[str, str]:
    return f"host={HOST}", f"port={port}"


def passes(here: int, there: int, address: str) -> bool:
    """Whether a message goes from one port to the other."""
    with Client(here) as sending, Client(there) as receiving:
        receiver = receiving.receiver(address)
        sender = sending.sender(address)
        sender.wait_credit()
        sent = sender.send(Message(body="here"))
        (arrival,) = receiver.take()
        return arrival.body == "here" and sent.outcome().state == "accepted"


# --- listeners and connectors


def test_a_created_listener_serves_clients_and_a_deleted_one_no_new_ones(one: Managed) -> None:
    port = free_port()
    given = json.dumps({"name": "l9", "host": HOST, "port": str(port), "role": "normal"})
    made = one.done("create", "--type", "listener", "--stdin", source=given)
    assert made == {
        "name": "l9",
        "host": HOST,
        "port": str(port),
        "role": "normal",
        "type": "io.skupper.router.listener",
        "identity": f"listener/{HOST}:{port}:l9",
        "cost": 1,
        "authenticatePeer": False,
        "requireEncryption": False,
        "requireSsl": False,
        "maxFrameSize": 16384,
        "maxSessions": 32768,
        "idleTimeoutSeconds": 16,
        "initialHandshakeTimeoutSeconds": 0,
        "stripAnnotations": "both",
        "healthz": True,
        "metrics": True,
        "websockets": True,
        "http": False,
        "messageLoggingComponents": "none",
    }
    assert passes(port, one.port, "through-l9")
    with Client(port) as early:
        assert one.done("delete", "--name", "l9") is None
        assert not is_open(port)
        sender = early.sender("$management")
        sender.wait_credit()
    assert "l9" not in one.names("listener")
    one.router.wait_line("CONN_MGR (info) Deleted  Listener: ")


def test_a_listener_on_a_port_in_use_is_refused_and_nothing_stays(one: Managed) -> None:
    with Service() as taken:
        arguments = ("create", "--type=listener", "--name=twice", *place(taken.port))
        assert one.refused(*arguments) == (
            "InternalServerErrorStatus: CError: Configuration: "
            f"Listener error on {HOST}:{taken.port}: Address already in use"
        )
        assert "twice" not in one.names("listener")
    one.done(*arguments)
    assert is_open(taken.port)
    one.done("delete", "--type=listener", "--name=twice")


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (["role=inter-router"], "BadRequestStatus: role='inter-router' not allowed"),
        (
            ["sslProfile=none"],
            "InternalServerErrorStatus: CError: Configuration: sslProfile 'none' not found",
        ),
        (["cost=0"], "InternalServerErrorStatus: CError: Configuration: Invalid cost 0"),
        (["maxFrameSize=12"], "InternalServerErrorStatus: CError: Configuration: Invalid maxFrameSize 12"),
        (["bogus=1"], "BadRequestStatus: Unknown attribute 'bogus' for 'io.skupper.router.listener'"),
        (["role=inter-network"], "NotImplementedStatus: this version does not support: role inter-network"),
    ],
)
def test_a_wrong_listener_is_refused_and_its_port_stays_closed(one: Managed, attributes, text) -> None:
    port = free_port()
    found = one.refused("create", "--type=listener", "--name=wrong", *place(port), *attributes)
    assert found.startswith(text)
    assert not is_open(port)
    assert "wrong" not in one.names("listener")


def test_a_connector_joins_two_routers_until_it_is_deleted(routers: Routers) -> None:
    ports, mesh = {name: free_port() for name in "AB"}, free_port()
    text = {name: section("router", mode="interior", id=name) for name in "AB"}
    for name in "AB":
        text[name] += section("listener", name="clients", host=HOST, port=ports[name])
    text["A"] += section("listener", name="mesh", host=HOST, port=mesh, role="inter-router")
    managed = {name: Managed(routers.start(name, text[name]), ports[name]) for name in "AB"}

    def reachable() -> set[str]:
        rows = query(ports["A"], "router.node")
        return {row["id"] for row in rows if row["cost"] is not None or row["id"] == "A"}

    made = managed["B"].done(
        "create", "--type=connector", "--name=up", "role=inter-router", *place(mesh), "cost=3"
    )
    assert isinstance(made, dict)
    assert made["identity"] == f"connector/{HOST}:{mesh}:up"
    assert made["connectionStatus"] == "CONNECTING"
    wait_until(lambda: reachable() == {"A", "B"}, "B in the mesh")
    assert passes(ports["A"], ports["B"], "across")
    read = managed["B"].done("read", "--type=connector", "--name=up")
    assert isinstance(read, dict)
    assert (read["connectionStatus"], read["cost"]) == ("SUCCESS", 3)
    managed["B"].done("delete", "--type=connector", "--name=up")
    wait_until(lambda: reachable() == {"A"}, "B gone from the mesh")
    assert managed["B"].names("connector") == set()
    assert not [row for row in query(ports["B"], "connection") if row["role"] != "normal"]


# --- the TCP adaptor


def test_a_tcp_service_is_made_used_and_deleted_with_its_connections(one: Managed) -> None:
    port = free_port()
    with Service() as service:
        made = one.done("create", "--type=tcpListener", "--name=lst2", "address=svc2", *place(port))
        assert isinstance(made, dict)
        assert list(made.items()) and made == {
            "address": "svc2",
            "host": HOST,
            "port": str(port),
            "type": "io.skupper.router.tcpListener",
            "name": "lst2",
            "identity": f"tcpListener/{HOST}:{port}:lst2",
            "backlog": 0,
            "multiAddressStrategy": "none",
            "authenticatePeer": False,
            "observer": "auto",
            "bytesIn": 0,
            "bytesOut": 0,
            "connectionsOpened": 0,
            "connectionsClosed": 0,
            "operStatus": "down",
            "connectionMsg": "",
        }
        one.done("create", "--type=tcpConnector", "--name=con2", "address=svc2", *place(service.port))
        wait_until(lambda: is_open(port), "the listener to open")
        client, server = _pair(port, service)
        with client, server:
            client.sendall(b"ping")
            assert server.recv(4) == b"ping"
            server.sendall(b"pong")
            assert client.recv(4) == b"pong"
            changed = one.done("update", "--type=tcpListener", "--name=lst2", "observer=none")
            assert isinstance(changed, dict) and changed["observer"] == "none"
            one.done("delete", "--type=tcpListener", "--name=lst2")
            assert wait_end(client) in _RESET_OR_CLOSED
            assert wait_end(server) in _RESET_OR_CLOSED
        assert not is_open(port)
        again = one.refused("delete", "--type=tcpListener", "--name=lst2")
        assert again == "NotFoundStatus: No entity with name=lst2"
        one.done("delete", "--type=tcpConnector", "--name=con2")
        assert one.names("tcpListener") == one.names("tcpConnector") == set()


def _pair(port: int, service: Service) -> tuple[socket.socket, socket.socket]:
    """A client and its connection at the service; those of `is_open` come before and are thrown away."""
    client = connect(port)
    client.sendall(b"me")
    while True:
        server = service.accept()
        if server.recv(2) == b"me":
            return client, server
        server.close()


def test_without_drop_tcp_connections_a_connection_outlives_its_listener(routers: Routers) -> None:
    port, clients = free_port(), free_port()
    text = section("router", mode="standalone", id="S", dropTcpConnections=False)
    text += section("listener", name="clients", host=HOST, port=clients)
    managed = Managed(routers.start("S", text), clients)
    with Service() as service:
        managed.done("create", "--type=tcpConnector", "--name=con", "address=svc", *place(service.port))
        managed.done("create", "--type=tcpListener", "--name=lst", "address=svc", *place(port))
        wait_until(lambda: is_open(port), "the listener to open")
        client, server = _pair(port, service)
        with client, server:
            managed.done("delete", "--name=lst")
            managed.done("delete", "--name=con")
            client.sendall(b"still")
            assert server.recv(5) == b"still"
        assert not is_open(port)


def test_addresses_of_a_multi_address_listener_come_and_go(one: Managed) -> None:
    port = free_port()
    listener = ("--type=tcpListener", "--name=many")
    one.done("create", *listener, "multiAddressStrategy=priority", *place(port))
    made = one.done("create", "--type=listenerAddress", "--name=la", "address=a", "value=3", "listener=many")
    assert made == {
        "address": "a",
        "value": 3,
        "listener": "many",
        "type": "io.skupper.router.listenerAddress",
        "name": "la",
        "identity": "listenerAddress/many:a:la",
        "connectionsOpened": 0,
    }
    twice = ("create", "--type=listenerAddress", "--name=lb", "address=a", "value=1", "listener=many")
    assert "tcpListener many has the address a already" in one.refused(*twice)
    assert one.refused("delete", *listener) == (
        "InternalServerErrorStatus: CError: Configuration: "
        "listenerAddress entities exist for  multi-address listener many"
    )
    assert one.names("listenerAddress") == {"la"}
    one.done("delete", "--type=listenerAddress", "--name=la")
    one.done("delete", *listener)
    unknown = ("create", "--type=listenerAddress", "--name=lc", "address=a", "value=3", "listener=many")
    assert "tcpListener 'many' not found" in one.refused(*unknown)


# --- addresses


def test_a_rule_counts_for_addresses_to_come_while_it_is_there(one: Managed) -> None:
    rules = [{"name": f"p{n}", "type": "address", "prefix": f"p{n}", "distribution": d} for n, d in RULES]
    made = one.done("create", "--stdin", source=json.dumps(rules))
    assert isinstance(made, list)
    numbers = [int(row.pop("identity")) for row in made]
    assert numbers[0] < numbers[1]
    assert made == [
        {
            "name": f"p{number}",
            "type": "io.skupper.router.router.config.address",
            "prefix": f"p{number}",
            "distribution": distribution,
            "pattern": None,
            "priority": -1,
        }
        for number, distribution in RULES
    ]
    with Client(one.port) as client:
        client.receiver("p2/early")
        assert _distribution(one, "p2/early") == "multicast"
        one.done("delete", "--type", "address", "--name", "p2")
        client.receiver("p2/late")
        assert _distribution(one, "p2/late") == "balanced"
        assert _distribution(one, "p2/early") == "multicast", "a known address keeps its treatment"
    one.done("delete", "--type=address", f"--identity={numbers[0]}")
    assert not {"p1", "p2"} & {row["name"] for row in query(one.port, "router.config.address")}
    one.router.wait_line("CONN_MGR (info) Created address with Prefix=p1/# and distribution=closest")
    one.router.wait_line("CONN_MGR (info) Deleted address with Prefix=p1/# and distribution=closest")


RULES = ((1, "closest"), (2, "multicast"))


def _distribution(one: Managed, address: str) -> str:
    (row,) = [row for row in query(one.port, "router.address") if row["key"] == f"M{address}"]
    return str(row["distribution"])


def test_a_rule_of_unavailability_refuses_links_and_anonymous_messages_at_once(one: Managed) -> None:
    address = ("--type=address", "--name=shut")
    with Client(one.port) as client:
        anonymous = client.sender(None)
        anonymous.wait_credit()
        one.done("create", *address, "prefix=shut", "distribution=unavailable")
        assert anonymous.send(Message(address="shut/a", body=1)).outcome().state == "rejected"
        receiver = client.receiver("shut/b", ready=False)
        trouble = client.wait(lambda: receiver.trouble, "the refusal")
        assert trouble.condition == "amqp:not-found"
        one.done("delete", *address)
        assert anonymous.send(Message(address="shut/c", body=1)).outcome().state == "released"


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (["prefix=multicast"], "BadRequestStatus: Address pattern 'multicast/#' is already configured"),
        (
            ["prefix=a", "pattern=b"],
            "BadRequestStatus: Cannot specify both a 'prefix' and a 'pattern' attribute",
        ),
        ([], "BadRequestStatus: Either a 'prefix' or 'pattern' attribute must be provided"),
        (["prefix=//"], "BadRequestStatus: Prefix invalid - no tokens"),
        (["prefix=a", "priority=10"], "BadRequestStatus: Priority value, if present, must be between 0 and"),
    ],
)
def test_a_wrong_rule_is_refused(one: Managed, attributes, text) -> None:
    before = query(one.port, "router.config.address")
    assert one.refused("create", "--type=address", "--name=wrong", *attributes).startswith(text)
    assert query(one.port, "router.config.address") == before


# --- log, profiles, others


def test_a_log_level_counts_at_once_and_a_log_that_cannot_be_written_changes_nothing(
    one: Managed, tmp_path: Path
) -> None:
    module = ("update", "--type=log", "--name=log/AGENT")
    output = tmp_path / "agent.log"
    changed = one.done(*module, "enable=info+", f"outputFile={output}")
    assert isinstance(changed, dict)
    assert (changed["module"], changed["enable"], changed["outputFile"]) == ("AGENT", "info+", str(output))
    one.refused("read", "--name=nowhere")
    assert "AGENT (error) Error performing READ: No entity with name=nowhere" in output.read_text()
    nowhere = tmp_path / "no" / "agent.log"
    assert one.refused(*module, f"outputFile={nowhere}") == (
        "InternalServerErrorStatus: CError: Configuration: Failed to open log file "
        f"'{nowhere}': No such file or directory"
    )
    assert one.refused(*module, "enable=loud").startswith(
        "InternalServerErrorStatus: CError: Configuration: 'loud' is not a valid log level. Should be one of"
    )
    read = one.done("read", "--type=log", "--name=log/AGENT")
    assert isinstance(read, dict)
    assert (read["enable"], read["outputFile"]) == ("info+", str(output))
    size = output.stat().st_size
    one.done(*module, "enable=none")
    one.refused("read", "--name=nowhere")
    assert output.stat().st_size == size
    one.done(*module, "enable=default", "outputFile")
    one.refused("read", "--name=somewhere")
    one.router.wait_line("Error performing READ: No entity with name=somewhere")


def test_profile_of_credentials_is_read_again_on_update_and_kept_if_it_cannot_be(
    one: Managed, authority: Authority
) -> None:
    first, port = authority.issue("first", addresses=("127.0.0.1",)), free_port()
    files = (
        f"caCertFile={authority.ca_file}",
        f"certFile={first.certificate}",
        f"privateKeyFile={first.key}",
    )
    made = one.done("create", "--type=sslProfile", "--name=tls", *files)
    assert isinstance(made, dict) and made["identity"] == "sslProfile/tls"
    listener = ("--type=listener", "--name=secure")
    one.done("create", *listener, *place(port), "sslProfile=tls", "requireSsl=true")
    assert _common_name(port, authority) == "first"
    with Service() as service:
        _follow_updates(one, authority, port, service)
    one.router.wait_line("AGENT (info) Updated sslProfile tls")

    one.done("delete", "--type=sslProfile", "--name=tls")
    assert _common_name(port, authority) == "second", "who uses it keeps it"
    assert "sslProfile 'tls' not found" in one.refused(
        "create", "--type=listener", "sslProfile=tls", "port=0"
    )
    one.done("delete", *listener)


def _follow_updates(one: Managed, authority: Authority, port: int, service: Service) -> None:
    """Changes of the profile "tls" that fail and one that works, for an AMQP listener and a TCP service."""
    tcp = free_port()
    one.done("create", "--type=tcpConnector", "--name=tls-con", "address=t", *place(service.port))
    one.done("create", "--type=tcpListener", "--name=tls-in", "address=t", *place(tcp), "sslProfile=tls")
    wait_until(lambda: is_open(tcp), "the listener to open")
    assert _common_name(tcp, authority) == "first"
    update = ("update", "--type=sslProfile", "--name=tls")
    assert "/no/such/file" in one.refused(*update, "certFile=/no/such/file", "ordinal=1")
    assert _common_name(port, authority) == "first"
    refusal = (
        "InternalServerErrorStatus: CError: Configuration: "
        "ordinal must be >= oldestValidOrdinal (sslProfile 'tls')"
    )
    assert one.refused(*update, "ordinal=1", "oldestValidOrdinal=2") == refusal
    negative = "Negative ordinal field values are invalid (sslProfile 'tls')"
    assert negative in one.refused(*update, "ordinal=-1")

    second = authority.issue("second", addresses=("127.0.0.1",))
    renewed = (f"certFile={second.certificate}", f"privateKeyFile={second.key}")
    changed = one.done(*update, *renewed, "ordinal=2", "oldestValidOrdinal=1")
    assert isinstance(changed, dict)
    assert (changed["ordinal"], changed["oldestValidOrdinal"]) == (2, 1)
    assert _common_name(port, authority) == "second"
    assert _common_name(tcp, authority) == "second"
    for entity in ("tls-in", "tls-con"):
        one.done("delete", "--name", entity)


def _common_name(port: int, authority: Authority) -> str:
    """Whose certificate the server shows; nothing but ours is trusted."""
    import ssl  # noqa: PLC0415 — proton's client must be loaded before it in this process

    context = ssl.create_default_context(cafile=authority.ca_file)
    with (
        socket.create_connection((HOST, port), 10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        subject = tls.getpeercert()["subject"]
    return next(value for ((name, value),) in subject if name == "commonName")


def test_proxy_profile_is_configured_data(one: Managed) -> None:
    named = ("--type=proxyProfile", "--name=proxy")
    made = one.done("create", *named, "host=proxy.example", "port=3128", "password=secret")
    assert isinstance(made, dict) and "password" not in made
    changed = one.done("update", *named, "port=8080")
    assert isinstance(changed, dict) and changed["port"] == "8080"
    one.done("delete", *named)
    assert one.names("proxyProfile") == set()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("update", "--type=router", "--name=router/S", "metadata=x"),
            "NotImplementedStatus: Operation 'UPDATE' not implemented for 'io.skupper.router.router' "
            "['READ']",
        ),
        (
            ("update", "--type=network", "--name=network/0", "networkId=other"),
            "NotImplementedStatus: this version cannot change networkId",
        ),
        (
            ("create", "--type=autoLink", "address=a", "direction=in"),
            "NotImplementedStatus: this version does not support: autoLink; remove it",
        ),
        (
            ("create", "--type=router", "--name=x", "id=x"),
            "BadRequestStatus: Adding router singleton",
        ),
        (
            ("create", "--type=tcpListener", "--name=x", "address=a"),
            "InternalServerErrorStatus: CError: Python: KeyError: ('port',)",
        ),
        (
            ("create", "--type=tcpListener", "--name=x", "port=1"),
            "InternalServerErrorStatus: CError: Configuration: Exactly one of the 'address' or "
            "'multiAddressStrategy' field must be set",
        ),
        (
            ("update", "--type=listener", "--name=clients", "port=1"),
            "NotImplementedStatus: Operation 'UPDATE' not implemented for 'io.skupper.router.listener' "
            "['CREATE', 'DELETE', 'READ']",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_the_known_words(one: Managed, arguments, text) -> None:
    assert one.refused(*arguments).startswith(text)


def test_an_immutable_attribute_cannot_be_updated_unless_it_stays_the_same(one: Managed) -> None:
    port = free_port()
    named = ("--type=tcpListener", "--name=still")
    one.done("create", *named, "address=a", *place(port))
    refusal = one.refused("update", *named, "port=1", "observer=none")
    assert refusal == "BadRequestStatus: Cannot update attribute 'port' in UPDATE"
    same = one.done("update", *named, f"port={port}", "observer=http1")
    assert isinstance(same, dict) and (same["port"], same["observer"]) == (str(port), "http1")
    one.done("delete", *named)


def test_of_creates_of_one_name_at_the_same_time_one_succeeds(one: Managed) -> None:
    ports = [free_port() for _ in range(4)]
    barrier = threading.Barrier(len(ports))
    answers: list[tuple[int, str]] = []

    def create(port: int) -> None:
        body = {"host": HOST, "port": str(port)}
        barrier.wait()
        answer = request(one.port, body, operation="CREATE", type="io.skupper.router.listener", name="same")
        answers.append((answer.properties["statusCode"], answer.properties["statusDescription"]))

    _all_at_once(create, ports)
    assert sorted(status for status, _ in answers) == [201, 400, 400, 400]
    for status, text in answers:
        assert status == 201 or "duplicates unique attribute 'name' from existing ListenerEntity(" in text
    assert sum(is_open(port) for port in ports) == 1
    one.done("delete", "--type=listener", "--name=same")


def _all_at_once(work, arguments: Sequence[int]) -> None:
    threads = [threading.Thread(target=work, args=(one,)) for one in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("body", ["text", ["list"], None, 3, b"octets"])
@pytest.mark.parametrize("entity", ["listener", "tcpListener", "sslProfile", "router.config.address"])
def test_a_body_that_is_no_map_makes_nothing(one: Managed, entity: str, body: object) -> None:
    before = query(one.port, entity)
    answer = request(one.port, body, operation="CREATE", type=f"io.skupper.router.{entity}", name="odd")
    assert answer.properties["statusCode"] in (400, 500)
    assert (
        "map" in answer.properties["statusDescription"]
        or "attribute" in answer.properties["statusDescription"]
    )
    assert query(one.port, entity) == before


# --- connections and the agent


def test_a_connection_is_closed_by_its_admin_status(one: Managed) -> None:
    with Client(one.port) as client:
        client.receiver("victim")
        (row,) = [row for row in query(one.port, "router.link") if row["owningAddr"] == "Mvictim"]
        identity = row["connectionId"]
        changed = one.done("update", "--type=connection", f"--identity={identity}", "adminStatus=deleted")
        assert isinstance(changed, dict)
        assert (changed["adminStatus"], changed["operStatus"]) == ("deleted", "closing")
        wait_until(lambda: identity not in _connections(one), "the connection to end")


def _connections(one: Managed) -> set[str]:
    return {str(row["identity"]) for row in query(one.port, "connection")}


def test_profile_tells_where_time_goes(one: Managed) -> None:
    assert one.refused("profile", "stop=yes") == "BadRequestStatus: Profiler not started"
    assert one.run("profile", "start=yes")[0] == 0
    query(one.port, "listener")
    status, text = one.run("profile", "stop=yes")
    assert status == 0
    assert "function calls" in text and "agent.py" in text
