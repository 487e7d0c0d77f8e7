"""What a command of `skupper` costs that needs no network: `python -m commands.start_up [--runs N]`.

Every command line is run N times as a program of its own, in a data home with one site that does not run.
Told are CPU and wall seconds: median and least. The least wall time is nearest to a quiet machine's; CPU
is disturbed least by others, and is what the limits are held against. The result goes to perf/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from load import machine

ROOT = Path(__file__).resolve().parents[2]
RUNS = 7
HELP_LIMIT = 0.15
LIMIT = 0.3
"""Seconds, for `--help` and for every other command."""
HELP = "--help"
COMMANDS = (
    HELP,
    "completion bash",
    "version",
    "site --help",
    "site create west --enable-link-access",
    "site update",
    "site status",
    "site generate west",
    "listener create web 8080",
    "listener update web --port 8081",
    "listener status",
    "listener generate web 8080",
    "connector create web 8080 --host localhost",
    "connector status",
    "link status",
    "link generate",
    "token issue token",
    "token redeem missing",
    "system apply -f site.yaml",
    "debug dump x_y",
    "connector delete web",
    "listener delete web",
)
"""Some end with an error, as for a site that does not run; that is what they cost then."""

START = "import os, sys; os.getuid = lambda: 1000; from skrouter.cli.skupper import main; sys.exit(main())"
"""As a user other than root, whose sites are not below /var."""

Times = dict[str, float]


def run(command: str, environment: Mapping[str, str]) -> Times:
    """One run; SystemExit if the program breaks rather than refuses."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    words = [sys.executable, "-P", "-c", START, *command.split()]
    done = subprocess.run(
        words, cwd=environment["XDG_DATA_HOME"], env=environment, capture_output=True, text=True, check=False
    )
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if "Traceback" in done.stderr or done.returncode not in (0, 1, 2):
        raise SystemExit(f"skupper {command} failed: {done.stdout}{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_seconds": cpu, "wall_seconds": wall}


def summary(runs: list[Times]) -> Times:
    """Median and least of each time."""
    found: Times = {}
    for name in runs[0]:
        values = [one[name] for one in runs]
        found[name] = round(statistics.median(values), 3)
        found[f"least_{name}"] = round(min(values), 3)
    return found


def limit(command: str) -> float:
    """Seconds that the command may take."""
    return HELP_LIMIT if command == HELP else LIMIT


def measure(runs: int, home: Path) -> dict[str, Times]:
    """All commands in turns, so that what disturbs one run does not fall on one command."""
    environment = {**os.environ, "XDG_DATA_HOME": str(home), "SKUPPER_PLATFORM": "linux"}
    (home / "site.yaml").write_text("apiVersion: skupper.io/v2alpha1\nkind: Site\nmetadata: {name: west}\n")
    taken: dict[str, list[Times]] = {command: [] for command in COMMANDS}
    for _ in range(runs + 1):
        for command in COMMANDS:
            taken[command].append(run(command, environment))
    return {command: summary(found[1:]) for command, found in taken.items()}  # the first fills caches


def main() -> int:
    """0, or 1 if a command takes more CPU than its limit."""
    parser = argparse.ArgumentParser(description="What commands of skupper cost that need no network.")
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        found = measure(options.runs, Path(home))
    now = datetime.now(UTC)
    document = {
        "date": now.isoformat(timespec="seconds"),
        **machine.commit(ROOT),
        "machine": {**machine.facts(), "load": os.getloadavg()[0]},
        "commands": found,
    }
    file = ROOT / "perf" / "results" / f"{now:%Y-%m-%d}-commands.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    late = [one for one in COMMANDS if found[one]["least_cpu_seconds"] > limit(one)]
    for command, times in found.items():
        mark = "  over its limit" if command in late else ""
        cells = "  ".join(f"{name} {value:.3f}" for name, value in times.items())
        sys.stdout.write(f"{command:40} {cells}{mark}\n")
    sys.stdout.write(f"written to {file.relative_to(ROOT)}\n")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
