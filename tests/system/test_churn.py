"""Clients that come and go leave nothing behind: the short form of `make churn`."""

from __future__ import annotations

import random

from skrouter_testing.churn import Churn, sample, sample_at_rest
from skrouter_testing.process import Routers, wait_until
from skrouter_testing.router_line import RouterLine

LIVES = 150
GROWTH = 8_000_000
"""Octets. Pools and heaps take 7 MB in a thousand lives, then nothing more: see `make churn`."""


def test_clients_that_come_and_go_leave_tables_descriptors_and_memory_as_they_were(routers: Routers) -> None:
    line = RouterLine(routers, "AB").start()
    churn = Churn(line.ports.values(), random.Random(4))
    before = {name: sample_at_rest(line[name], line.ports[name]) for name in "AB"}
    after = []
    for turn in range(1, 4):
        churn.run(lambda turn=turn: churn.begun < turn * LIVES)  # type: ignore[misc]
        for name in "AB":
            wait_until(
                lambda name=name: sample(line[name], line.ports[name]).clients == before[name].clients,
                f"{name} to forget its clients: {before[name]}, {sample(line[name], line.ports[name])}",
            )
        after.append({name: sample(line[name], line.ports[name]) for name in "AB"})
    for name in "AB":
        first, *_, last = (one[name] for one in after)
        assert last.resident - first.resident < GROWTH
        assert last.links - before[name].links <= 2 * 128, "more than the pools of streaming links keep"
