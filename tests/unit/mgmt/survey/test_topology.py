"""The map of a network, from what its routers say."""

from dataclasses import replace

import pytest
from skrouter.mgmt.survey.ask import Mesh
from skrouter.mgmt.survey.reports import Report
from skrouter.mgmt.survey.topology import Link, Place, topology
from skrouter_testing.survey_reports import Interior, connection

TRIANGLE = Interior({("A", "B"): 3, ("B", "C"): 2, ("A", "C"): 9}, {"E1": "A", "E2": "C"})


def tree(places: tuple[Place, ...]) -> list[tuple[str, int, str | None, int | None]]:
    return [(place.id, place.depth, place.parent, place.cost) for place in places]


def test_routers_are_below_the_one_on_the_shortest_way_to_them() -> None:
    found = topology(TRIANGLE.mesh("A"))
    assert tree(found.places) == [
        ("A", 0, None, 0),
        ("B", 1, "A", 3),
        ("C", 2, "B", 5),
        ("E2", 3, "C", None),
        ("E1", 1, "A", None),
    ]
    assert [(link.ends, link.cost) for link in found.others] == [(("A", "C"), 9)]
    assert found.problems == ()


def test_map_from_an_edge_router_begins_with_it_and_counts_costs_from_its_interior_router() -> None:
    found = topology(TRIANGLE.mesh("E2"))
    assert tree(found.places) == [
        ("E2", 0, None, None),
        ("C", 1, "E2", 0),
        ("B", 2, "C", 2),
        ("A", 3, "B", 5),
        ("E1", 4, "A", None),
    ]


def test_standalone_router_is_a_map_of_one() -> None:
    found = topology(Mesh("S", {"S": Report("S", "standalone", "1.0")}))
    assert (tree(found.places), found.others, found.problems) == ([("S", 0, None, 0)], (), ())


@pytest.mark.parametrize("size", [2, 5, 30])
def test_every_router_of_a_ring_has_one_place_and_every_link_is_shown_once(size: int) -> None:
    names = [f"R{number:02}" for number in range(size)]
    costs = {
        (first, second): 1 + index % 3
        for index, (first, second) in enumerate(zip(names, names[1:] + names[:1], strict=True))
        if first != second
    }
    if size == 2:
        costs = {("R00", "R01"): 1}
    ring = Interior(costs)
    for start in names[:5]:
        found = topology(ring.mesh(start))
        assert sorted(place.id for place in found.places) == names
        shown = [place.link.ends for place in found.places if place.link] + [one.ends for one in found.others]
        assert sorted(shown) == sorted({tuple(sorted(pair)) for pair in costs})


def test_a_place_costs_what_its_parent_and_the_link_cost() -> None:
    grid = Interior(
        {
            (f"R{row}{column}", f"R{row + down}{column + 1 - down}"): 1 + (row * 7 + column * 3 + down) % 5
            for row in range(4)
            for column in range(4)
            for down in (0, 1)
            if row + down < 4 and column + 1 - down < 4
        }
    )
    found = topology(grid.mesh("R00"))
    costs = {place.id: place.cost for place in found.places}
    for place in found.places[1:]:
        assert place.parent is not None
        assert place.link is not None
        assert place.cost == (costs[place.parent] or 0) + (place.link.cost or 0)


def test_parallel_connections_are_one_link() -> None:
    more = [
        connection(number, "B", "inter-router-data", isEncrypted=True, sslProto="TLSv1.3")
        for number in (7, 8)
    ]
    pair = Interior({("A", "B"): 1})
    found = topology(Mesh("A", {"A": pair.report("A", *more), "B": pair.report("B")}))
    assert [place.link for place in found.places] == [
        None,
        Link(("A", "B"), "inter-router", 1, 3, ("TLSv1.3",)),
    ]


def test_way_up_in_reserve_is_beside_the_tree() -> None:
    net = Interior({("A", "B"): 1}, {"E": "A"})
    spare = connection(2, "B", "edge", dir="out", active=False)
    reports = {"A": net.report("A"), "B": net.report("B", connection(9, "E", "edge"))}
    found = topology(Mesh("B", {**reports, "E": net.report("E", spare)}))
    assert [(place.id, place.parent) for place in found.places] == [("B", None), ("A", "B"), ("E", "A")]
    assert [(link.ends, link.active) for link in found.others] == [(("B", "E"), False)]


def test_peers_that_are_no_routers_of_the_network_are_leaves() -> None:
    net = Interior({("A", "B"): 1})
    broker = connection(5, "broker", "route-container")
    abroad = connection(6, "A", "inter-network")
    found = topology(Mesh("A", {"A": net.report("A"), "B": net.report("B", broker, abroad)}))
    assert [(place.id, place.mode, place.parent) for place in found.places] == [
        ("A", "interior", None),
        ("B", "interior", "A"),
        ("A", "network", "B"),
        ("broker", "container", "B"),
    ]


# --- what is wrong


def test_router_that_does_not_answer_keeps_its_place() -> None:
    found = topology(TRIANGLE.mesh("A", "B", "E1"))
    assert {place.id: place.answered for place in found.places} == {
        "A": True,
        "B": False,
        "C": True,
        "E1": False,
        "E2": True,
    }
    assert found.problems[:2] == ("B does not answer", "E1 does not answer")


def test_known_router_without_a_way_is_a_problem() -> None:
    net = Interior({("A", "B"): 1})
    lost = {"id": "C", "linkState": []}
    a = net.report("A")
    found = topology(Mesh("A", {"A": replace(a, nodes=(*a.nodes, lost)), "B": net.report("B")}))
    assert found.problems == ("A has no way to C", "B has no way to C")


def test_link_that_one_end_denies_is_a_problem() -> None:
    net = Interior({("A", "B"): 1})
    b = net.report("B")
    changed = ({**b.nodes[0], "linkState": []}, *b.nodes[1:])
    found = topology(Mesh("A", {"A": net.report("A"), "B": replace(b, nodes=changed)}))
    assert found.problems == ("A names B as its neighbor, but not the other way round",)


def test_connector_that_fails_is_told_with_its_reason() -> None:
    net = Interior({("A", "B"): 1})
    row = {
        "name": "to-C",
        "host": "c",
        "port": "55671",
        "role": "inter-router",
        "connectionStatus": "FAILED",
        "connectionMsg": "Connection refused",
    }
    found = topology(Mesh("A", {"A": replace(net.report("A"), connectors=(row,)), "B": net.report("B")}))
    assert found.problems == ("A: connector to-C (inter-router) to c:55671 is FAILED: Connection refused",)


def test_edge_router_without_a_way_up_is_told() -> None:
    found = topology(Mesh("E", {"E": Report("E", "edge", "1.0")}))
    assert found.problems == ("E has no connection to an interior router",)
