"""Random lives of simulated meshes, and the oracles for what must be true of a mesh at rest.

`python -m skrouter_testing.network --seeds 100 --routers 20` runs seeds and prints those that fail.
Everything that happens comes from one seeded source, so a seed is a reproduction. The parts are in
`mesh_simulator`.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import count
from random import Random

from skrouter.router.mesh.messages import AddressDescriptor

from skrouter_testing.mesh_simulator import Faults, Network, SimulatedRouter

QUIET = 80.0
"""Seconds of rest after which everything must be true: link states age for 60, RA come every 30."""
ROUGH = Faults(delay=(0.001, 0.4), loss=0.1, duplication=0.1, reordering=0.1)
"""What links do to messages while a network is disturbed."""


# --- oracles --------------------------------------------------------------------------------------------


class Oracle:
    """What must be true of a network at rest, computed from the true graph by the plainest means."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.graph = network.true_graph()
        self.trees = {origin: self._tree(origin) for origin in self.graph}

    def _tree(self, origin: str) -> dict[str, tuple[int, str]]:
        """Cost and predecessor of everything reachable; the unsettled router of least (cost, id) is next."""
        found: dict[str, tuple[int, str]] = {origin: (0, origin)}
        settled: set[str] = set()
        while unsettled := sorted((cost, key) for key, (cost, _) in found.items() if key not in settled):
            cost, router = unsettled[0]
            settled.add(router)
            for peer, link_cost in self.graph[router].items():
                if peer not in found or (peer not in settled and cost + link_cost < found[peer][0]):
                    found[peer] = (cost + link_cost, router)
        return found

    def path(self, origin: str, target: str) -> list[str]:
        """The routers of the path, both ends included."""
        way = [target]
        while way[-1] != origin:
            way.append(self.trees[origin][way[-1]][1])
        return way[::-1]

    def faults(self) -> Iterator[str]:
        """A sentence for everything that is not as it must be."""
        for router_id in self.graph:
            router = self.network.routers[router_id]
            yield from self._route_faults(router)
            yield from self._address_faults(router)
            for target in self.trees[router_id]:
                yield from self._loop_faults(router_id, target)

    def _route_faults(self, router: SimulatedRouter) -> Iterator[str]:
        own = router.router_id
        reachable = {target for target in self.trees[own] if target != own}
        routed = {target for target, route in router.routes.items() if route.next_hop is not None}
        if routed != reachable:
            yield f"{own} has routes to {sorted(routed)}, but can reach {sorted(reachable)}"
        if set(router.routers.values()) != reachable:
            yield f"{own} knows {sorted(router.routers.values())}, but can reach {sorted(reachable)}"
        for target in routed & reachable:
            route, way = router.routes[target], self.path(own, target)
            expected = (way[1], self.trees[own][target][0])
            if (route.next_hop_id, route.cost) != expected:
                yield f"{own}: next hop and cost to {target} are {route}, expected {expected}"
            link = router.links.get(route.next_hop if route.next_hop is not None else -1)
            if link is None or link.other(own) != route.next_hop_id:
                yield f"{own}: slot of {route} does not lead there"
            origins = {o for o in reachable - {target} if own in self.path(o, target)}
            known = {router.routers[index] for index in route.valid_origins}
            if known != origins:
                yield f"{own}: valid origins of {target} are {sorted(known)}, expected {sorted(origins)}"
        hops = max((len(self.path(own, target)) - 1 for target in reachable), default=0)
        if router.radius != hops:
            yield f"{own}: radius is {router.radius}, expected {hops}"

    def _address_faults(self, router: SimulatedRouter) -> Iterator[str]:
        own = router.router_id
        for target, known in router.remote.items():
            wanted = self.network.routers[target].local if target in self.trees[own] else {}
            if known != wanted:
                yield f"{own}: addresses of {target} are {sorted(known)}, expected {sorted(wanted)}"

    def _loop_faults(self, origin: str, target: str) -> Iterator[str]:
        at, steps = origin, 0
        while at != target:
            router = self.network.routers[at]
            route = router.routes.get(target)
            if route is None or route.next_hop_id is None or steps > len(self.graph):
                yield f"from {origin} to {target}: no way on at {at} after {steps} hops"
                return
            if at != origin and origin not in {router.routers[index] for index in route.valid_origins}:
                yield f"from {origin} to {target}: {at} does not take {origin} for a valid origin"
            at, steps = route.next_hop_id, steps + 1


