"""Conservation of octets: random lives of TCP connections through one to three routers and an edge.

`SKROUTER_TCP_LIVES` sets how many lives there are on each way, `SKROUTER_TCP_SEED` where they begin.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, RouterProcess, Routers, free_port, section, wait_until
from skrouter_testing.tcp_lives import Lives
from skrouter_testing.topology import Link, Topology

LIVES = int(os.environ.get("SKROUTER_TCP_LIVES", "120"))
SEED = int(os.environ.get("SKROUTER_TCP_SEED", "1"))
TOGETHER = 20
LISTENING = "0A"
"""The state of such a socket in /proc/net/tcp."""
LISTENER = ": listening for client connections"


class Way(Topology):
    """Routers with a tcpListener on the first and a tcpConnector on the last."""

    def __init__(self, routers: Routers, names: str) -> None:
        order = names.split("-")
        self.first, self.last = order[0], order[-1]
        links = [Link(a, b) if a.startswith("E") else Link(b, a) for a, b in pairwise(order)]
        self.service = socket.create_server((HOST, 0), backlog=200)
        self.tcp_port = free_port()
        at = self.service.getsockname()[1]
        extra = dict.fromkeys(order, "")
        extra[self.first] += section("tcpListener", name="in", host=HOST, port=self.tcp_port, address="lives")
        extra[self.last] += section("tcpConnector", name="out", host=HOST, port=at, address="lives")
        super().__init__(routers, order, links, extra=extra)

    def start_open(self) -> Way:
        """Start, and wait for the listener."""
        self.start()
        self[self.first].wait_line(LISTENER)
        return self

    def left(self) -> dict[str, int]:
        """TCP connections that routers still have, by router; late ones at the service are turned away."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.service.accept()[0].close()
        rows = {name: query(self.ports[name], "connection") for name in self.names}
        return {name: sum(_is_tcp(row) for row in rows[name]) for name in self.names}


def _is_tcp(row: Mapping[str, object]) -> bool:
    return row["protocol"] == "tcp" and row["host"] != "egress-dispatch"


@pytest.fixture(params=["A", "A-B", "A-B-C", "E1-A-B", "B-A-E1"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Way]:
    with Routers(tmp_path) as routers:
        made = Way(routers, request.param)
        with made.service:
            yield made.start_open()


def _sockets(router: RouterProcess, ports: set[int]) -> int:
    """Connections that the process has a descriptor of, from or to one of these ports."""
    held = set()
    for link in Path(f"/proc/{router.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            held.add(str(link.readlink()))
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ends = {int(fields[place].rpartition(":")[2], 16) for place in (1, 2)}
        count += f"socket:[{fields[9]}]" in held and bool(ends & ports) and fields[3] != LISTENING
    return count


@pytest.mark.timeout(60 + LIVES)
def test_e1_octets_are_conserved_in_random_lives_and_nothing_remains(way):
    lives = Lives(way.service, [way.tcp_port], random.Random(SEED))

    lives.run(LIVES, TOGETHER)

    assert lives.failures == []
    wait_until(lambda: not any(way.left().values()), "no connection to remain")
    ports = {way.tcp_port, way.service.getsockname()[1]}
    wait_until(lambda: not any(_sockets(way[name], ports) for name in way.names), "no descriptor to remain")
