"""A receiver that hardly reads: what it costs its routers, others who receive the message, and everybody else."""

from __future__ import annotations

import pytest
from skrouter_testing.process import Routers
from skrouter_testing.slow_receiver import CLIENT_WINDOW, HELD, SYSTEM, Pace, start, taken

SIZE = 120_000_000
WINDOW = 4 << 20
"""Between routers."""
OVERHEAD = 20_000_000
"""Octets by which a router may grow beside what it holds of the message."""


@pytest.mark.parametrize("names", ["A", "AB"])
def test_d6_a_slow_receiver_bounds_memory_and_holds_up_nobody_but_its_own_message(
    routers: Routers, names: str
) -> None:
    ports = start(routers, names, WINDOW)
    pace = Pace(ports[names[0]], ports[names[-1]], SIZE)
    try:
        before = {name: routers[name].memory().resident for name in names}
        usual = pace.exchange_others(50)
        pace.begin()
        assert pace.sent < SIZE, "the sender is not held back"
        assert taken(pace.receivers[0]) <= HELD + SYSTEM
        assert pace.exchange_others(50) < 5 * usual + 1.0
        assert pace.read_slowly(SIZE // 4) <= HELD + SYSTEM
        assert pace.end() == "accepted"
        for name in names:
            assert routers[name].memory().peak - before[name] < CLIENT_WINDOW + WINDOW + OVERHEAD, name
    finally:
        pace.close()
