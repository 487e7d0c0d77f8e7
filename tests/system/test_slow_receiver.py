"""A receiver that hardly reads: what it costs its routers, the other receivers of the message, and everybody else."""

from __future__ import annotations

import pytest
from skrouter_testing.process import Routers
from skrouter_testing.router_line import RouterLine
from skrouter_testing.slow_receiver import HELD, SYSTEM, Pace

SIZE = 120_000_000
MEMORY = 30_000_000
"""Octets by which a router may grow while the message passes."""


@pytest.mark.parametrize("names", ["A", "AB"])
def test_d6_a_slow_receiver_bounds_memory_and_holds_up_nobody_but_its_own_message(
    routers: Routers, names: str
) -> None:
    line = RouterLine(routers, names).start()
    pace = Pace(line.ports[names[0]], line.ports[names[-1]], SIZE)
    try:
        ahead = len(names) * (HELD + SYSTEM)
        before = {name: line[name].memory().resident for name in names}
        usual = pace.exchange_others(50)
        pace.begin()
        assert pace.sent < SIZE, "the sender is not held back"
        assert pace.receivers[0].received[0].size <= ahead
        assert pace.exchange_others(50) < 5 * usual + 1.0
        assert pace.read_slowly(SIZE // 4) <= ahead
        assert pace.end() == "accepted"
        for name in names:
            assert line[name].memory().peak - before[name] < MEMORY, name
    finally:
        pace.close()
