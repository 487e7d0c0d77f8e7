"""What management costs a busy router: `python -m management.query [--addresses N] [--links N] …`.

A router with many addresses and links carries messages, one outstanding at a time, while skstat asks for its
tables again and again. Told are for each display the time from start to end of the program, the CPU seconds
of program and router (which others on the machine disturb less), and p50 and p99 of the messages' latency
without and with the queries. The generator checks every message. The result goes to perf/results/.
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from load import machine
from load.configs import ADDRESS, HOST, amqp_listener, router
from load.processes import Processes, accepts, free_ports
from skrouter_testing.amqp_client import Client

ROOT = Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "perf" / "load" / "generators" / "msgbench.c"
DISPLAYS = ("-g", "-a", "-l", "-c")
RUNS = 3
LIMIT_SECONDS = 2.0
"""CPU of program and router for one display: what it takes on a machine that has nothing else to do."""

Taken = dict[str, float]


def configuration(port: int, addresses: int) -> str:
    """A router whose autoLinks, which nobody answers, hold so many addresses."""
    links = "".join(
        f"autoLink {{\n    address: address-{number}\n    direction: in\n    containerId: nobody\n}}\n"
        for number in range(addresses)
    )
    return router("S", "standalone", amqp_listener(port)) + links


def skstat(port: int, router_pid: int, display: str) -> Taken:
    """What one display took, and how many lines it wrote."""
    command = [sys.executable, "-P", "-m", "skrouter.cli.skstat", "-b", f"{HOST}:{port}", "-t", "60", display]
    begun, before, children = time.monotonic(), cpu(router_pid), children_cpu()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"skstat {display} failed: {done.stdout}{done.stderr}")
    return {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": children_cpu() - children,
        "router_cpu_seconds": cpu(router_pid) - before,
        "lines": done.stdout.count("\n"),
    }


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_cpu() -> float:
    """CPU seconds of all programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rounds(port: int, router_pid: int, seconds: float) -> dict[str, Taken]:
    """All displays again and again for so long, each at least `RUNS` times: medians by display."""
    taken: dict[str, list[Taken]] = {display: [] for display in DISPLAYS}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or len(taken[DISPLAYS[0]]) < RUNS:
        for display in DISPLAYS:
            taken[display].append(skstat(port, router_pid, display))
    return {
        display: {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
        for display, runs in taken.items()
    }


def generator(binary: Path, port: int, seconds: float) -> subprocess.Popen[str]:
    """One message at a time for so long, every one checked."""
    words = ["-p", str(port), "-a", ADDRESS, "-s", "100", "-w", "1", "-t", str(int(seconds)), "-j"]
    return subprocess.Popen(
        [str(binary), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def latency(process: subprocess.Popen[str]) -> dict[str, float]:
    """What the generator found once it has ended."""
    text, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"msgbench failed: {text}")
    found: dict[str, float] = json.loads(text)
    return {name: found[name] for name in ("msgs_per_s", "p50_us", "p99_us")}


def measure(options: argparse.Namespace, directory: Path) -> dict[str, object]:
    """Start everything, ask, end everything."""
    binary, (port,) = directory / "msgbench", free_ports(1)
    subprocess.run(["gcc", "-O2", "-o", str(binary), str(GENERATOR)], check=True)
    config = directory / "router.conf"
    config.write_text(configuration(port, options.addresses - options.links))
    with Processes(directory) as processes:
        command = [sys.executable, "-P", "-m", "skrouter.cli.skrouterd", "-c", str(config)]
        pid = processes.start("router", command)
        processes.wait_until(lambda: accepts(port), "the router", 120)
        with Client(port) as client:
            for number in range(options.links):
                client.receiver(f"link-{number}", ready=number == options.links - 1)
            idle = rounds(port, pid, 0)
            alone = latency(generator(binary, port, options.seconds))
            busy = generator(binary, port, options.seconds)
            asked = rounds(port, pid, options.seconds - 2)
            asked_latency = latency(busy)
            processes.check()
    return {
        "addresses": options.addresses,
        "links": options.links,
        "displays": idle,
        "displays_with_traffic": asked,
        "latency_alone": alone,
        "latency_with_queries": asked_latency,
    }


def main() -> int:
    """0, or 1 if a display took too long."""
    parser = argparse.ArgumentParser(description="What management costs a busy router.")
    parser.add_argument("--addresses", type=int, default=10_000)
    parser.add_argument("--links", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=15, help="of traffic, without and with queries")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = measure(options, Path(directory))
    about = {"date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}", **machine.commit(ROOT)}
    document = {**about, "machine": machine.facts(), "queries": found}
    text = json.dumps(document, indent=1)
    name = f"{datetime.now(UTC):%Y-%m-%d}-queries.json"
    (ROOT / "perf" / "results" / name).write_text(text + "\n")
    sys.stdout.write(text + "\n")
    displays: Any = found["displays"]
    taken = (one["cpu_seconds"] + one["router_cpu_seconds"] for one in displays.values())
    return 1 if max(taken) > LIMIT_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
