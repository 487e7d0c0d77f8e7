"""Clients that come and go for minutes at two routers and an edge router; what these have must stay flat.

`python -m soak.churn [--minutes 10]`, with tests, tests/support and perf on the path; writes
perf/results/DATE-COMMIT-churn.json and ends with status 1 if anything has grown.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from load.machine import commit, facts
from skrouter_testing.churn import Churn, Sample, sample_at_rest, sample_without_clients
from skrouter_testing.process import Routers
from skrouter_testing.topology import Link, Topology

ROOT = Path(__file__).parents[2]
NAMES = ("A", "B", "E")
LINKS = [Link("B", "A"), Link("E", "A")]
SAMPLES = 30
"""Of each router, one at the end of each part of the time, when its clients have left."""
QUIET = 60.0
"""Seconds for routers to forget what is gone."""
GROWTH = 3_000_000
"""Octets between the middle of the second third and of the last."""
STREAMING_POOLS = 2 * 128
SEED = 2026

Story = dict[str, list[Sample]]


def run(minutes: float) -> tuple[Story, dict[str, int]]:
    """Samples by router, the first before any client came; and lives by their end."""
    with Routers(Path(tempfile.mkdtemp(prefix="churn-"))) as routers:
        topology = Topology(routers, NAMES, LINKS).start()
        story: Story = {name: [sample_at_rest(topology[name], topology.ports[name])] for name in NAMES}
        churn = Churn([topology.ports[name] for name in NAMES], random.Random(SEED))
        started = time.monotonic()
        for part in range(1, SAMPLES + 1):
            until = started + part * minutes * 60 / SAMPLES
            churn.run(lambda until=until: time.monotonic() < until)  # type: ignore[misc]
            for name in NAMES:
                before, router = story[name][0], topology[name]
                story[name].append(sample_without_clients(router, topology.ports[name], before, QUIET))
            shown = ", ".join(f"{name} {story[name][-1].resident / 1e6:.1f} MB" for name in NAMES)
            print(f"{churn.lives.total()} lives; {shown}", flush=True)
        return story, dict(churn.lives)


def growth(samples: list[Sample]) -> float:
    """Octets between the medians of the second third and of the last; the first warms the router up."""
    third = len(samples) // 3
    parts = samples[third : 2 * third], samples[2 * third :]
    middle, last = (statistics.median(one.resident for one in part) for part in parts)
    return last - middle


def faults(story: Story) -> list[str]:
    """What has grown; descriptors and tables were waited for."""
    found = [
        f"{name} has grown by {growth(samples) / 1e6:.1f} MB"
        for name, samples in story.items()
        if growth(samples) > GROWTH
    ]
    return found + [
        f"{name} keeps {samples[-1].links} links, {samples[0].links} at the start"
        for name, samples in story.items()
        if samples[-1].links - samples[0].links > STREAMING_POOLS
    ]


def main() -> int:
    """Run it, record it."""
    parser = argparse.ArgumentParser(prog="soak.churn", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--output", type=Path, help="result file (perf/results/DATE-COMMIT-churn.json)")
    options = parser.parse_args()
    story, lives = run(options.minutes)
    wrong = faults(story)
    result: dict[str, object] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **commit(ROOT),
        "machine": facts(),
        "minutes": options.minutes,
        "lives": lives,
        "growth": {name: growth(samples) for name, samples in story.items()},
        "faults": wrong,
        "samples": {name: [asdict(one) for one in samples] for name, samples in story.items()},
    }
    path = options.output or _result_file(result)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{sum(lives.values())} lives, {wrong or 'nothing has grown'}: {path}")
    return 1 if wrong else 0


def _result_file(result: dict[str, object]) -> Path:
    day, revision = str(result["date"])[:10], str(result["commit"] or "uncommitted")[:10]
    changed = "-changed" if result["changed"] else ""
    return ROOT / "perf" / "results" / f"{day}-{revision}{changed}-churn.json"


if __name__ == "__main__":
    sys.exit(main())
