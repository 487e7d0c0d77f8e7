"""What a mesh costs: CPU, messages and memory of one router; writes perf/results/DATE-COMMIT-mesh.json.

Changes of link states alone are timed on meshes of several shapes, beside a computation from nothing. A mesh
of 200 routers with 10,000 addresses is weighed in one router. A simulated mesh starts, converges, loses a
link and converges again: one of its routers, in the middle, computes all that a real one does and is timed;
the others compute valid origins only when asked, so that one process can play them all; every tenth has an
address.
"""

import argparse
import gc
import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median

from load.machine import commit, facts
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.events import RemoteAddress, RemoteAddressesChanged, RouteChanged, RouterKnown
from skrouter.router.mesh import effects as told
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import ControlLinkUp, MessageReceived, Tick
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    Hello,
    LinkStateUpdate,
    MobileAddressList,
    RouterAdvertisement,
)
from skrouter.router.mesh.path import Paths
from skrouter_testing.mesh_life import AGREEMENT
from skrouter_testing.mesh_oracle import Oracle
from skrouter_testing.mesh_paths import OwnPaths
from skrouter_testing.mesh_simulator import Link, Network
from skrouter_testing.simulated_router import Stopwatch

ROOT = Path(__file__).resolve().parents[2]
States = dict[str, dict[str, int]]
Report = dict[str, object]


# --- shapes ---------------------------------------------------------------------------------------------


def connect(states: States, one: str, other: str, cost: int = 1) -> None:
    """Join two routers."""
    states.setdefault(one, {})[other] = cost
    states.setdefault(other, {})[one] = cost


