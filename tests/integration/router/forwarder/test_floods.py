"""A message for all routers is passed on once, whichever ways it comes; later it may be said again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.amqp.annotations import RouterAnnotations, decode_annotations, encode_annotations
from skrouter.amqp.types import Symbol
from skrouter.router.core import events
from skrouter.router.core.effects import Treatment
from skrouter_testing.engines import Bench, bench
from skrouter_testing.peers import Link, composite, message

CONTROL = Symbol("qd.router")
FLOOD_KEY = "Tfloods"
EVERYWHERE = "_topo/0/all/floods"
BEHIND = 60
"""Index of a router that is only reached through the raw neighbor."""
ORIGINS = {"Y": 61, "Z": 62}
MEMORY = 2.0
REMEMBERED = 8
CONF = """
router {{
    mode: interior
    id: {id}
}}
listener {{
    name: routers
    host: 127.0.0.1
    port: 0
    role: inter-router
    saslMechanisms: ANONYMOUS
}}
"""
CONNECTOR = """
connector {{
    name: {name}
    host: 127.0.0.1
    port: {port}
    role: inter-router
}}
"""


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("lone")) as made:
        made.node(CONF.format(id="A"))
        yield made


class Ends:
    """Two raw neighbors of a router: floods come from one and go on to the other."""

    def __init__(self, made: Bench) -> None:
        self.bench = made
        (self.node,) = made.nodes
        forwarder = self.node.router.forwarder
        self.numbers = itertools.count()
        self.source = self._control("source", sender=True)
        self.sink = self._control("sink", sender=False)
        self._control("sink", sender=True, link=self.sink)
        made.run_until(lambda: self.node.router.core.connections.neighbors, "no neighbor")
        (slot,) = self.node.router.core.connections.neighbors
        self.sink.give(500)
        forwarder.set_router(BEHIND, slot, 1, b"")
        self.entry = forwarder.publish(FLOOD_KEY, int(Treatment.FLOOD), control_only=True)
        forwarder.set_entry_routers(self.entry, [BEHIND])
        self.origins = []
        for name, index in ORIGINS.items():
            forwarder.set_router(index, -1, 1, b"")
            self.origins.append(forwarder.publish(f"R{name}", int(Treatment.CLOSEST)))
            forwarder.set_entry_routers(self.origins[-1], [index])
        made.rest()

    def _control(self, name: str, *, sender: bool, link: Link | None = None) -> Link:
        peer = link.peer if link is not None else self.bench.peer(self.node.ports[0], name)
        made = peer.attach(
            None,
            sender=sender,
            source=composite("source", capabilities=CONTROL),
            target=composite("target", capabilities=CONTROL),
        )
        self.bench.run_until(lambda: made.attach and (made.credit > 0 or not sender), "no control link")
        return made

    def fresh(self) -> bytes:
        """A body that nobody has sent yet."""
        return f"{time.monotonic_ns()}.{next(self.numbers)}".encode()

    @staticmethod
    def octets(body: bytes, ingress: str = "W", *, flags: int = 0, to: str = EVERYWHERE) -> bytes:
        node = f"0/{ingress}"
        return encode_annotations(RouterAnnotations(flags, None, node, (node,))) + message(body, to=to)

    def flood(self, body: bytes, ingress: str = "W", *, settled: bool = True) -> None:
        self.source.send(self.octets(body, ingress), settled=settled)
        self.bench.rest()

    def passed(self, body: bytes) -> int:
        """How many times it has been passed on to the other neighbor, unchanged."""
        count = 0
        for item in self.sink.received:
            _, end = decode_annotations(item.content)
            count += item.content[end:] == message(body, to=EVERYWHERE)
        return count

    def close(self) -> None:
        forwarder = self.node.router.forwarder
        self.bench.drop_peers()
        self.bench.rest()
        for handle in (self.entry, *self.origins):
            forwarder.withdraw(handle)
        for index in (BEHIND, *ORIGINS.values()):
            forwarder.forget_router(index)
        live = self.node.live()
        assert [live[name] for name in ("arrivals_live", "copies_live", "contents_live")] == [0, 0, 0]


@pytest.fixture
def ends(lone: Bench) -> Iterator[Ends]:
    made = Ends(lone)
    yield made
    made.close()


@pytest.mark.parametrize("ingress", ["W", "Y"], ids=["of an unknown router", "of a known router"])
def test_a_flood_that_comes_again_is_not_passed_on_again(ends: Ends, ingress: str) -> None:
    body = ends.fresh()
    credit = ends.source.credit
    for _ in range(4):
        ends.flood(body, ingress)
    assert ends.passed(body) == 1
    assert ends.source.credit == credit


def test_another_flood_and_the_same_of_another_router_are_passed_on(ends: Ends) -> None:
    body, other = ends.fresh(), ends.fresh()
    for each in (body, other):
        for ingress in ("Y", "Z", "Y"):
            ends.flood(each, ingress)
    assert (ends.passed(body), ends.passed(other)) == (2, 2)


def test_a_flood_is_passed_on_again_after_two_seconds(ends: Ends) -> None:
    body = ends.fresh()
    began = time.monotonic()
    ends.flood(body)

    def is_passed_again() -> bool:
        ends.source.send(ends.octets(body), settled=True)
        return ends.passed(body) == 2

    ends.bench.run_until(is_passed_again, "never again")
    assert time.monotonic() - began > MEMORY - 0.1


def test_the_last_eight_floods_of_a_router_are_remembered(ends: Ends) -> None:
    bodies = [ends.fresh() for _ in range(REMEMBERED + 1)]
    for body in bodies:
        ends.flood(body)
    for body in reversed(bodies):
        ends.flood(body)
    assert [ends.passed(body) for body in bodies] == [2] + [1] * REMEMBERED


def test_what_waits_for_an_outcome_is_not_taken_for_a_flood(ends: Ends) -> None:
    body = ends.fresh()
    for _ in range(2):
        ends.flood(body, settled=False)
    assert ends.passed(body) == 2
    for item in ends.sink.received:
        ends.sink.settle(item)
    ends.bench.rest()


def test_floods_that_are_still_arriving_are_passed_on_as_they_come(ends: Ends) -> None:
    """What is not here yet cannot be compared; and a delivery may not end before its last octet."""
    body = ends.fresh()
    whole = ends.octets(body, flags=1)
    for _ in range(3):
        ends.source.send(whole[:-3], settled=True, more=True)
        ends.bench.rest()
        ends.source.go_on(whole[-3:])
        ends.bench.rest()
    assert ends.passed(body) == 3


def test_what_this_router_says_twice_is_sent_twice(ends: Ends) -> None:
    body = ends.fresh()
    for _ in range(2):
        ends.node.router.forwarder.send(message(body, to=EVERYWHERE), control=True)
        ends.bench.rest()
    assert ends.passed(body) == 2


# --- real routers


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Bench]:
    """Four routers, each joined to each."""
    with bench(tmp_path) as made:
        for name in "ABCD":
            ups = [
                CONNECTOR.format(name=f"up{number}", port=node.ports[0])
                for number, node in enumerate(made.nodes)
            ]
            made.node(CONF.format(id=name) + "".join(ups))
        made.run_until(
            lambda: all(
                len(node.router.core.routers) == 3 and len(node.router.core.connections.neighbors) == 3
                for node in made.nodes
            ),
            "no mesh",
            patience=40.0,
        )
        yield made


def test_in_a_mesh_of_cycles_a_flood_crosses_no_link_more_than_once_in_each_direction(full: Bench) -> None:
    heard: dict[str, list[bytes]] = {}
    for node in full.nodes:
        mine = heard[node.config.router.id] = []
        node.router.subscribe(
            events.EndpointAdded(FLOOD_KEY, control_only=True, treatment=Treatment.FLOOD, everywhere=True),
            lambda event, mine=mine: mine.append(event.content),
        )
    entries = [node.router.execution.entries[FLOOD_KEY] for node in full.nodes]

    def passed_on() -> list[int]:
        return [
            node.router.forwarder.entry_facts(entry)[2]
            for node, entry in zip(full.nodes, entries, strict=True)
        ]

    bodies = [message(f"flood {number}".encode(), to=EVERYWHERE) for number in range(6)]
    for body in bodies:
        before = passed_on()
        full.nodes[0].router.forwarder.send(body, control=True)
        full.run_until(lambda: all(body in heard[name] for name in "BCD"), "not everybody hears it")  # noqa: B023
        for _ in range(30):
            full.round()
        copies = [now - then for now, then in zip(passed_on(), before, strict=True)]
        # Without a memory each would pass on up to five: what came directly, and by two ways round.
        assert copies[0] == 0
        assert max(copies) <= 2
    assert heard == {"A": [], "B": bodies, "C": bodies, "D": bodies}
