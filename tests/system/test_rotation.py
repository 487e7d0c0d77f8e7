"""Certificates renewed on running routers by management, while clients and TCP streams notice nothing."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client, Sent
from skrouter_testing.certs import Authority
from skrouter_testing.live_management import query, request
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.tcp_peers import Service, connect

LOST = "Link to Neighbor Router Lost"
UPGRADING = re.compile(r"ROUTER_CORE \(info\) Upgrading connection \[C(\d+)\] to \[C(\d+)\]")


class Site:
    """Routers whose connections use certificates that can be renewed; `ports` are those for clients."""

    def __init__(self, directory: Path, routers: Routers) -> None:
        self.routers = routers
        self.authority = Authority(directory)
        self.directory = directory
        self.ports: dict[str, int] = {}
        self.revision = 0

    def install(self) -> None:
        """New certificates for everybody, under the names that the configurations have."""
        for name in "ABE":
            issued = self.authority.issue(f"{name}-{self.revision}", addresses=(HOST,))
            shutil.copy(issued.certificate, self.directory / f"{name}.crt")
            shutil.copy(issued.key, self.directory / f"{name}.key")
        self.revision += 1

    def add(self, name: str, *more: str, mode: str = "interior") -> None:
        """A router with a profile and a listener for clients, and what else it is given."""
        self.ports[name] = free_port()
        text = section("router", mode=mode, id=name, dataConnectionCount=1)
        text += section(
            "sslProfile",
            name="tls",
            caCertFile=self.authority.ca_file,
            certFile=self.directory / f"{name}.crt",
            privateKeyFile=self.directory / f"{name}.key",
        )
        text += section("listener", name="clients", host=HOST, port=self.ports[name])
        self.routers.add(name, text + "".join(more))

    def update(self, name: str, **changes: int) -> Any:
        """UPDATE of the router's profile; the answer."""
        return request(
            self.ports[name], changes, operation="UPDATE", type="io.skupper.router.sslProfile", name="tls"
        )

    def rows(self, name: str) -> list[tuple[str, int]]:
        """Role and TLS ordinal of the connections between routers."""
        rows = query(self.ports[name], "connection")
        return sorted((row["role"], row["tlsOrdinal"]) for row in rows if row["role"] != "normal")

    def wait_rows(self, name: str, *expected: tuple[str, int]) -> None:
        """Until the router has these connections to others."""
        wait_until(lambda: self.rows(name) == sorted(expected), f"{name} to have {expected}")


@pytest.fixture
def site(tmp_path: Path, routers: Routers) -> Site:
    made = Site(tmp_path, routers)
    made.install()
    return made


class Traffic:
    """Numbered messages from one port to another, one after the other, until it is stopped."""

    def __init__(self, here: int, there: int) -> None:
        self._sending, self._receiving = Client(here), Client(there)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._sent: list[Sent] = []

    def __enter__(self) -> Traffic:
        self._sending.__enter__()
        self._receiving.__enter__()
        self._receiver = self._receiving.receiver("traffic", credit=MOST, answer="accepted")
        self._sender = self._sending.sender("traffic")
        self._sender.wait_credit()
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stopped.is_set() and len(self._sent) < MOST:
            self._sender.wait_credit()
            self._sent.append(self._sender.send(Message(body=len(self._sent))))

    def finish(self, *others: str) -> None:
        """Stop, and check that each message came once and was accepted; the sender may hear `others` too."""
        self._stopped.set()
        self._thread.join()
        outcomes = [sent.outcome().state for sent in self._sent]
        assert {"accepted"} <= set(outcomes) <= {"accepted", *others}
        accepted = {number for number, outcome in enumerate(outcomes) if outcome == "accepted"}
        wait_until(lambda: accepted <= {one.body for one in self._receiver.arrivals}, "all to come")
        bodies = [arrival.body for arrival in self._receiver.arrivals]
        assert len(bodies) == len(set(bodies))

    def __exit__(self, *exception: Any) -> None:
        self._stopped.set()
        self._thread.join()
        self._receiving.close()
        self._sending.close()


class Stream:
    """A TCP connection through the routers, and the other end of it."""

    def __init__(self, port: int, service: Service) -> None:
        self.near = connect(port)
        self.far = service.accept()
        for end in (self.near, self.far):
            end.settimeout(20)

    def passes(self, octets: bytes) -> None:
        """The octets go through, and back."""
        for here, there in ((self.near, self.far), (self.far, self.near)):
            here.sendall(octets)
            received = b""
            while len(received) < len(octets):
                piece = there.recv(65536)
                assert piece, f"ended after {len(received)} octets"
                received += piece
            assert received == octets

    def wait_end(self) -> None:
        """Until the near end hears that it is over."""
        try:
            assert self.near.recv(1) == b""
        except ConnectionResetError:
            return

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture
def streams() -> Iterator[list[Stream]]:
    made: list[Stream] = []
    yield made
    for stream in made:
        stream.close()


MOST = 100_000
OCTETS = bytes(range(256)) * 2000


