"""Paths kept up to date: after any change they are those of a computation from nothing."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.mesh import path, tree
from skrouter.router.mesh.path import Path, Paths, Routes, compute

IDS = ["A", "B", "C", "D", "E", "F", "G", "H"]
OWN = "D"
PEERS = st.dictionaries(st.sampled_from(IDS), st.integers(1, 3), max_size=4)
STATE = st.one_of(st.none(), PEERS, PEERS)
BATCH = st.dictionaries(st.sampled_from(IDS), STATE, min_size=1, max_size=3)
"""Link states that change at once: links come, go and change cost one way; None: the router's is gone."""


def as_path(routes: Routes, router_id: str) -> Path | None:
    """One path of routes."""
    if router_id not in routes.next_hops:
        return None
    return Path(routes.next_hops[router_id], routes.costs[router_id], routes.valid_origins[router_id])


class Followed:
    """Paths that follow batches, beside a computation from nothing after each of them."""

    def __init__(self, own: str) -> None:
        self.own = own
        self.states: dict[str, Mapping[str, int]] = {own: {}}
        self.paths = Paths(own)
        self.routes = self.paths.routes()

    def follow(self, batch: Mapping[str, Mapping[str, int] | None]) -> set[str]:
        """Let link states change and check everything that can be asked."""
        batch = {key: {} if key == self.own and peers is None else peers for key, peers in batch.items()}
        self.states |= {key: peers for key, peers in batch.items() if peers is not None}
        self.states = {key: peers for key, peers in self.states.items() if batch.get(key, peers) is not None}
        told = self.paths.update(batch)
        before, self.routes = self.routes, self.paths.routes()
        assert self.routes == compute(self.states, self.own)
        known = before.next_hops.keys() | self.routes.next_hops.keys()
        assert told == {key for key in known if as_path(before, key) != as_path(self.routes, key)}
        for router_id in known:
            assert self.paths.path(router_id) == as_path(self.routes, router_id)
        named = set(self.states).union(*self.states.values())
        assert {key for key in {*known, *IDS} if self.paths.knows(key)} == named & {*known, *IDS}
        return told


@pytest.mark.parametrize("never_rebuild", [True, False])
def test_paths_after_any_changes_are_those_of_a_computation_from_nothing(never_rebuild: bool) -> None:
    @given(st.lists(BATCH, max_size=12))
    def check(batches: list[dict[str, dict[str, int] | None]]) -> None:
        followed = Followed(OWN)
        for batch in batches:
            followed.follow(batch)

    if never_rebuild:
        with patch.object(path, "REBUILD_CHANGES", 0), patch.object(tree, "REBUILD_SHARE", 0):
            check()
    else:
        check()


def random_mesh(random: Random, size: int) -> dict[str, dict[str, int]]:
    """Link states of a connected mesh with many paths of equal cost."""
    ids = [f"R{number}" for number in range(size)]
    random.shuffle(ids)
    states: dict[str, dict[str, int]] = {router_id: {} for router_id in ids}
    pairs = [(ids[random.randrange(number)], ids[number]) for number in range(1, size)]
    pairs += [tuple(random.sample(ids, 2)) for _ in range(size)]  # type: ignore[misc]
    for one, other in pairs:
        states[one][other] = states[other][one] = random.choice((1, 1, 2, 3))
    return states


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("never_rebuild", [True, False])
def test_paths_of_a_larger_mesh_follow_links_routers_and_costs(seed: int, never_rebuild: bool) -> None:
    random = Random(seed)
    states = random_mesh(random, 40)
    ids = list(states)
    followed = Followed(ids[0])
    followed.follow(states)
    share = 0 if never_rebuild else tree.REBUILD_SHARE
    with patch.object(path, "REBUILD_CHANGES", 0), patch.object(tree, "REBUILD_SHARE", share):
        for _ in range(60):
            one, other = random.sample(ids, 2)
            peers = dict(followed.states.get(one, {}))
            match random.randrange(5):
                case 0 if peers:  # a link is lost, and its other end says so at once or never
                    lost = random.choice(list(peers))
                    del peers[lost]
                    back = dict(followed.states.get(lost, {}))
                    back.pop(one, None)
                    followed.follow({one: peers, lost: back} if random.random() < 0.7 else {one: peers})
                case 1:
                    followed.follow({one: peers | {other: random.choice((1, 2, 5))}})
                case 2 if peers:
                    followed.follow({one: peers | {random.choice(list(peers)): random.choice((1, 2, 9))}})
                case 3 if one != followed.own:  # it goes, or is named without a link state
                    followed.follow({one: None})
                case _:
                    followed.follow({one: states[one], f"N{random.randrange(3)}": {other: 1}})


def test_only_the_routes_behind_a_lost_link_are_told() -> None:
    line = {"A": {"B": 1}, "B": {"A": 1, "C": 1}, "C": {"B": 1, "D": 1}, "D": {"C": 1}}
    followed = Followed("B")
    assert followed.follow(line) == {"A", "C", "D"}
    # A's path to D ends too, but that is no path of ours: D is gone, and what leads to A has an origin less.
    assert followed.follow({"C": {"B": 1}, "D": {}}) == {"A", "D"}
    assert followed.follow({"C": {"B": 1}, "D": {}}) == set()


def test_unknown_router_named_by_two_has_its_link_back_to_the_one_of_least_id() -> None:
    states = {"A": {"B": 1, "C": 1}, "B": {"A": 1, "Z": 1}, "C": {"A": 1, "Z": 1}}
    for order in (["A", "B", "C"], ["C", "B", "A"]):
        assert compute({key: states[key] for key in order}, "B").valid_origins["A"] == ("Z",)
        assert compute({key: states[key] for key in order}, "C").valid_origins["A"] == ()


def test_costs_as_large_as_the_protocol_allows_are_added_exactly() -> None:
    largest = 2**31 - 1
    chain = [f"R{number}" for number in range(30)]
    states = {one: {other: largest} for one, other in pairwise(chain)}
    routes = compute(states | {chain[-1]: {}}, chain[0])
    assert routes.costs[chain[-1]] == 29 * largest
    assert routes.radius == 29
