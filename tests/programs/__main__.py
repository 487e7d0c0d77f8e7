"""Real programs through two routers: each puts load on a service behind a tcpConnector, and may see no error.

`python -m programs [--seconds 10] [--only redis]`, with tests and tests/support on the path; prints a line
for each program and ends with status 1 if one failed. A program that is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from programs import services
from programs.services import MissingError
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine
from skrouter_testing.tcp_peers import is_open

MAX_MEMORY = 160_000_000
"""Octets per router."""


@contextmanager
def routers(directory: Path, server: int) -> Iterator[tuple[RouterLine, int]]:
    """A listener on A, and a connector to this port on B."""
    port = free_port()
    with Routers(directory) as made:
        extra = {
            "A": section("tcpListener", name="in", host=HOST, port=port, address="service"),
            "B": section("tcpConnector", name="out", host=HOST, port=server, address="service"),
        }
        line = RouterLine(made, "AB", extra=extra).start()
        line["A"].wait_line(": listening for client connections")
        yield line, port


def run(name: str, seconds: float) -> str:
    """Serve, connect the routers, put load on; what the load says of itself."""
    directory = Path(tempfile.mkdtemp(prefix=f"program-{name}-"))
    directory.chmod(0o755)
    with services.PROGRAMS[name](directory) as served:
        wait_until(lambda: is_open(served.port), f"{name} to listen")
        with routers(directory, served.port) as (line, port):
            started = time.monotonic()
            said = served.load(port, seconds)
            took = time.monotonic() - started
            peaks = {router: line[router].memory().peak for router in line.names}
            assert all(line[router].running for router in line.names), "a router has ended"
    shown = ", ".join(f"{router} {peak / 1e6:.0f} MB" for router, peak in peaks.items())
    assert max(peaks.values()) < MAX_MEMORY, f"too much memory: {shown}"
    return f"{said}; {took:.0f} s; at most {shown}"


def main() -> int:
    """Run them all; a failed one does not keep the others from running."""
    parser = argparse.ArgumentParser(prog="programs", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of load for each program")
    parser.add_argument("--only", choices=sorted(services.PROGRAMS))
    options = parser.parse_args()
    failed = 0
    for name in services.PROGRAMS:
        if options.only not in (None, name):
            continue
        try:
            print(f"{name}: {run(name, options.seconds)}", flush=True)
        except MissingError as error:
            print(f"{name}: left out: {error}", flush=True)
        except (AssertionError, OSError) as error:
            failed += 1
            print(f"{name}: FAILED: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
