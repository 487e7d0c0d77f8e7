"""Next hops, costs, radius and valid origins of one router, kept up to date as link states change.

Valid origins need the shortest-path tree of every router from which a path may lead through this one. They
are kept and repaired (tree.py), so that a change costs what it changes; a router with fewer than two
neighbors, or cut off from others, keeps no trees for what cannot pass through it. Memory: 16 bytes for each
pair of routers and about 1.5 kB for each router (0.5 MB for 128 routers, 18 MB for 1,000).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from skrouter.router.mesh.graph import Graph, LinkChange, Peers
from skrouter.router.mesh.tree import Tree

LinkStates = Mapping[str, Peers]

REBUILD_CHANGES: Final = 8
"""More changed links than one for so many routers at once: trees are built anew, each look would be lost."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Paths from one router. The maps have exactly the reachable other routers as keys, in order of id."""

    next_hops: dict[str, str]
    costs: dict[str, int]
    valid_origins: dict[str, tuple[str, ...]]
    """For each destination the other routers whose path to it passes through this one."""
    radius: int
    """Hops to the farthest reachable router; 0 if there is none."""
    unreachable: tuple[str, ...]
    """Routers in the graph that no path leads to, in order of id."""


@dataclass(frozen=True, slots=True)
class Path:
    """The way to one router. `valid_origins` in order of id."""

    next_hop: str
    cost: int
    valid_origins: tuple[str, ...]


def compute(link_states: LinkStates, self_id: str) -> Routes:
    """Routes of `self_id` over directed links; a router may be named as a peer and have no link state yet."""
    paths = Paths(self_id)
    paths.update({self_id: {}, **link_states})
    return paths.routes()


class Paths:
    """The paths of the router `own_id`, which is alone at first."""

    def __init__(self, own_id: str) -> None:
        self._graph = Graph()
        self._graph.tell({own_id: {}})
        self._own = self._graph.numbers[own_id]
        self._tree = Tree(self._graph, self._own)
        self._trees: dict[int, Tree] = {}
        self._behind: dict[int, int] = {}
        self._origins: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._costs: dict[int, int] = {}
        self.radius = 0

    def knows(self, router_id: str) -> bool:
        """Whether the router has a link state or is named by one."""
        return router_id in self._graph.numbers

    def path(self, router_id: str) -> Path | None:
        """The way to another router, None if there is none."""
        number = self._graph.numbers.get(router_id)
        if number is None or number not in self._first:
            return None
        return Path(self._graph.ids[self._first[number]], self._costs[number], self._origin_ids(number))

    def routes(self) -> Routes:
        """All paths."""
        ids = [(number, self._graph.ids[number]) for number in self._graph.order if number != self._own]
        reached = [(number, router_id) for number, router_id in ids if number in self._first]
        return Routes(
            next_hops={router_id: self._graph.ids[self._first[number]] for number, router_id in reached},
            costs={router_id: self._costs[number] for number, router_id in reached},
            valid_origins={router_id: self._origin_ids(number) for number, router_id in reached},
            radius=self.radius,
            unreachable=tuple(router_id for number, router_id in ids if number not in self._first),
        )

    def update(self, states: Mapping[str, Peers | None]) -> set[str]:
        """Take over link states that changed, None for one that is gone; the ids whose `path` is another."""
        changes = self._graph.tell(states)
        changed = self._update_own(changes) if changes else set()
        changed |= self._update_origins(changes) if changes else set()
        ids = {self._graph.ids[number] for number in changed}
        self._graph.sweep()
        return ids

    # --- our own tree -----------------------------------------------------------------------------------

    def _update_own(self, changes: list[LinkChange]) -> set[int]:
        moved = self._tree.repair(changes)
        if moved is not None and not moved:
            return set()
        first, radius = self._first_hops()
        costs = {number: self._tree.costs[number] for number in first}
        changed = {
            number
            for number in first.keys() | self._first.keys()
            if first.get(number) != self._first.get(number) or costs.get(number) != self._costs.get(number)
        }
        self._first, self._costs, self.radius = first, costs, radius
        return changed

    def _first_hops(self) -> tuple[dict[int, int], int]:
        """The first hop to each reached router, and the greatest number of hops."""
        out, before = self._graph.out, self._tree.before
        first: dict[int, int] = {}
        hops, ring = 0, [self._own]
        while True:
            following = [(router, peer) for router in ring for peer in out[router] if before[peer] == router]
            if not following:
                return first, hops
            for router, peer in following:
                first[peer] = peer if router == self._own else first[router]
            hops, ring = hops + 1, [peer for _, peer in following]

    # --- trees of others --------------------------------------------------------------------------------

    def _update_origins(self, changes: list[LinkChange]) -> set[int]:
        wanted = self._passing()
        changed: set[int] = set()
        for origin in self._trees.keys() - wanted:
            del self._trees[origin]
            self._note_behind(origin, 0, changed)
        rebuild = REBUILD_CHANGES * len(changes) > len(self._graph.order)
        for origin in wanted:
            behind = self._behind_in(origin, changes, rebuild)
            if behind is not None:
                self._note_behind(origin, behind, changed)
        return changed

    def _behind_in(self, origin: int, changes: list[LinkChange], rebuild: bool) -> int | None:
        """Bring the tree of a router up to date: what passes through us in it, None if that is unchanged."""
        tree = self._trees.get(origin)
        if tree is None or rebuild:
            tree = self._trees[origin] = Tree(self._graph, origin)
            return tree.behind(self._own)
        moved = tree.repair(changes)
        if moved is None:
            return tree.behind(self._own)
        if not moved:
            return None
        return tree.behind_now(self._own, self._behind.get(origin, 0), moved)

    def _passing(self) -> set[int]:
        """Routers from which a path may lead through us: from one neighbor, and on to another."""
        into = self._graph.into
        if len(self._graph.out[self._own].keys() | into[self._own].keys()) < 2:
            return set()
        found = {self._own}
        stack = [self._own]
        while stack:
            for peer in into[stack.pop()]:
                if peer not in found:
                    found.add(peer)
                    stack.append(peer)
        found.discard(self._own)
        return found

    def _note_behind(self, origin: int, behind: int, changed: set[int]) -> None:
        """Turn what lies behind us in one tree into origins of each destination."""
        for number in _bits(self._behind.get(origin, 0) ^ behind):
            origins = self._origins.get(number, 0) ^ (1 << origin)
            self._origins[number] = origins
            if not origins:
                del self._origins[number]
            changed.add(number)
        self._behind[origin] = behind
        if not behind:
            del self._behind[origin]

    def _origin_ids(self, number: int) -> tuple[str, ...]:
        return tuple(sorted(self._graph.ids[origin] for origin in _bits(self._origins.get(number, 0))))


def _bits(bitmap: int) -> Iterator[int]:
    while bitmap:
        lowest = bitmap & -bitmap
        yield lowest.bit_length() - 1
        bitmap ^= lowest
