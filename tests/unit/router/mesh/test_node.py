"""Nodes: one index each, lowest free first, without a limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.mesh.effects import RouterRoute
from skrouter.router.mesh.node import NodeTable


def test_indexes_begin_at_one_and_have_no_limit() -> None:
    table = NodeTable()
    assert [table.add(f"R{number}").index for number in range(300)] == list(range(1, 301))
    assert len(table) == 300


def test_lowest_free_index_is_used_again() -> None:
    table = NodeTable()
    for name in "BCDE":
        table.add(name)
    table.remove("D")
    table.remove("B")
    assert [table.add(name).index for name in "XYZ"] == [1, 3, 5]


def test_known_router_is_not_added_again() -> None:
    table = NodeTable()
    table.add("B")
    with pytest.raises(ValueError, match="router B is known already"):
        table.add("B")


@given(st.lists(st.sampled_from("BCDEFGH"), max_size=40))
def test_no_two_routers_ever_share_an_index(names: list[str]) -> None:
    table = NodeTable()
    for name in names:
        if table.get(name) is None:
            table.add(name)
        else:
            table.remove(name)
        indexes = [node.index for node in table]
        assert len(set(indexes)) == len(indexes) == len(table)
        assert all(1 <= index <= 7 for index in indexes)


def test_route_is_told_only_when_it_differs() -> None:
    node = NodeTable().add("B")
    assert node.withdraw_route() is None
    route = node.set_route(3, "C", 2, frozenset({4}))
    assert route == RouterRoute(1, "B", 3, "C", 2, frozenset({4}))
    assert node.set_route(3, "C", 2, frozenset({4})) is None
    assert node.set_route(3, "C", 2, frozenset()) is not None
    assert node.withdraw_route() == RouterRoute(1, "B", None, None, None, frozenset())
    assert node.withdraw_route() is None
