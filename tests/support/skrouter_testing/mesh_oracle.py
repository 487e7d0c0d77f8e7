"""What must be true of a simulated mesh, computed from the true graph by means that are not the engines'."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from skrouter.router.mesh.effects import RouterRoute

from skrouter_testing.mesh_paths import OwnPaths, view_of
from skrouter_testing.mesh_simulator import Network
from skrouter_testing.simulated_router import SimulatedRouter


class Oracle:
    """What must be true of a network at rest.

    - Each router has routes to exactly those it can reach, with the next hop, cost, valid origins and radius
      of the protocol's shortest paths on the true graph, and their slots lead to that next hop.
    - Each router has exactly the live addresses of each router that it can reach, and none of others.
    - A message from any router to any it can reach arrives: each router on its way has the next hop, takes
      the origin for valid, and none is passed twice.
    - With `forgotten`: routers that cannot be reached are not known any more (which takes 60 seconds and
      more), and no origins of messages.

    `origins_of` limits the check of valid origins, which takes a tree for each router, to these routers.
    """

    def __init__(self, network: Network, origins_of: Collection[str] | None = None) -> None:
        self.network = network
        self.graph = network.true_graph()
        self.trees = {origin: self._tree(origin) for origin in self.graph}
        self._origins_of = set(self.graph if origins_of is None else origins_of)

    def _tree(self, origin: str) -> dict[str, tuple[int, str]]:
        """Cost and predecessor of everything reachable, in the order of settling: by (cost, id)."""
        best: dict[str, tuple[int, str]] = {origin: (0, origin)}
        settled: dict[str, tuple[int, str]] = {}
        queue = [(0, origin)]
        while queue:
            cost, router = heappop(queue)
            if router in settled:
                continue
            settled[router] = best[router]
            for peer, link_cost in self.graph[router].items():
                if peer not in best or (peer not in settled and cost + link_cost < best[peer][0]):
                    best[peer] = (cost + link_cost, router)
                    heappush(queue, (cost + link_cost, peer))
        return settled

    def path(self, origin: str, target: str) -> list[str]:
        """The routers of the path, both ends included."""
        way = [target]
        while way[-1] != origin:
            way.append(self.trees[origin][way[-1]][1])
        return way[::-1]

    def faults(self, *, forgotten: bool = True) -> Iterator[str]:
        """A sentence for everything that is not as it must be."""
        for router_id in self.graph:
            router = self.network.routers[router_id]
            if forgotten:
                yield from self._memory_faults(router)
            yield from self._route_faults(router)
            yield from self._address_faults(router)
        for router_id in sorted(self._origins_of):
            yield from self._origin_faults(self.network.routers[router_id], forgotten=forgotten)
            for target in self.trees[router_id]:
                yield from self._way_faults(router_id, target)

    def _reachable(self, own: str) -> set[str]:
        return self.trees[own].keys() - {own}

    def _memory_faults(self, router: SimulatedRouter) -> Iterator[str]:
        reachable = self._reachable(router.router_id)
        if set(router.indexes) != reachable:
            yield f"{router.router_id} knows {sorted(router.indexes)}, but can reach {sorted(reachable)}"

    def _route_faults(self, router: SimulatedRouter) -> Iterator[str]:
        own, reachable = router.router_id, self._reachable(router.router_id)
        routed = {target for target, route in router.routes.items() if route.next_hop is not None}
        if routed != reachable:
            yield f"{own} has routes to {sorted(routed)}, but can reach {sorted(reachable)}"
        steps, first = {own: 0}, {own: own}
        for target, (cost, before) in self.trees[own].items():
            if target == own:
                continue
            steps[target] = steps[before] + 1
            first[target] = target if before == own else first[before]
            if target in routed:
                yield from self._hop_faults(router, router.routes[target], first[target], cost)
        if router.radius != max(steps.values()):
            yield f"{own}: radius is {router.radius}, expected {max(steps.values())}"

    @staticmethod
    def _hop_faults(router: SimulatedRouter, route: RouterRoute, hop: str, cost: int) -> Iterator[str]:
        own = router.router_id
        if (route.next_hop_id, route.cost) != (hop, cost):
            yield f"{own}: next hop and cost to {route.router_id} are {route}, expected {(hop, cost)}"
        link = router.links.get(route.next_hop if route.next_hop is not None else -1)
        if link is None or link.other(own) != route.next_hop_id:
            yield f"{own}: slot of {route} does not lead there"

    def _origin_faults(self, router: SimulatedRouter, *, forgotten: bool) -> Iterator[str]:
        """A router that is not reached counts as an origin by its last link state until it is forgotten."""
        own = router.router_id
        expected: dict[str, set[str]] = {target: set() for target in self._reachable(own)}
        for origin, tree in self.trees.items():
            passing = {own}
            for target, (_, before) in tree.items() if origin != own and own in tree else ():
                if before in passing and target != own:
                    passing.add(target)
                    expected[target].add(origin)
        for target, origins in expected.items():
            known = self._known_origins(router, target)
            known = known if forgotten else known & self._reachable(own)
            if known != origins:
                yield f"{own}: valid origins of {target} are {sorted(known)}, expected {sorted(origins)}"

    @staticmethod
    def _known_origins(router: SimulatedRouter, target: str) -> set[str]:
        if isinstance(router.paths, OwnPaths):
            return {origin for origin in router.indexes if router.paths.passes(origin, target)}
        route = router.routes.get(target)
        return {router.routers[index] for index in route.valid_origins} if route is not None else set()

    def _address_faults(self, router: SimulatedRouter) -> Iterator[str]:
        own = router.router_id
        for target, known in router.remote.items():
            wanted = self.network.routers[target].local if target in self.trees[own] else {}
            if known != wanted:
                yield f"{own}: addresses of {target} are {sorted(known)}, expected {sorted(wanted)}"

    def _way_faults(self, origin: str, target: str) -> Iterator[str]:
        way = follow(self.network, origin, target)
        if way.end != target:
            yield f"from {origin} to {target}: no way on at {way.end} after {len(way.routers) - 1} hops"
        if way.is_refused:
            yield f"from {origin} to {target}: {way.end} does not take {origin} for a valid origin"


@dataclass(frozen=True, slots=True)
class Way:
    """The routers that a message passes by the tables of one instant, and what ends it."""

    routers: tuple[str, ...]
    is_refused: bool = False
    is_circle: bool = False

    @property
    def end(self) -> str:
        """The last router that has the message."""
        return self.routers[-1]


def follow(network: Network, origin: str, target: str) -> Way:
    """Where a message goes if tables do not change under way; a router that was passed before ends it."""
    way = [origin]
    while way[-1] != target:
        router = network.routers[way[-1]]
        route = router.routes.get(target)
        if route is None or route.next_hop_id is None or not router.running:
            return Way(tuple(way))
        if not router.takes_origin(route, origin):
            return Way(tuple(way), is_refused=True)
        if route.next_hop_id in way:
            return Way(tuple(way), is_circle=True)
        way.append(route.next_hop_id)
    return Way(tuple(way))


def circle_faults(network: Network) -> Iterator[str]:
    """A sentence for every message that would go round in a circle though it must not, at any instant.

    While link states travel, the tables of two routers may contradict each other, so that a message comes
    back to a router that has passed it on; by its trace that router releases it, and no message is passed on
    twice.
    What holds at every instant: routers that compute from the same links send no message in a circle.
    """
    running = [router_id for router_id, router in network.routers.items() if router.running]
    for origin in running:
        for target in running:
            way = follow(network, origin, target)
            if way.is_circle:
                yield from _circle_faults(network, target, way)


def _circle_faults(network: Network, target: str, way: Way) -> Iterator[str]:
    last = network.routers[way.end].routes[target].next_hop_id or ""
    circle = way.routers[way.routers.index(last) :]
    first, *others = (view_of(network.routers[router_id].paths) for router_id in circle)
    if all(view == first for view in others):
        names = "-".join(circle)
        yield f"from {way.routers[0]} to {target}: {names} agree on the links and send it in a circle"
