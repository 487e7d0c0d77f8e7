"""`python -m skrouter_testing.network --seeds 100 --routers 12`: random lives of meshes, by the thousand.

Prints the seeds that fail. `--seeds 17-17` replays one and writes what happened in it.
"""

import argparse
import gc
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from functools import partial
from multiprocessing import get_context

from skrouter_testing.mesh_life import live, plan

FEW_COLLECTIONS = (200_000, 50, 1000)
"""A life makes millions of messages and hardly a cycle: a seventh of the time went into looking for some."""
SHOWN = 10
"""Faults of a seed that are written; the first one mostly explains the others."""
TELLING = 20.0
"""Seconds between two lines that say how far it is; from there a run that was interrupted goes on."""


def run_seed(routers: int, seed: int) -> tuple[int, list[str]]:
    """One life; what is wrong with it. An engine that breaks is a fault of the seed."""
    gc.set_threshold(*FEW_COLLECTIONS)
    try:
        return seed, live(seed, plan(seed, routers))
    except Exception:
        return seed, [f"seed {seed}: {traceback.format_exc()}"]


def run_seeds(seeds: Iterable[int], routers: int, jobs: int) -> Iterator[tuple[int, list[str]]]:
    """Lives in `jobs` processes, in the order of seeds."""
    if jobs == 1:
        yield from map(partial(run_seed, routers), seeds)
        return
    with get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(partial(run_seed, routers), seeds, chunksize=1)


def replay(seed: int, routers: int) -> list[str]:
    """Live one seed and write all that happens."""
    life = plan(seed, routers)
    sys.stdout.write(f"seed {seed}: {life}\n")
    return live(seed, life, sys.stdout.write)


def seed_range(text: str) -> range:
    """Seeds of the command line: how many, or first-last."""
    first, dash, last = text.partition("-")
    numbers = [int(part) for part in (first, last) if part.isdecimal()]
    seeds = range(0)
    if dash and len(numbers) == 2:
        seeds = range(numbers[0], numbers[1] + 1)
    elif text.isdecimal():
        seeds = range(numbers[0])
    if not seeds:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number of seeds nor first-last, as in 100 or 17-17"
        )
    return seeds


def main(arguments: list[str] | None = None) -> int:
    """Run seeds; exit status 1 if any fails."""
    parser = argparse.ArgumentParser(prog="skrouter_testing.network", description=__doc__)
    parser.add_argument("--seeds", type=seed_range, default=range(100), help="how many seeds, or first-last")
    parser.add_argument("--routers", type=int, default=12, help="up to so many, from 50 on exactly so many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    seeds, began = options.seeds, time.monotonic()
    failed = []
    if len(seeds) == 1:
        results: Iterable[tuple[int, list[str]]] = [(seeds[0], replay(seeds[0], options.routers))]
    else:
        results = run_seeds(seeds, options.routers, min(options.jobs, len(seeds)))
    told = began
    for seed, found in results:
        if found:
            failed.append(seed)
            sys.stdout.write("\n".join(found[:SHOWN]) + "\n")
            sys.stdout.flush()
        if time.monotonic() - told > TELLING:
            told = time.monotonic()
            sys.stderr.write(f"up to seed {seed}, {len(failed)} failed\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{len(seeds)} seeds of {options.routers} routers, {len(failed)} failed: {failed}\n")
    sys.stderr.write(f"{seconds:.1f} s\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
