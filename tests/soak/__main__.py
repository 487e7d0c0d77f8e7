"""The long campaigns: gigabytes of messages and of TCP through two and three routers, everything checked;
one message of a gigabyte to a fast receiver and a slow one.

`python -m soak [--scale 1.0] [--only messages|tcp|slow]`, with tests and tests/support on the path; prints a
line for each campaign and ends with status 1 if one failed. Memory is VmHWM of each router.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from skrouter_testing import slow_receiver
from skrouter_testing.process import HOST, Routers, free_port, section
from skrouter_testing.router_line import RouterLine
from skrouter_testing.tcp_peers import Service, connect, exchange
from skrouter_testing.traffic import carry, sizes

MESSAGES, LARGEST_ONES, OCTETS = 100_000, 60, 4_000_000_000
TCP_OCTETS = 3_000_000_000
SLOW_OCTETS = 1_000_000_000
MAX_MEMORY = {"messages": 160_000_000, "tcp": 120_000_000}
"""Octets per router. proton keeps the buffers of settled deliveries, so messages take more than TCP."""
TIMEOUT = 1800.0
SEED = 2026

Campaign = tuple[str, Callable[[], str]]


def messages(names: str, settled: bool, scale: float) -> str:
    """Messages of log-uniform size from A to the last router: each once, in order, unchanged."""
    plan = sizes(random.Random(SEED), int(OCTETS * scale), int(MESSAGES * scale), round(LARGEST_ONES * scale))
    with Routers(Path(tempfile.mkdtemp(prefix="soak-"))) as routers:
        line = RouterLine(routers, names).start()
        ports = line.ports[names[0]], line.ports[names[-1]]
        summary = carry(ports, "soak", plan, settled=settled, timeout=TIMEOUT)
        return f"{summary}; {_memory(line, 'messages')}; stopped with {[line[name].stop() for name in names]}"


def tcp(names: str, scale: float) -> str:
    """TCP octets both ways at once from a listener on A to a connector on the last router."""
    port, octets = free_port(), int(TCP_OCTETS * scale)
    with Service() as service, Routers(Path(tempfile.mkdtemp(prefix="soak-"))) as routers:
        extra = {
            names[0]: section("tcpListener", name="in", host=HOST, port=port, address="soak"),
            names[-1]: section("tcpConnector", name="out", host=HOST, port=service.port, address="soak"),
        }
        line = RouterLine(routers, names, extra=extra).start()
        line["A"].wait_line(": listening for client connections")
        with connect(port) as client, service.accept() as server:
            started = time.monotonic()
            exchange(client, server, octets, TIMEOUT)
            seconds = time.monotonic() - started
        memory = _memory(line, "tcp")
        status = [line[name].stop() for name in names]
        rate = f"{seconds:.1f} s: {2 * octets / seconds / 1e6:.0f} MB/s"
        return f"{octets / 1e6:.0f} MB each way in {rate}; {memory}; stopped with {status}"


def slow(names: str, scale: float) -> str:
    """A multicast to two receivers on the last router; one hardly reads the first half, and then goes."""
    octets = int(SLOW_OCTETS * scale)
    with Routers(Path(tempfile.mkdtemp(prefix="soak-"))) as routers:
        ports = slow_receiver.start(routers, names)
        pace = slow_receiver.Pace(ports[names[0]], ports[names[-1]], octets)
        try:
            pace.begin()
            held = pace.sent
            alone = pace.exchange_others(100)
            ahead = pace.read_slowly(octets // 2)
            started = time.monotonic()
            outcome = pace.end()
            rate = octets / 2e6 / (time.monotonic() - started)
        finally:
            pace.close()
        window = slow_receiver.CLIENT_WINDOW if len(names) == 1 else slow_receiver.ROUTER_WINDOW
        limit = window + 60_000_000
        peaks = {name: routers[name].memory().peak for name in names}
        shown = ", ".join(f"{name} {peak / 1e6:.0f} MB" for name, peak in peaks.items())
        text = (
            f"{octets / 1e6:.0f} MB, {outcome}; held back at {held / 1e6:.0f} MB; fast one at most"
            f" {ahead / 1e6:.0f} MB ahead, then {rate:.0f} MB/s alone;"
            f" 100 messages of others in {alone:.2f} s; at most {shown}"
        )
        assert outcome == "accepted", text
        assert ahead <= slow_receiver.HELD + slow_receiver.SYSTEM, text
        assert max(peaks.values()) < limit, f"more than {limit / 1e6:.0f} MB: {text}"
        return text


def _memory(line: RouterLine, kind: str) -> str:
    peaks = {name: line[name].memory().peak for name in line.names}
    shown = ", ".join(f"{name} {peak / 1e6:.0f} MB" for name, peak in peaks.items())
    if max(peaks.values()) > (limit := MAX_MEMORY[kind]):
        raise AssertionError(f"more memory than {limit / 1e6:.0f} MB: {shown}")
    return f"at most {shown}"


def campaigns(scale: float, only: str | None) -> Iterator[Campaign]:
    """Name and run of each."""
    for names in ("A", "AB"):
        if only in (None, "slow"):
            yield f"slow {'-'.join(names)}", lambda names=names: slow(names, scale)  # type: ignore[misc]
    for names in ("AB", "ABC"):
        if only in (None, "messages"):
            for settled in (False, True):
                title = f"messages {'-'.join(names)} {'pre-settled' if settled else 'unsettled'}"
                yield title, lambda names=names, settled=settled: messages(names, settled, scale)  # type: ignore[misc]
        if only in (None, "tcp"):
            yield f"tcp {'-'.join(names)}", lambda names=names: tcp(names, scale)  # type: ignore[misc]


def main() -> int:
    """Run them all; a failed one does not keep the others from running."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the full size")
    parser.add_argument("--only", choices=("messages", "tcp", "slow"))
    options = parser.parse_args()
    failed = 0
    for name, run in campaigns(options.scale, options.only):
        try:
            result = run()
        except AssertionError as error:
            failed += 1
            result = f"FAILED: {error}"
        print(f"{name}: {result}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
