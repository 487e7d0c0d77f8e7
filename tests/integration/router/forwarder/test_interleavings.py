"""Clients and edge routers do anything in any order: each delivery is accounted for once, nothing stays.

`SKROUTER_INTERLEAVINGS=2000` plays so many examples on each arrangement of routers (`make interleavings`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.interleaving import ADDRESSES, ASKED, STEPS, Play

EXAMPLES = int(os.environ.get("SKROUTER_INTERLEAVINGS", "0"))
PLAYED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}
pytestmark = pytest.mark.timeout(120 + 2 * EXAMPLES)
ROUTER = """
router {{
    mode: {mode}
    id: {id}
}}
listener {{
    name: clients
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}}
address {{
    prefix: mc
    distribution: multicast
}}
address {{
    prefix: closest
    distribution: closest
}}
"""
LISTENER = """
listener {{
    name: {role}
    host: 127.0.0.1
    port: 0
    role: {role}
    saslMechanisms: ANONYMOUS
}}
"""
CONNECTOR = """
connector {{
    name: up
    host: 127.0.0.1
    port: {port}
    role: {role}
}}
"""
BETWEEN, EDGE = 1, 2
"""Places of these listeners."""


def add_interior(made: Bench, name: str, *neighbors: Node) -> Node:
    text = ROUTER.format(id=name, mode="interior")
    text += LISTENER.format(role="inter-router") + LISTENER.format(role="edge")
    for neighbor in neighbors:
        text += CONNECTOR.format(port=neighbor.ports[BETWEEN], role="inter-router")
    return made.node(text)


def two(made: Bench) -> None:
    """A - B"""
    add_interior(made, "B", add_interior(made, "A"))
    made.run_until(lambda: all(node.router.core.routers for node in made.nodes), "no mesh")


def three(made: Bench) -> None:
    """A - B - C"""
    add_interior(made, "C", add_interior(made, "B", add_interior(made, "A")))
    made.run_until(lambda: all(len(node.router.core.routers) == 2 for node in made.nodes), "no mesh")


def edges(made: Bench) -> None:
    """E - A - B - F, E and F edge routers"""
    a = add_interior(made, "A")
    b = add_interior(made, "B", a)
    for name, above in (("E", a), ("F", b)):
        text = ROUTER.format(id=name, mode="edge")
        made.node(text + CONNECTOR.format(port=above.ports[EDGE], role="edge"))
    made.run_until(lambda: a.router.core.routers and b.router.core.routers, "no mesh")
    keys = {"E": a, "F": b}
    made.run_until(
        lambda: all(f"H{name}" in node.router.core.table.addresses for name, node in keys.items()),
        "no edge routers",
    )


@pytest.fixture(scope="module", params=[two, three, edges])
def line(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("line")) as made:
        request.param(made)
        yield made


@contextmanager
def played(made: Bench, *, with_edges: bool = False) -> Iterator[Play]:
    """A play after which no router holds a delivery, or knows a link of a client."""
    made.drop_peers()
    made.wait_empty()
    yield Play(made, made.nodes, edges=with_edges)
    made.drop_peers()
    made.wait_empty()
    for node in made.nodes:
        connections = node.router.core.connections.by_handle
        left = [
            link for link in node.router.core.links.by_handle.values() if link.connection not in connections
        ]
        assert left == [], "links without a connection"


@settings(max_examples=EXAMPLES or 60, **PLAYED)
@given(st.lists(STEPS, max_size=40))
def test_every_delivery_is_settled_once_whatever_clients_do(
    module_bench: Bench, steps: list[tuple[object, ...]]
) -> None:
    (node,) = module_bench.nodes
    module_bench.drop_peers()
    before = node.live()
    with played(module_bench, with_edges=True) as play:
        for name, *arguments in [
            ("receiver", 0, "x", 3),
            ("receiver", 1, "mc/x", 3),
            ("receiver", 3, "x", 3),
            ("sender", 2, "x", ASKED[1]),
            ("sender", 2, None, ASKED[2]),
            ("sender", 4, "x", ASKED[1]),
            ("rest", 0, 0, 0),
            *steps,
        ]:
            play.step(str(name), *arguments)
        play.finish()
    module_bench.rest()
    assert node.live() == before
    assert node.router.core.links.by_handle == {}


@settings(max_examples=EXAMPLES or 10, **PLAYED)
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_credit_and_deliveries_are_conserved_between_routers(
    line: Bench, steps: list[tuple[object, ...]]
) -> None:
    with played(line) as play:
        count = len(play.peers)
        for address in ADDRESSES:
            for number in (0, count // 2, count - 1):
                play.step("receiver", number, address, 5)
            play.step("sender", 1, address, ASKED[1])
            play.step("sender", count - 2, address, ())
        play.step("sender", 0, None, ASKED[2])
        line.run_until(play.is_ready, "no credit for the senders")
        for name, *arguments in steps:
            play.step(str(name), *arguments)
        play.finish()