def test_b13_nobody_notices_that_the_connections_of_two_routers_are_renewed(
    site: Site, routers: Routers, streams: list[Stream]
) -> None:
    mesh, service_port = free_port(), free_port()
    between = {"host": HOST, "port": mesh, "role": "inter-router", "sslProfile": "tls"}
    with Service() as service:
        site.add(
            "A",
            section("listener", name="mesh", authenticatePeer=True, saslMechanisms="EXTERNAL", **between),
            section("tcpListener", name="in", host=HOST, port=service_port, address="svc"),
        )
        site.add(
            "B",
            section("connector", name="mesh", **between),
            section("tcpConnector", name="out", host=HOST, port=service.port, address="svc"),
        )
        for name in "AB":
            routers[name].start()
        routers["A"].wait_line("Listener in: listening for client connections")
        old, new = (
            (("inter-router", 0), ("inter-router-data", 0)),
            (("inter-router", 1), ("inter-router-data", 1)),
        )
        site.wait_rows("A", *old)
        with Traffic(site.ports["B"], site.ports["A"]) as traffic:
            streams.append(Stream(service_port, service))
            streams[0].passes(OCTETS)
            site.install()
            assert site.update("A", ordinal=1).properties["statusCode"] == 200
            assert site.rows("A") == sorted(old)
            assert site.update("B", ordinal=1).properties["statusCode"] == 200
            for name in "AB":
                site.wait_rows(name, *old, *new)
                routers[name].wait_line("Upgrading connection [C")
            streams[0].passes(OCTETS)
            streams.append(Stream(service_port, service))
            streams[1].passes(OCTETS)
            traffic.finish()
        assert site.update("B", oldestValidOrdinal=1).properties["statusCode"] == 200
        streams[0].wait_end()
        for name in "AB":
            site.wait_rows(name, *new)
            (found,) = filter(None, map(UPGRADING.search, routers[name].lines))
            routers[name].wait_line(f"ROUTER_CORE (info) [C{found[1]}] Connection Closed")
            assert routers[name].found(LOST) == []
            assert routers[name].found("failed:") == []
        streams[1].passes(OCTETS)
        with Traffic(site.ports["A"], site.ports["B"]) as traffic:
            traffic.finish()


def test_the_listener_ends_old_connections_and_takes_the_connector_as_it_is(
    site: Site, routers: Routers
) -> None:
    between = {"host": HOST, "port": free_port(), "role": "inter-router", "sslProfile": "tls"}
    site.add("A", section("listener", name="mesh", **between))
    site.add("B", section("connector", name="mesh", **between))
    for name in "AB":
        routers[name].start()
    for name in "AB":
        site.wait_rows(name, ("inter-router", 0), ("inter-router-data", 0))
    wait_until(lambda: len(query(site.ports["A"], "router.node")) == 2, "A to know B")
    assert site.update("A", ordinal=2, oldestValidOrdinal=2).properties["statusCode"] == 200
    site.wait_rows("A", ("inter-router", 2), ("inter-router-data", 2))
    site.wait_rows("B", ("inter-router", 0), ("inter-router-data", 0))
    groups = {row["groupOrdinal"] for row in query(site.ports["A"], "connection") if row["role"] != "normal"}
    assert groups == {0}
    assert site.update("B", ordinal=1, oldestValidOrdinal=1).properties["statusCode"] == 200
    site.wait_rows("B", ("inter-router", 1), ("inter-router-data", 1))


@pytest.mark.parametrize("changes", [{"ordinal": 0}, {"ordinal": 1, "oldestValidOrdinal": 2}])
def test_b13_an_ordinal_below_the_oldest_valid_one_is_refused(
    site: Site, routers: Routers, changes: Any
) -> None:
    site.add("A", mode="standalone")
    routers["A"].start()
    assert site.update("A", ordinal=1, oldestValidOrdinal=1).properties["statusCode"] == 200
    answer = site.update("A", **changes)
    assert answer.properties["statusCode"] == 500
    assert (
        "ordinal must be >= oldestValidOrdinal (sslProfile 'tls')" in answer.properties["statusDescription"]
    )
    assert [row["ordinal"] for row in query(site.ports["A"], "sslProfile")] == [1]


@pytest.mark.parametrize("to_edge", [False, True])
def test_an_edge_router_changes_its_uplink_and_senders_hear_of_what_was_under_way(
    site: Site, routers: Routers, to_edge: bool
) -> None:
    between = {"host": HOST, "port": free_port(), "role": "edge", "sslProfile": "tls"}
    site.add("A", section("listener", name="edges", **between))
    site.add("E", section("connector", name="uplink", **between), mode="edge")
    for name in "AE":
        routers[name].start()
    for name in "AE":
        site.wait_rows(name, ("edge", 0))
    here, there = ("A", "E") if to_edge else ("E", "A")
    with Traffic(site.ports[here], site.ports[there]) as traffic:
        site.install()
        assert site.update("E", ordinal=1).properties["statusCode"] == 200
        site.wait_rows("E", ("edge", 0), ("edge", 1))
        traffic.finish("modified", "released")
    site.update("E", oldestValidOrdinal=1)
    site.wait_rows("E", ("edge", 1))
    site.wait_rows("A", ("edge", 0))
    with Traffic(site.ports[here], site.ports[there]) as traffic:
        traffic.finish()
    assert routers["E"].found("failed:") == []