def random_mesh(size: int) -> States:
    """A tree of limited depth and half as many links again; most costs are equal."""
    random, states = Random(size), States()
    ids = [f"R{number:04}" for number in range(size)]
    for number in range(1, size):
        connect(states, ids[random.randrange(max(0, number - 40), number)], ids[number], _cost(random))
    for _ in range(size // 2):
        one, other = random.sample(ids, 2)
        connect(states, one, other, _cost(random))
    return states


def _cost(random: Random) -> int:
    return random.choice((1, 1, 1, 2, 5))


def ring(size: int) -> States:
    """Every path is long, and a lost link changes a quarter of all."""
    states = States()
    for number in range(size):
        connect(states, f"R{number:04}", f"R{(number + 1) % size:04}")
    return states


def star(size: int) -> States:
    """Every path passes through the router in the middle."""
    states = States()
    for number in range(1, size):
        connect(states, "R0000", f"R{number:04}")
    return states


def two_halves(size: int) -> States:
    """Two random trees joined by one link, which half of all paths use."""
    random, states = Random(size), States()
    for first in (0, size // 2):
        for number in range(1, size // 2):
            connect(states, f"R{first + random.randrange(number):04}", f"R{first + number:04}")
    connect(states, "R0000", f"R{size // 2:04}")
    return states


SHAPES: dict[str, Callable[[int], States]] = {
    "random": random_mesh,
    "ring": ring,
    "star": star,
    "two halves": two_halves,
}


# --- changes of link states alone -----------------------------------------------------------------------


def update(paths: Paths, states: States) -> tuple[float, int]:
    """Milliseconds of CPU that changed link states take, and routes that they change."""
    gc.collect()
    began = time.process_time()
    changed = paths.update(states)
    return round((time.process_time() - began) * 1000, 2), len(changed)


def change_paths(shape: str, size: int, links: int) -> Report:
    """Cut and mend some links, as the router with most neighbors sees it: both ends tell within one tick."""
    states = SHAPES[shape](size)
    own = max(states, key=lambda router_id: len(states[router_id]))
    paths = Paths(own)
    from_nothing, _ = update(paths, states)
    cuts, mends = [], []
    pairs = [(one, other) for one in sorted(states) for other in sorted(states[one]) if one < other]
    chosen = Random(1).sample(pairs, min(links, len(pairs)))
    if shape == "two halves":
        chosen[0] = ("R0000", f"R{size // 2:04}")
    for one, other in chosen:
        cut = {end: {k: v for k, v in states[end].items() if k not in (one, other)} for end in (one, other)}
        cuts.append(update(paths, cut))
        mends.append(update(paths, {end: states[end] for end in cut}))
    return {
        "shape": shape,
        "routers": size,
        "from_nothing_ms": from_nothing,
        "cut_ms": _spread([taken for taken, _ in cuts]),
        "mend_ms": _spread([taken for taken, _ in mends]),
        "routes_changed": _spread([changed for _, changed in cuts]),
        "bytes": weigh(lambda: _paths_of(own, states)),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "worst": max(values)}


def _paths_of(own: str, states: States) -> Paths:
    paths = Paths(own)
    paths.update(states)
    return paths


def weigh(make: Callable[[], object]) -> int:
    """Bytes that what is made keeps."""
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return size


# --- one router of a large mesh with addresses ----------------------------------------------------------


def populated(routers: int, addresses: int) -> tuple[MeshEngine, RouterCore]:
    """An engine and a core that know a random mesh of routers, each with its share of the addresses."""
    states = random_mesh(routers)
    own = max(states, key=lambda router_id: len(states[router_id]))
    engine = MeshEngine(MeshConfig(own, 1_700_000_000), 0.0)
    core = RouterCore(CoreConfig(own, True, lambda: "x" * 15))
    others = [router_id for router_id in sorted(states) if router_id != own]
    for slot, peer in enumerate(states[own]):
        _take(core, engine.handle(ControlLinkUp(slot, states[own][peer]), 0.0))
        hello = Hello(peer, 1_700_000_000, (own,))
        _take(core, engine.handle(MessageReceived(hello, slot, states[own][peer]), 0.5))
    for router_id in others:
        advertised = RouterAdvertisement(router_id, 1_700_000_000, 1, 1)
        update = LinkStateUpdate(router_id, 1_700_000_000, 1, states[router_id], own)
        for message in (advertised, update):
            _take(core, engine.handle(MessageReceived(message, 0, 1), 0.5))
    _take(core, engine.handle(Tick(), 1.0))
    for number, router_id in enumerate(others):
        keys = range(number, addresses, len(others))
        listing = tuple(AddressDescriptor(f"Mservice.of.some.length.{key}", 3) for key in keys)
        exact = MobileAddressList(router_id, 1, listing, own)
        _take(core, engine.handle(MessageReceived(exact, 0, 1), 1.5))
    return engine, core


def _take(core: RouterCore, effects: list[told.Effect]) -> None:
    """What the router around them gives from one to the other."""
    for effect in effects:
        match effect:
            case told.RouterAdded(index, router_id):
                core.handle(RouterKnown(index, router_id), 0.0)
            case told.RoutesChanged(routes):
                for route in routes:
                    event = RouteChanged(route.index, route.next_hop, route.cost or 0, route.valid_origins)
                    core.handle(event, 0.0)
            case told.RemoteAddressesChanged(index, added, removed):
                remote = tuple(RemoteAddress(item.key, item.treatment) for item in added)
                core.handle(RemoteAddressesChanged(index, remote, removed), 0.0)
            case _:
                pass


def weigh_addresses(routers: int, addresses: int) -> Report:
    """Memory of engine and address table; the native tables of the forwarder are not in it."""
    made: list[tuple[MeshEngine, RouterCore]] = []
    size = weigh(lambda: made.append(populated(routers, addresses)))
    [(_, core)] = made
    known = sum(key.startswith("Mservice") for key in core.table.addresses)
    if known != addresses:
        raise AssertionError(f"the core knows {known} of {addresses} addresses")
    return {"routers": routers, "addresses": addresses, "bytes": size, "bytes_per_router": size // routers}


# --- a whole mesh ---------------------------------------------------------------------------------------


def simulate(size: int) -> Report:
    """Start a mesh, let it converge, cut a link of the timed router's neighborhood, let it converge again."""
    states = random_mesh(size)
    own = max(states, key=lambda router_id: len(states[router_id]))
    network = Network(Random(size))
    for number, router_id in enumerate(states):
        network.clock.run_until(network.clock.now + 1.0 / size)
        router = network.add_router(router_id, Paths if router_id == own else OwnPaths)
        if number % 10 == 0:
            router.change_addresses((AddressDescriptor(f"M{router_id}", 3),), ())
    for one in states:
        for other, cost in states[one].items():
            if one < other:
                network.join(one, other, cost)
    timed = network.routers[own]
    start = _observe(network, timed.router_id, lambda: None)
    near_link = _spare_link(network, lambda link: own in link.ends)
    near = _observe(network, own, lambda: network.close(near_link))
    far_link = _spare_link(network, lambda link: own not in link.ends)
    far = _observe(network, own, lambda: network.close(far_link))
    return {
        "routers": size,
        "links": len(network.links),
        "start": start,
        "own link cut": near,
        "other link cut": far,
        "peak_memory_of_all_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _spare_link(network: Network, is_wanted: Callable[[Link], bool]) -> Link:
    """An open link without which the mesh is still one."""
    links = [link for link in network.links if link.open and is_wanted(link)]
    for link in Random(2).sample(links, len(links)):
        graph = network.true_graph()
        one, other = link.ends
        del graph[one][other], graph[other][one]
        found, stack = {one}, [one]
        while stack:
            fresh = graph[stack.pop()].keys() - found
            found |= fresh
            stack += fresh
        if other in found:
            return link
    raise AssertionError("every link is the only way to somebody")


def _observe(network: Network, own: str, change: Callable[[], None]) -> Report:
    """Let something happen, wait until all agree (checked from second to second), and count."""
    timed = network.routers[own]
    timed.stopwatch = watch = Stopwatch()
    network.originated.clear()
    network.carried.clear()
    began, wall, everybody = network.clock.now, time.process_time(), list(network.routers)
    change()
    sample = [own, *Random(1).sample(everybody, 5)]
    while network.clock.now - began < 4 * AGREEMENT:
        network.run(2.0)
        if _agree(network, sample):
            break
    else:
        raise AssertionError(f"no agreement: {next(iter(Oracle(network, sample).faults(forgotten=False)))}")
    converged = network.clock.now - began
    return {
        "converged_within_seconds": converged,
        "cpu_ms_of_timed_router": round(watch.total * 1000, 1),
        "cpu_ms_of_its_worst_event": {
            kind: round(seconds * 1000, 2) for kind, seconds in sorted(watch.worst.items())
        },
        "messages_originated": dict(network.originated),
        "messages_on_links": dict(network.carried),
        "cpu_s_of_simulation": round(time.process_time() - wall, 1),
    }


def _agree(network: Network, sample: list[str]) -> bool:
    """Cheap signs first: most of a start is spent far from agreement."""
    reachable = len(network.routers) - 1
    for router in network.routers.values():
        if (
            len(router.hops()) == 0
            or sum(r.next_hop is not None for r in router.routes.values()) != reachable
        ):
            return False
    return next(iter(Oracle(network, sample).faults(forgotten=False)), None) is None


# --- the report -----------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Measure and write the result file."""
    parser = argparse.ArgumentParser(prog="mesh.report", description=__doc__)
    parser.add_argument("--routers", type=int, default=1000, help="size of the simulated mesh")
    parser.add_argument("--links", type=int, default=20, help="links to cut for each shape")
    parser.add_argument("--output", type=Path, help="result file (perf/results/DATE-COMMIT-mesh.json)")
    options = parser.parse_args(arguments)
    result: Report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **commit(ROOT),
        "machine": facts(),
        "paths": [
            change_paths(shape, size, options.links)
            for size in sorted({128, options.routers})
            for shape in SHAPES
        ],
        "addresses": weigh_addresses(200, 10_000),
        "mesh": simulate(options.routers),
    }
    text = json.dumps(result, indent=2) + "\n"
    sys.stdout.write(text)
    file = options.output or _result_file(result)
    file.write_text(text)
    return 0


def _result_file(result: Report) -> Path:
    day, revision = str(result["date"])[:10], str(result["commit"] or "uncommitted")[:10]
    changed = "-changed" if result["changed"] else ""
    return ROOT / "perf" / "results" / f"{day}-{revision}{changed}-mesh.json"


if __name__ == "__main__":
    sys.exit(main())
