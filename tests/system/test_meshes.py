"""Interior routers in a line of five, a ring of six and a full mesh of four: traffic, and what cuts do to it.

The ring's links pass relays, which can be cut or fall silent. Bounds: what is closed is noticed at once,
silence after three seconds (helloMaxAgeSeconds); traffic moves as soon as ticks allow, and nothing that was
accepted is lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.relay import Relay
from skrouter_testing.tcp_peers import Service, connect, exchange
from skrouter_testing.topology import Link, Topology
from skrouter_testing.traffic import carry
from skrouter_testing.trickle import Trickle

TICK = 1.0
"""Seconds between two looks for silent neighbors."""
DETECTION = 3.0 + TICK
"""Seconds until silence is noticed: it is looked for at ticks."""
MOVE = 1.0
"""Seconds until traffic has moved then."""

SHAPES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "line": ("ABCDG", [("B", "A"), ("C", "B"), ("D", "C"), ("G", "D")]),
    "ring": ("ABCDFG", [("B", "A"), ("C", "B"), ("D", "C"), ("F", "D"), ("G", "F"), ("A", "G")]),
    "full": ("ABCD", [("B", "A"), ("C", "A"), ("D", "A"), ("C", "B"), ("D", "B"), ("D", "C")]),
}
FAR = {"line": "G", "ring": "D", "full": "D"}
"""The router that is farthest from A."""


class Shape(Topology):
    """A TCP listener on A, its service behind the router that is farthest, and a relay in every link."""

    def __init__(self, routers: Routers, shape: str, stack: ExitStack) -> None:
        names, pairs = SHAPES[shape]
        self.shape, self.far = shape, FAR[shape]
        self.service = stack.enter_context(Service())
        self.tcp_port = free_port()
        extra = {
            "A": section("tcpListener", name="in", host=HOST, port=self.tcp_port, address="tcp"),
            self.far: section("tcpConnector", name="out", host=HOST, port=self.service.port, address="tcp"),
        }
        cables = [free_port() for _ in pairs] if shape == "ring" else [None] * len(pairs)
        links = [
            Link(caller, called, port=port) for (caller, called), port in zip(pairs, cables, strict=True)
        ]
        super().__init__(routers, names, links, extra=extra)
        self.cables = {
            (link.caller, link.called): stack.enter_context(
                Relay(link.port, self.mesh_ports[link.called, "inter-router"], keeps=False)
            )
            for link in self.links
            if link.port is not None
        }

    @property
    def ends(self) -> tuple[int, int]:
        """The clients' ports of A and of the farthest router."""
        return self.ports["A"], self.ports[self.far]

    def wait_whole(self) -> None:
        """Until every router of the ring reaches every other over the shorter way."""
        size = len(self.names)
        for place, name in enumerate(self.names):
            steps = [(self.names[(place + n) % size], min(n, size - n)) for n in range(1, size)]
            wait_until(
                lambda name=name, steps=steps: self.costs(name) == dict(steps), f"{name} to see the ring"
            )

    def costs(self, name: str) -> dict[str, int]:
        """The cost of the way to every other router."""
        rows = query(self.ports[name], "router.node")
        return {row["id"]: row["cost"] for row in rows if row["id"] != name}


def made(tmp_path_factory: pytest.TempPathFactory, shape: str) -> Iterator[Shape]:
    with ExitStack() as stack:
        routers = stack.enter_context(Routers(tmp_path_factory.mktemp(shape)))
        yield Shape(routers, shape, stack).start()  # type: ignore[misc]


