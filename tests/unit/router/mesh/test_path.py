"""Paths: vectors of the reference, and agreement with the plainest computation on random graphs."""

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.mesh.path import Routes, compute

Graph = Mapping[str, Mapping[str, int]]


def undirected(*links: tuple[str, str, int]) -> dict[str, dict[str, int]]:
    """Link states of routers joined by links with costs."""
    graph: dict[str, dict[str, int]] = {}
    for one, other, cost in links:
        graph.setdefault(one, {})[other] = cost
        graph.setdefault(other, {})[one] = cost
    return graph


DIAMOND = undirected(("A", "B", 1), ("A", "C", 1), ("B", "D", 1), ("C", "D", 1))
WEIGHTED = undirected(("A", "B", 1), ("A", "C", 2), ("B", "D", 2), ("C", "D", 1))

VECTORS: list[tuple[Graph, str, dict[str, tuple[str, int, str]], int]] = [
    (DIAMOND, "A", {"B": ("B", 1, "C"), "C": ("C", 1, "B"), "D": ("B", 2, "")}, 2),
    (DIAMOND, "B", {"A": ("A", 1, "D"), "C": ("A", 2, ""), "D": ("D", 1, "A")}, 2),
    (DIAMOND, "C", {"A": ("A", 1, ""), "B": ("A", 2, ""), "D": ("D", 1, "")}, 2),
    (DIAMOND, "D", {"A": ("B", 2, ""), "B": ("B", 1, ""), "C": ("C", 1, "")}, 2),
    (WEIGHTED, "A", {"B": ("B", 1, ""), "C": ("C", 2, "B"), "D": ("B", 3, "")}, 2),
    # D reaches A through C, so D is no valid origin at B: the sets follow the trees.
    (WEIGHTED, "B", {"A": ("A", 1, ""), "C": ("A", 3, ""), "D": ("D", 2, "A")}, 2),
    (WEIGHTED, "C", {"A": ("A", 2, "D"), "B": ("D", 3, ""), "D": ("D", 1, "")}, 2),
    (WEIGHTED, "D", {"A": ("C", 3, ""), "B": ("B", 2, "C"), "C": ("C", 1, "")}, 2),
    ({"A": {"B": 1}, "B": {"A": 1, "Z": 5}}, "A", {"B": ("B", 1, ""), "Z": ("B", 6, "")}, 2),
    ({"A": {}}, "A", {}, 0),
    ({}, "A", {}, 0),
]


@pytest.mark.parametrize(("graph", "router_id", "expected", "radius"), VECTORS)
def test_routes_are_those_of_the_reference(
    graph: Graph, router_id: str, expected: dict[str, tuple[str, int, str]], radius: int
) -> None:
    routes = compute(graph, router_id)
    assert routes.next_hops == {target: hop for target, (hop, _, _) in expected.items()}
    assert routes.costs == {target: cost for target, (_, cost, _) in expected.items()}
    assert routes.valid_origins == {target: tuple(origins) for target, (_, _, origins) in expected.items()}
    assert (routes.radius, routes.unreachable) == (radius, ())


def test_isolated_router_has_no_routes_and_names_the_unreachable() -> None:
    routes = compute({"A": {}, "B": {"C": 1}, "C": {"B": 1}}, "A")
    assert routes == Routes({}, {}, {}, 0, ("B", "C"))


def test_link_is_used_in_its_own_direction_only() -> None:
    graph = {"A": {"B": 1}, "B": {}, "C": {"A": 1}}
    assert compute(graph, "A").next_hops == {"B": "B"}
    assert compute(graph, "A").unreachable == ("C",)


IDS = ["A", "B", "C", "D", "E", "F", "G"]
LINKS = st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS), st.integers(1, 3)), max_size=14)


def tree(graph: Graph, origin: str) -> dict[str, str]:
    """Predecessors by a sorted list of unsettled routers, written down as the specification says it."""
    costs = {origin: 0}
    predecessors: dict[str, str] = {}
    unsettled = sorted(graph)
    while unsettled:
        unsettled.sort(key=lambda key: (costs.get(key, 10**9), key))
        router = unsettled.pop(0)
        if router not in costs:
            break
        for peer, cost in graph[router].items():
            total = costs[router] + cost
            if peer in unsettled and (peer not in costs or total < costs[peer]):
                costs[peer], predecessors[peer] = total, router
    return predecessors


def way(graph: Graph, origin: str, target: str) -> list[str]:
    """The path, both ends included."""
    predecessors, found = tree(graph, origin), [target]
    while found[-1] != origin:
        found.append(predecessors[found[-1]])
    return found[::-1]


@given(LINKS)
def test_routes_of_any_graph_are_those_of_the_plain_computation(links: list[tuple[str, str, int]]) -> None:
    graph: dict[str, dict[str, int]] = {router_id: {} for router_id in IDS}
    for one, other, cost in links:
        if one != other:
            graph[one][other] = cost
    routes = compute(graph, "D")
    reachable = set(tree(graph, "D"))
    assert set(routes.next_hops) == set(routes.costs) == set(routes.valid_origins) == reachable
    assert set(routes.unreachable) == set(IDS) - reachable - {"D"}
    for target in reachable:
        path = way(graph, "D", target)
        steps = pairwise(path)
        assert (routes.next_hops[target], routes.costs[target]) == (
            path[1],
            sum(graph[a][b] for a, b in steps),
        )
        origins = [o for o in IDS if o != "D" and target in tree(graph, o) and "D" in way(graph, o, target)]
        assert list(routes.valid_origins[target]) == origins
    assert routes.radius == max((len(way(graph, "D", target)) - 1 for target in reachable), default=0)


@given(LINKS, st.permutations(IDS))
def test_routes_do_not_depend_on_the_order_in_which_link_states_became_known(
    links: list[tuple[str, str, int]], order: list[str]
) -> None:
    graph = undirected(*((one, other, cost) for one, other, cost in links if one != other))
    shuffled = {key: dict(reversed(graph[key].items())) for key in order if key in graph}
    assert compute(shuffled, "D") == compute(graph, "D")
