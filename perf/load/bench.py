"""Measures a router under load, side by side with nginx and HAProxy, and writes one JSON result.

Run by `make bench`. Targets of a group run at the same time and are measured in turn, so that a noisy
neighbour hits all of them; figures are medians. CPU per unit moves much less than a rate does.
"""

import argparse
import datetime
import json
import resource
import sys
import tempfile
from pathlib import Path

from load import idle, machine
from load.cases import CASES, GROUPS, Case, select
from load.processes import BenchError, Processes, accepts, free_ports, memory
from load.report import Outcome, table
from load.targets import RouterProgram, Target, start_targets
from load.workload import build

ROOT = Path(__file__).resolve().parents[2]
IDLE = "idle"
READY_TIMEOUT = 60.0
"""Seconds for two routers to find each other and exchange addresses."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 if every run succeeded, 1 if any failed, 2 for a wrong command line."""
    options = _parse(arguments)
    _raise_descriptor_limit()
    routers = [RouterProgram("skrouter", (str(ROOT / ".venv/bin/skrouterd"),)), *options.beside]
    result: dict[str, object] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **machine.commit(ROOT),
        "machine": machine.facts(),
        "settings": {"seconds": options.seconds, "repeats": options.repeats, "quick": options.quick},
    }
    with tempfile.TemporaryDirectory(prefix="skrouter-bench-") as name:
        bench = Bench(Path(name), options.seconds, options.repeats, routers)
        bench.run(select(options.quick, options.only))
        if not options.only or IDLE in options.only:
            bench.run_idle(options.idle_connections)
    result |= bench.document()
    print(table(bench.outcomes))
    file = options.output or _result_file(result)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written to {file}")
    for error in bench.errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if bench.errors else 0


class Bench:
    """Runs cases and collects their outcomes; an error ends one run or one group, never the whole."""

    def __init__(self, directory: Path, seconds: float, repeats: int, routers: list[RouterProgram]) -> None:
        self.outcomes: list[Outcome] = []
        self.errors: list[str] = []
        self._memory: dict[str, dict[str, float]] = {}
        self._directory = directory
        self._seconds = seconds
        self._repeats = repeats
        self._routers = routers
        self._generators = build(directory)

    def document(self) -> dict[str, object]:
        return {
            "cases": [outcome.document() for outcome in self.outcomes],
            "memory": self._memory,
            "errors": self.errors,
        }

    def run(self, cases: tuple[Case, ...]) -> None:
        """Measure group by group, each with targets of its own."""
        for group in GROUPS:
            if chosen := [case for case in cases if case.group == group]:
                try:
                    self._run_group(chosen)
                except BenchError as error:
                    self._failed(f"{group}: {error}")

    def run_idle(self, connections: int) -> None:
        """Memory at rest, for each router."""
        for router in self._routers:
            try:
                with Processes(self._subdirectory(f"idle-{router.name}")) as processes:
                    self._memory[f"{IDLE}/{router.name}"] = idle.measure(processes, router, connections)
            except (BenchError, OSError) as error:
                self._failed(f"{IDLE}/{router.name}: {error}")

    def _run_group(self, cases: list[Case]) -> None:
        group = cases[0].group
        with Processes(self._subdirectory(group)) as processes:
            (server,) = free_ports(1)
            if group.startswith("tcp"):
                processes.start("server", (str(self._generators.tcp), "serve", str(server)))
                processes.wait_until(lambda: accepts(server), "tcpbench serve")
            targets = start_targets(group, processes, self._routers, server)
            for target in targets:
                self._wait_until_it_carries(processes, cases[0], target)
            self._measure(processes, cases, targets)
            for target in targets:
                for number, pid in enumerate(target.pids):
                    self._memory[f"{group}/{target.name}-{number}"] = {**memory(pid)}

    def _wait_until_it_carries(self, processes: Processes, case: Case, target: Target) -> None:
        """Until a short run succeeds: routers need some seconds to learn each other's addresses."""

        def carries() -> bool:
            try:
                self._generators.run(case, target, 0.2)
            except BenchError:
                return False
            return True

        processes.wait_until(carries, target.name, READY_TIMEOUT)

    def _measure(self, processes: Processes, cases: list[Case], targets: list[Target]) -> None:
        """Target by target within a case, case by case within a repeat."""
        outcomes = {(case, target): Outcome(case, target.name) for case in cases for target in targets}
        self.outcomes += outcomes.values()
        for repeat in range(self._repeats):
            for (case, target), outcome in outcomes.items():
                print(f"{repeat + 1}/{self._repeats} {case.title} on {target.name}", flush=True)
                processes.check()
                try:
                    outcome.runs.append(self._generators.run(case, target, self._seconds))
                except BenchError as error:
                    outcome.errors.append(str(error))
                    self._failed(str(error))

    def _subdirectory(self, name: str) -> Path:
        path = self._directory / name
        path.mkdir()
        return path

    def _failed(self, text: str) -> None:
        self.errors.append(text)
        print(f"FAILED {text}", flush=True)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Load tests beside nginx and HAProxy.")
    parser.add_argument("--quick", action="store_true", help="the main cases, once, one second each")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PREFIX",
        help="groups or cases that begin so, or idle; repeatable",
    )
    parser.add_argument("--repeats", type=int, help="runs of each case on each target (5; quick: 1)")
    parser.add_argument("--seconds", type=float, help="measured time of a run (3; quick: 1)")
    parser.add_argument("--idle-connections", type=int, default=1000, metavar="N")
    parser.add_argument(
        "--beside",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        type=_router,
        help="another router daemon that reads skrouterd.conf, measured beside ours; repeatable",
    )
    parser.add_argument("--output", type=Path, help="result file (perf/results/DATE-COMMIT.json)")
    options = parser.parse_args(arguments)
    options.repeats = options.repeats or (1 if options.quick else 5)
    options.seconds = options.seconds or (1.0 if options.quick else 3.0)
    names = [IDLE, *(case.title for case in CASES)]
    for prefix in options.only:
        if not any(name.startswith(prefix) for name in names):
            parser.error(
                f"--only {prefix}: no such case; there are {', '.join((IDLE, *GROUPS))} and their cases"
            )
    options.only = tuple(options.only)
    return options


def _router(text: str) -> RouterProgram:
    name, separator, command = text.partition("=")
    if not (separator and name.isidentifier() and command):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=COMMAND")
    return RouterProgram(name, tuple(command.split()))


def _raise_descriptor_limit() -> None:
    """A thousand connections need as many descriptors, here and in the router that inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _result_file(result: dict[str, object]) -> Path:
    day, commit = str(result["date"])[:10], str(result["commit"] or "uncommitted")[:10]
    changed = "-changed" if result["changed"] else ""
    return ROOT / "perf" / "results" / f"{day}-{commit}{changed}.json"


if __name__ == "__main__":
    sys.exit(main())
