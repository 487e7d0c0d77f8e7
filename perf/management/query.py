"""What management costs a busy router: `python -m management.query [--addresses N] [--links N] …`.

A router with many addresses and links carries messages, one outstanding at a time, while skstat asks for its
tables again and again. Told are the time of each display, and p50 and p99 of the messages' latency without
and with the queries; and after SECONDS nothing may be lost or out of order. The result goes to perf/results/.
"""

from __future__ import annotations

import argparse
import json
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
LIMIT_SECONDS = 2.0
"""What every display may take on a machine that has nothing else to do."""


def configuration(port: int, addresses: int) -> str:
    """A router whose autoLinks, which nobody answers, hold so many addresses."""
    links = "".join(
        f"autoLink {{\n    address: address-{number}\n    direction: in\n    containerId: nobody\n}}\n"
        for number in range(addresses)
    )
    return router("S", "standalone", amqp_listener(port)) + links


def skstat(port: int, display: str) -> tuple[float, int]:
    """Seconds from start to end of the program, and how many lines it wrote."""
    command = [sys.executable, "-P", "-m", "skrouter.cli.skstat", "-b", f"{HOST}:{port}", "-t", "60", display]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(f"skstat {display} failed: {done.stdout}{done.stderr}")
    return taken, done.stdout.count("\n")


def rounds(port: int, seconds: float) -> dict[str, Any]:
    """All displays again and again for so long: median seconds, and lines of the last, by display."""
    taken: dict[str, list[float]] = {display: [] for display in DISPLAYS}
    lines: dict[str, int] = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or not all(taken.values()):
        for display in DISPLAYS:
            found, lines[display] = skstat(port, display)
            taken[display].append(found)
    return {
        display: {
            "seconds": round(statistics.median(values), 3),
            "runs": len(values),
            "lines": lines[display],
        }
        for display, values in taken.items()
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
        processes.start("router", command)
        processes.wait_until(lambda: accepts(port), "the router", 120)
        with Client(port) as client:
            for number in range(options.links):
                client.receiver(f"link-{number}", ready=number == options.links - 1)
            idle = rounds(port, 0)
            alone = latency(generator(binary, port, options.seconds))
            busy = generator(binary, port, options.seconds)
            asked = rounds(port, options.seconds - 2)
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
    return 1 if any(one["seconds"] > LIMIT_SECONDS for one in displays.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
