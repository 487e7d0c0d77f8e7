"""The line of memory in the log, for those who watch a router from outside (spec: texts.md §1)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from skrouter.cli.view_process import memory_use, physical_memory

if TYPE_CHECKING:
    import asyncio

    from skrouter.mgmt.agent.facts import MemoryFacts

VARIABLE: Final = "SKUPPER_ROUTER_ALLOC_MONITOR_SECS"


def memory_line(rows: Iterable[MemoryFacts], ram: int, virtual: int, resident: int) -> str:
    """` ram:N vm:N rss:N pool:N`, then ` TYPE:in_use:free` of each type that lives; sizes in octets."""
    parts, pooled = "", 0
    for row in rows:
        allocated = row.total_alloc_from_heap - row.total_free_to_heap
        pooled += allocated * row.type_size
        if allocated:
            parts += f" {row.type_name}:{row.held_by_threads}:{allocated - row.held_by_threads}"
    return f" ram:{ram} vm:{virtual} rss:{resident} pool:{pooled}{parts}"


def interval() -> int:
    """Seconds between two lines, as the environment says; 0: none are wanted."""
    written = os.environ.get(VARIABLE, "")
    return int(written) if written.isascii() and written.isdigit() else 0


def write_regularly(
    loop: asyncio.AbstractEventLoop,
    rows: Callable[[], Iterable[MemoryFacts]],
    log: Callable[[str, str, str], None],
) -> None:
    """Log a line now and then, for as long as the loop runs, if they are wanted."""
    seconds = interval()
    if not seconds:
        return

    def write() -> None:
        virtual, resident = memory_use()
        line = memory_line(rows(), physical_memory(), virtual or 0, resident or 0)
        log("ROUTER", "info", line)
        loop.call_later(seconds, write)

    loop.call_later(seconds, write)
