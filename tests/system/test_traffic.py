"""Messages of all sizes between proton's clients: each once, in order, unchanged."""

import random

import pytest
from skrouter_testing.traffic import MAX_SIZE, carry, log_uniform, sizes


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
def test_messages_of_all_sizes_arrive_once_in_order_and_unchanged(way, address, settled):
    plan = sizes(random.Random(5), 60_000_000, 2_000, 2)

    summary = carry(way.ports, address, plan, settled=settled)

    assert summary.messages == 2_000
    assert summary.octets == sum(plan) > 50_000_000
    assert way.line[way.first].running and way.line[way.last].running


def test_routers_hold_little_of_what_passes_through(row, address):
    before = {name: row[name].memory().resident for name in "ABC"}
    for name in "ABC":
        row[name].reset_peak()

    carry((row.ports["A"], row.ports["C"]), address, [MAX_SIZE] * 12)

    for name in "ABC":
        assert row[name].memory().peak - before[name] < 30_000_000


def test_sizes_are_spread_over_all_orders_of_magnitude():
    source = random.Random(1)
    drawn = [log_uniform(source, MAX_SIZE) for _ in range(7_000)]

    by_digits = [sum(10**n <= size < 10 ** (n + 1) for size in drawn) for n in range(7)]

    assert min(by_digits) > 800
    assert all(1 <= size <= MAX_SIZE for size in drawn)
