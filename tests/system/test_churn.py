"""Clients that come and go leave nothing behind: the short form of `make churn`."""

from __future__ import annotations

import random

from skrouter_testing.churn import AT_ONCE, Churn, Sample, sample_at_rest, sample_without_clients
from skrouter_testing.process import Routers
from skrouter_testing.router_line import RouterLine

CROWD = 3 * AT_ONCE
"""Lives at once before anything is measured: they make the heap as large as it will be."""
LIVES = 450
STREAMING_POOLS = 2 * 128
"""Links that routers may keep for streams to come."""
GROWTH = 4_000_000
"""Octets. It was at most 800,000 in three runs; 9,000 octets left behind by each life are more."""


class _Books:
    """A line of routers, the clients that live on it, and what it had before the first of them."""

    def __init__(self, line: RouterLine) -> None:
        self.line = line
        self.before = {name: sample_at_rest(line[name], line.ports[name]) for name in line.ports}
        self._churn = Churn(line.ports.values(), random.Random(4))

    def after(self, lives: int, at_once: int) -> dict[str, Sample]:
        """What each router has when so many have lived and are forgotten."""
        until, self._churn.at_once = self._churn.begun + lives, at_once
        self._churn.run(lambda: self._churn.begun < until)
        return {
            name: sample_without_clients(self.line[name], self.line.ports[name], before)
            for name, before in self.before.items()
        }


def test_clients_that_come_and_go_leave_tables_descriptors_and_memory_as_they_were(routers: Routers) -> None:
    books = _Books(RouterLine(routers, "AB").start())
    first = books.after(CROWD * 5, CROWD)
    last = books.after(LIVES, AT_ONCE)
    for name, found in last.items():
        assert books.before[name].in_transit == 0
        assert found.resident - first[name].resident < GROWTH, (name, first[name], found)
        assert found.links - books.before[name].links <= STREAMING_POOLS
