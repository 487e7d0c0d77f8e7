"""The line of memory: its form, and when it is written."""

from __future__ import annotations

import pytest
from skrouter.cli.memory_line import VARIABLE, interval, memory_line
from skrouter.mgmt.agent.facts import MemoryFacts


def test_sizes_come_first_and_then_the_types_that_live() -> None:
    rows = (
        MemoryFacts("qd_message_t", 100, total_alloc_from_heap=7, total_free_to_heap=2, held_by_threads=3),
        MemoryFacts("qdr_link_t", 10, total_alloc_from_heap=4, total_free_to_heap=4),
        MemoryFacts("qdr_address_t", 1, total_alloc_from_heap=6, held_by_threads=6),
    )
    shown = memory_line(rows, 8000, 900, 50)
    assert shown == " ram:8000 vm:900 rss:50 pool:506 qd_message_t:3:2 qdr_address_t:6:0"


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, 0), ("", 0), ("0", 0), ("12", 12), ("often", 0), ("-1", 0)]
)
def test_the_environment_says_how_often(
    monkeypatch: pytest.MonkeyPatch, text: str | None, seconds: int
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if text is not None:
        monkeypatch.setenv(VARIABLE, text)
    assert interval() == seconds
