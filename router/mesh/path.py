"""Shortest paths, next hops and valid origins (spec: routing protocol, path computation). Pure arithmetic.

Every router computes the trees of all routers, and these must agree between routers or messages are lost or
doubled. So ties have one answer everywhere: among unsettled routers of equal cost the one with the smaller id
is settled first, and a path of equal cost found later does not replace the predecessor.

Ids are mapped to ranks in sorted order, so that comparing ranks compares ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

LinkStates = Mapping[str, Mapping[str, int]]


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
    """Routers with a link state that no path leads to, in order of id."""


@dataclass(slots=True)
class _Tree:
    """Shortest paths from one origin: per rank the cost and predecessor, and the order of settling."""

    costs: list[int]
    predecessors: list[int]
    settled: list[int]


def compute(link_states: LinkStates, self_id: str) -> Routes:
    """Routes of `self_id` over directed links; a router may be named as a peer and have no link state yet."""
    graph = _complete(link_states, self_id)
    ids = sorted(graph)
    rank = {router_id: index for index, router_id in enumerate(ids)}
    links = [[(rank[peer], cost) for peer, cost in graph[router_id].items()] for router_id in ids]
    own = rank[self_id]
    tree = _tree(links, own)
    hops, first, radius = _descend(tree, own)
    reached = [index for index in range(len(ids)) if index in hops and index != own]
    origins = _valid_origins(links, own, reached)
    return Routes(
        next_hops={ids[index]: ids[first[index]] for index in reached},
        costs={ids[index]: tree.costs[index] for index in reached},
        valid_origins={ids[index]: tuple(ids[origin] for origin in origins[index]) for index in reached},
        radius=radius,
        unreachable=tuple(ids[index] for index in range(len(ids)) if index not in hops),
    )


def _complete(link_states: LinkStates, self_id: str) -> dict[str, Mapping[str, int]]:
    """Add routers known only as somebody's peer, with one link back, so that they can be asked for more."""
    graph = {self_id: link_states.get(self_id, {}), **link_states}
    for router_id in list(graph):
        for peer in graph[router_id]:
            graph.setdefault(peer, {router_id: 1})
    return graph


def _tree(links: list[list[tuple[int, int]]], origin: int) -> _Tree:
    """Dijkstra. The heap's order, cost and rank in one number, is the settling order that all share."""
    costs = [-1] * len(links)
    predecessors = [-1] * len(links)
    done = [False] * len(links)
    settled: list[int] = []
    costs[origin] = 0
    size = len(links)
    queue = [origin]
    while queue:
        cost, router = divmod(heappop(queue), size)
        if done[router]:
            continue
        done[router] = True
        settled.append(router)
        for peer, link_cost in links[router]:
            total = cost + link_cost
            if not done[peer] and (costs[peer] < 0 or total < costs[peer]):
                costs[peer] = total
                predecessors[peer] = router
                heappush(queue, total * size + peer)
    return _Tree(costs, predecessors, settled)


def _descend(tree: _Tree, own: int) -> tuple[dict[int, int], dict[int, int], int]:
    """Hops from us, the first hop of each path, and the greatest number of hops."""
    hops, first = {own: 0}, {own: own}
    for router in tree.settled[1:]:
        before = tree.predecessors[router]
        hops[router] = hops[before] + 1
        first[router] = router if before == own else first[before]
    return hops, first, max(hops.values())


def _valid_origins(links: list[list[tuple[int, int]]], own: int, reached: list[int]) -> dict[int, list[int]]:
    """For each reached router the origins whose tree leads to it through us."""
    origins: dict[int, list[int]] = {router: [] for router in reached}
    # A path through us comes from one neighbor and goes on to another.
    if len({peer for peer, _ in links[own]} | _referrers(links, own)) < 2:
        return origins
    for origin in range(len(links)):
        if origin != own:
            for router in _behind(_tree(links, origin), own):
                if router in origins:
                    origins[router].append(origin)
    return origins


def _referrers(links: list[list[tuple[int, int]]], own: int) -> set[int]:
    return {router for router, peers in enumerate(links) if any(peer == own for peer, _ in peers)}


def _behind(tree: _Tree, own: int) -> list[int]:
    """Routers whose path in this tree passes through us."""
    if tree.costs[own] < 0:
        return []
    passing = bytearray(len(tree.costs))
    passing[own] = 1
    behind = []
    for router in tree.settled[1:]:
        if passing[tree.predecessors[router]]:
            passing[router] = 1
            behind.append(router)
    return behind