# --- random lives ---------------------------------------------------------------------------------------


class Disturbances:
    """Random faults of a network, each drawn from its random source."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.random = network.random
        self._names = count()

    def disturb(self) -> None:
        """Let one thing happen."""
        self.random.choice(
            (
                self._toggle_link,
                self._cut_link,
                self._heal,
                self._restart,
                self._partition,
                self._change_addresses,
            )
        )()

    def rest(self) -> None:
        """End the disturbances: no more loss, all links open; one in four cuts stays as it is."""
        self.network.faults = Faults()
        for link in self.network.links:
            if self.random.random() < 0.75:
                link.cut.clear()
            self.network.open(link)

    def _toggle_link(self) -> None:
        link = self.random.choice(self.network.links)
        if link.open:
            self.network.close(link)
        else:
            self.network.open(link)

    def _cut_link(self) -> None:
        link = self.random.choice(self.network.links)
        link.cut |= set(self.random.choice((link.ends, link.ends[:1], link.ends[1:])))

    def _heal(self) -> None:
        for link in self.network.links:
            link.cut.clear()

    def _restart(self) -> None:
        router = self.random.choice(list(self.network.routers.values()))
        if router.running:
            pause = self.random.choice((0.0, 0.3, 2.0, 8.0))
            self.network.restart(router.router_id, pause, remember=self.random.random() < 0.3)

    def _partition(self) -> None:
        some = {router_id for router_id in self.network.routers if self.random.random() < 0.5}
        for link in self.network.links:
            if (link.ends[0] in some) != (link.ends[1] in some):
                self.network.close(link)

    def _change_addresses(self) -> None:
        router = self.random.choice(list(self.network.routers.values()))
        if not router.running:
            return
        added = tuple(
            AddressDescriptor(f"M{router.router_id}.{next(self._names)}", self.random.randrange(5))
            for _ in range(self.random.randrange(3))
        )
        removed = tuple(key for key in router.local if self.random.random() < 0.3)
        router.change_addresses(added, removed)


def random_network(random: Random, routers: int) -> Network:
    """A connected random mesh with parallel ways, unequal and equal costs, and an address or two a router."""
    network = Network(random, ROUGH)
    ids = [f"R{number}" for number in range(routers)]
    random.shuffle(ids)
    for router_id in ids:
        network.clock.run_until(network.clock.now + random.random())
        network.add_router(router_id).change_addresses((AddressDescriptor(f"M{router_id}", 3),), ())
    pairs = {(ids[random.randrange(number)], ids[number]) for number in range(1, routers)}
    for _ in range(routers // 2):
        one, other = random.sample(ids, 2)
        pairs.add((one, other) if ids.index(one) < ids.index(other) else (other, one))
    for one, other in sorted(pairs):
        network.join(one, other, random.choice((1, 1, 1, 2, 5)))
    return network


def live(seed: int, routers: int, *, rounds: int = 2, disturbances: int = 15) -> list[str]:
    """Live through rounds of disturbance and rest; everything found wrong at the ends of rests."""
    random = Random(seed)
    network = random_network(random, routers)
    chaos = Disturbances(network)
    found: list[str] = []
    for number in range(rounds):
        network.faults = ROUGH
        for _ in range(disturbances):
            network.run(random.expovariate(0.5))
            chaos.disturb()
        network.run(10.0)
        chaos.rest()
        network.run(QUIET)
        found += [f"seed {seed} round {number}: {fault}" for fault in Oracle(network).faults()]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run seeds; exit status 1 if any fails."""
    parser = argparse.ArgumentParser(prog="skrouter_testing.network", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--routers", type=int, default=20)
    options = parser.parse_args(arguments)
    failed = []
    for seed in range(options.first, options.first + options.seeds):
        found = live(seed, options.routers)
        if found:
            failed.append(seed)
            sys.stdout.write("\n".join(found[:10]) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{options.seeds} seeds, {len(failed)} failed: {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
