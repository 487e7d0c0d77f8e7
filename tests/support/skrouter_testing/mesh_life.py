"""Random lives of simulated meshes: disturbance, rest, and what is wrong after the rest.

Everything that happens comes from one seeded source, so a seed is a reproduction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random

from skrouter.router.mesh.messages import AddressDescriptor
from skrouter.router.mesh.path import Paths

from skrouter_testing.mesh_oracle import Oracle, circle_faults
from skrouter_testing.mesh_paths import OwnPaths
from skrouter_testing.mesh_simulator import Faults, Network

AGREEMENT = 35.0
"""Seconds of rest after which all agree: one RA period (30), a neighbor's silence, and questions."""
OBLIVION = 80.0
"""Seconds of rest after which routers that are gone are forgotten: their link states age for 60."""
LARGE = 50
"""From so many routers on valid origins are computed by a few of them only, and lives are shorter."""
ROUGH = Faults(delay=(0.001, 0.4), loss=0.1, duplication=0.1, reordering=0.1)
"""What links do to messages while a network is disturbed."""


class Disturbances:
    """Random faults of a network, each drawn from its random source."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.random = network.random
        self._names = count()
        self._kinds: tuple[Callable[[], str], ...] = (
            self._toggle_link,
            self._cut_link,
            self._heal,
            self._restart,
            self._partition,
            self._change_addresses,
            self._change_cost,
            self._slow_down,
        )

    def disturb(self) -> None:
        """Let one thing happen."""
        happened = self.random.choice(self._kinds)()
        self.network.note("***", lambda: happened)

    def rest(self) -> None:
        """End the disturbances: no more loss, all links open; one in four cuts stays as it is."""
        self.network.note("***", lambda: "rest")
        self.network.faults = Faults()
        for router in self.network.routers.values():
            router.slowness = 0.0
        for link in self.network.links:
            if self.random.random() < 0.75:
                link.cut.clear()
            self.network.open(link)

    def _toggle_link(self) -> str:
        link = self.random.choice(self.network.links)
        if link.open:
            self.network.close(link)
        else:
            self.network.open(link)
        return f"link {link} is {'open' if link.open else 'closed'}"

    def _cut_link(self) -> str:
        link = self.random.choice(self.network.links)
        link.cut |= set(self.random.choice((link.ends, link.ends[:1], link.ends[1:])))
        return f"link {link} loses what {sorted(link.cut)} send"

    def _heal(self) -> str:
        for link in self.network.links:
            link.cut.clear()
        return "links carry messages again"

    def _restart(self) -> str:
        router = self.random.choice(list(self.network.routers.values()))
        if not router.running:
            return "nothing"
        pause, remember = self.random.choice((0.0, 0.3, 2.0, 8.0)), self.random.random() < 0.3
        self.network.restart(router.router_id, pause, remember=remember)
        return f"{router.router_id} stops for {pause} s, and remembers: {remember}"

    def _partition(self) -> str:
        some = {router_id for router_id in self.network.routers if self.random.random() < 0.5}
        for link in self.network.links:
            if (link.ends[0] in some) != (link.ends[1] in some):
                self.network.close(link)
        return f"{sorted(some)} are parted from the rest"

    def _change_addresses(self) -> str:
        router = self.random.choice(list(self.network.routers.values()))
        if not router.running:
            return "nothing"
        added = tuple(
            AddressDescriptor(f"M{router.router_id}.{next(self._names)}", self.random.randrange(5))
            for _ in range(self.random.randrange(3))
        )
        removed = tuple(key for key in router.local if self.random.random() < 0.3)
        router.change_addresses(added, removed)
        return f"{router.router_id} has {len(added)} new addresses, and lost {removed}"

    def _change_cost(self) -> str:
        link = self.random.choice(self.network.links)
        link.cost = self.random.choice((1, 2, 3, 7))
        return f"link {link} costs {link.cost}"

    def _slow_down(self) -> str:
        router = self.random.choice(list(self.network.routers.values()))
        router.slowness = self.random.choice((0.0, 0.01, 0.05, 0.3))
        return f"{router.router_id} takes {router.slowness} s for each message and tick"


def random_network(random: Random, routers: int, write: Callable[[str], object] | None = None) -> Network:
    """A connected random mesh with parallel ways, unequal and equal costs, and an address at each router.

    In a large one a fifth of the routers have an address, and most are `OwnPaths`; the first two compute
    all that a real one does.
    """
    network = Network(random, ROUGH if routers < LARGE else Faults())
    network.write, network.details = write, routers < LARGE
    ids = [f"R{number}" for number in range(routers)]
    random.shuffle(ids)
    for number, router_id in enumerate(ids):
        network.clock.run_until(network.clock.now + random.random() / (1 if routers < LARGE else routers))
        router = network.add_router(router_id, Paths if routers < LARGE or number < 2 else OwnPaths)
        if routers < LARGE or number % 5 == 0:
            router.change_addresses((AddressDescriptor(f"M{router_id}", 3),), ())
    near = routers if routers < LARGE else 40
    pairs = {
        (ids[random.randrange(max(0, number - near), number)], ids[number]) for number in range(1, routers)
    }
    for _ in range(routers // 2):
        one, other = random.sample(ids, 2)
        pairs.add((one, other) if ids.index(one) < ids.index(other) else (other, one))
    for one, other in sorted(pairs):
        network.join(one, other, random.choice((1, 1, 1, 2, 5)))
    return network


@dataclass(frozen=True, slots=True)
class Plan:
    """How a life goes: `forgets` adds the minute after which what is gone is forgotten."""

    routers: int
    rounds: int = 1
    disturbances: int = 10
    forgets: bool = True


def plan(seed: int, routers: int) -> Plan:
    """The life of a seed among meshes of up to `routers` (from `LARGE` on: of exactly so many)."""
    if routers >= LARGE:
        return Plan(routers, disturbances=4, forgets=seed % 8 == 0)
    return Plan(Random(seed).randint(min(3, routers), routers), 1 + (seed % 10 == 0), forgets=seed % 4 == 0)


def instant_faults(network: Network) -> list[str]:
    """What must not be at any instant, and is; a large network would take too long."""
    return list(circle_faults(network)) if len(network.routers) < LARGE else []


def live(seed: int, plan: Plan, write: Callable[[str], object] | None = None) -> list[str]:
    """Live through rounds of disturbance and rest; everything found wrong at the ends of rests."""
    random = Random(seed)
    network = random_network(random, plan.routers, write)
    chaos = Disturbances(network)
    sample = None if plan.routers < LARGE else list(network.routers)[:4]
    found: list[str] = []
    if plan.routers >= LARGE:
        network.run(AGREEMENT)
        found += [f"seed {seed} start: {fault}" for fault in Oracle(network, sample).faults()]
    for number in range(plan.rounds):
        network.faults = ROUGH
        for _ in range(plan.disturbances):
            network.run(random.expovariate(0.5))
            found += [f"seed {seed} round {number}: {fault}" for fault in instant_faults(network)]
            chaos.disturb()
        network.run(10.0)
        chaos.rest()
        network.run(AGREEMENT)
        faults = list(Oracle(network, sample).faults(forgotten=False))
        if plan.forgets:
            network.run(OBLIVION - AGREEMENT)
            faults += Oracle(network, sample).faults()
        found += [f"seed {seed} round {number}: {fault}" for fault in faults]
    return found
