"""Neighbors: confirmed when they name us, lost when silent, heard on one link or several."""

import pytest
from skrouter.router.mesh.hello import Adjacency, Neighbors
from skrouter.router.mesh.messages import Hello

HEARS_US = Hello("B", 1, ("A", "X"))
DEAF = Hello("B", 1, ("X",))


@pytest.fixture
def neighbors() -> Neighbors:
    """Router A with two control links, max age 3 s."""
    table = Neighbors("A", 3.0)
    table.link_up(0, 1)
    table.link_up(1, 5)
    return table


def test_router_that_does_not_name_us_is_heard_but_no_neighbor(neighbors: Neighbors) -> None:
    assert neighbors.hear(DEAF, 0, 1, now=0.0)
    assert (neighbors.seen(), neighbors.adjacencies()) == (("B",), {})


def test_router_that_names_us_is_a_neighbor_on_the_link_it_came_by(neighbors: Neighbors) -> None:
    neighbors.hear(HEARS_US, 1, 5, now=0.0)
    assert neighbors.adjacencies() == {"B": Adjacency(1, 5)}


def test_hello_on_a_closed_link_is_not_noted(neighbors: Neighbors) -> None:
    assert not neighbors.hear(HEARS_US, 7, 1, now=0.0)
    assert neighbors.seen() == ()


@pytest.mark.parametrize(("at", "kept"), [(2.999, True), (3.0, False)])
def test_neighbor_is_lost_at_the_maximum_age(neighbors: Neighbors, at: float, kept: bool) -> None:
    neighbors.hear(HEARS_US, 0, 1, now=0.0)
    neighbors.expire(at)
    assert ("B" in neighbors.adjacencies(), "B" in neighbors.seen()) == (kept, kept)


def test_neighbor_that_no_longer_names_us_is_lost_but_still_seen(neighbors: Neighbors) -> None:
    neighbors.hear(HEARS_US, 0, 1, now=0.0)
    neighbors.hear(DEAF, 0, 1, now=2.0)
    neighbors.expire(3.5)
    assert (neighbors.seen(), neighbors.adjacencies()) == (("B",), {})


def test_cheapest_of_two_links_is_used_and_the_other_takes_over(neighbors: Neighbors) -> None:
    neighbors.hear(HEARS_US, 1, 5, now=0.0)
    neighbors.hear(HEARS_US, 0, 1, now=0.0)
    assert neighbors.adjacencies() == {"B": Adjacency(0, 1)}
    neighbors.link_down(0)
    assert neighbors.adjacencies() == {"B": Adjacency(1, 5)}
    neighbors.link_down(1)
    assert (neighbors.seen(), neighbors.adjacencies(), neighbors.has_links) == ((), {}, False)


def test_of_two_links_of_equal_cost_the_lower_slot_is_used(neighbors: Neighbors) -> None:
    neighbors.hear(HEARS_US, 1, 1, now=0.0)
    neighbors.hear(HEARS_US, 0, 1, now=0.0)
    assert neighbors.adjacencies() == {"B": Adjacency(0, 1)}


def test_slot_used_again_forgets_what_was_heard_in_it(neighbors: Neighbors) -> None:
    neighbors.hear(HEARS_US, 0, 1, now=0.0)
    neighbors.link_up(0, 1)
    assert neighbors.adjacencies() == {}


def test_new_cost_of_a_connection_counts_at_the_next_hello(neighbors: Neighbors) -> None:
    neighbors.hear(HEARS_US, 0, 1, now=0.0)
    neighbors.hear(HEARS_US, 0, 8, now=1.0)
    assert neighbors.adjacencies() == {"B": Adjacency(0, 8)}


def test_seen_lists_routers_in_the_order_in_which_they_were_heard(neighbors: Neighbors) -> None:
    for router_id in ("Z", "M", "B"):
        neighbors.hear(Hello(router_id, 1), 0, 1, now=0.0)
    assert neighbors.seen() == ("Z", "M", "B")