@pytest.fixture(scope="module", params=SHAPES)
def shape(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    yield from made(tmp_path_factory, str(request.param))


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    yield from made(tmp_path_factory, "ring")


def wait_known(shape: Shape, address: str) -> None:
    """The first router may hear of a consumer by another way than its messages take."""
    for name in shape.names:
        shape.wait_reachable(name, address)


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
def test_c2_messages_cross_the_whole_mesh_once_and_in_order(shape, address, settled):
    plan = [*[100] * 200, 1_000_000, *[100] * 200]
    carry(shape.ends, address, plan, settled=settled, known=lambda: wait_known(shape, address))
    back = f"{address}/back"
    carry(shape.ends[::-1], back, [100] * 100, settled=settled, known=lambda: wait_known(shape, back))


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
def test_c3_multicast_reaches_each_consumer_of_the_mesh_exactly_once(shape, address_below, settled):
    address = address_below("multicast")
    with ExitStack() as stack:
        at = {name: stack.enter_context(Client(shape.ports[name])) for name in shape.names}
        receivers = {name: client.receiver(address) for name, client in at.items()}
        wanted = (1, len(shape.names) - 1)
        for name in shape.names:
            wait_until(lambda name=name: shape.destinations(name, address) == wanted, f"{name} to know all")
        for origin, client in at.items():
            sender = client.sender(address)
            sender.wait_credit()
            sent = [sender.send(Message(body=(origin, n)), settled=settled) for n in range(5)]
            for name, receiver in receivers.items():
                found = [tuple(arrival.body) for arrival in receiver.take(5)]
                assert found == [(origin, n) for n in range(5)], name
            assert {each.outcome().state for each in sent} == {"settled" if settled else "accepted"}
        assert sender.send(Message(body="fence")).outcome().state == "accepted"
        assert {len(each.arrivals) for each in receivers.values()} == {5 * len(at) + 1}


def test_c3_replies_come_back_over_the_whole_mesh(shape, address):
    with Client(shape.ends[0]) as here, Client(shape.ends[1]) as there:
        replies, service = here.receiver(None, dynamic=True), there.receiver(address)
        wait_known(shape, address)
        request = here.sender(address)
        request.wait_credit()
        assert request.send(Message(body="q", reply_to=replies.address)).outcome().state == "accepted"
        answer = Message(address=service.take()[0].message.reply_to, body="a")
        assert there.sender(None).send(answer).outcome().state == "accepted"
        assert replies.take()[0].body == "a"


def test_tcp_crosses_the_whole_mesh(shape):
    shape["A"].wait_line("Listener in: listening for client connections")
    with connect(shape.tcp_port) as client, shape.service.accept() as server:
        exchange(client, server, 5_000_000, 40)


def test_c2_a_changed_cost_moves_traffic(routers, address):
    """A - B - C and a direct way A - C, first cheap, then dear."""
    links = [Link("B", "A"), Link("C", "B"), Link("C", "A")]
    mesh = Topology(routers, "ABC", links).start()
    cheap = {str(row["id"]): row["cost"] for row in query(mesh.ports["A"], "router.node")}
    assert cheap["C"] == 1
    mesh["C"].stop()
    text, changed = re.subn(
        r"(name: to-A\n(?: .*\n)*?    cost: )1\n", r"\g<1>5\n", mesh["C"].config.read_text()
    )
    assert changed == 1
    mesh["C"].write(text)
    mesh.links[2] = Link("C", "A", 5)
    mesh.start("C")

    def cost() -> object:
        rows = query(mesh.ports["A"], "router.node")
        return next((row["cost"] for row in rows if row["id"] == "C"), None)

    wait_until(lambda: cost() == 2, "the way over B")
    ends = mesh.ports["A"], mesh.ports["C"]
    carry(ends, address, [100] * 50, known=lambda: mesh.wait_reachable("B", address))
    rows = query(mesh.ports["B"], "router.link")
    carried = [row for row in rows if row["linkType"] == "inter-router" and row["deliveryCount"] >= 50]
    assert carried, "nothing has passed B"


# --- cuts


def moves_within(shape: Shape, address: str, bound: float, cut: Callable[[], None]) -> None:
    """Traffic from A to the farthest router goes on within so many seconds, and nothing accepted is lost."""
    shape.wait_whole()
    try:
        with Trickle(shape.ends, address, 0.05) as trickle:
            began = time.monotonic()
            cut()
            took = trickle.wait_moved(began + 0.05)
            for cable in shape.cables.values():
                cable.mend()
            trickle.finish()
    finally:
        for cable in shape.cables.values():
            cable.mend()
    assert took < bound, f"{took:.2f} s"


@pytest.mark.parametrize("cable", SHAPES["ring"][1], ids="-".join)
def test_cutting_any_link_of_the_ring_moves_traffic_in_time(ring, address, cable):
    moves_within(ring, address, MOVE, ring.cables[cable].cut)


@pytest.mark.parametrize("cable", [("B", "A"), ("A", "G")], ids="-".join)
def test_silence_of_a_link_of_the_ring_is_noticed_in_time_and_traffic_moves(ring, address, cable):
    moves_within(ring, address, DETECTION + MOVE, ring.cables[cable].hold)


@pytest.mark.parametrize("name", "BCFG")
def test_killing_any_router_of_the_ring_moves_traffic_in_time(ring, address, name):
    try:
        moves_within(ring, address, MOVE, ring[name].kill)
    finally:
        ring.start(name)
