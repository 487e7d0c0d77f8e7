"""A stranger who asks too much waits; the others do not, and memory stays bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.mgmt.grants.limits import Buckets, party


def test_burst_is_free_and_then_time_must_pass() -> None:
    buckets = Buckets(3, 0.5)
    for _ in range(3):
        assert buckets.wait("192.0.2.1", 10.0) == 0
        buckets.add("192.0.2.1", 10.0)
    assert buckets.wait("192.0.2.1", 10.0) == 2.0
    assert buckets.wait("192.0.2.1", 12.0) == 0
    assert buckets.wait("192.0.2.2", 10.0) == 0


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_history_allows_more_than_burst_and_rate(pauses: list[float]) -> None:
    buckets, now, done = Buckets(4, 0.5), 100.0, 0
    for pause in pauses:
        now += pause
        if buckets.wait("192.0.2.1", now) == 0:
            buckets.add("192.0.2.1", now)
            done += 1
    assert done <= 4 + 0.5 * (now - 100.0) + 1e-6


def test_memory_is_bounded_whoever_asks() -> None:
    buckets = Buckets(1, 0.1, most=10)
    for number in range(100):
        buckets.add(f"192.0.2.{number}", 0.0)
    assert len(buckets) == 10
    assert buckets.wait("192.0.2.99", 0.0) > 0


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("nobody", "nobody"),
    ],
)
def test_party_of_an_address_is_a_machine_or_its_network(address: str, found: str) -> None:
    assert party(address) == found
