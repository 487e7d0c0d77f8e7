"""What the system says of this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")
"""Sizes in pages: virtual, resident, and more (proc(5))."""


def memory_use(statm: Path = _STATM) -> tuple[int | None, int | None]:
    """Virtual and resident size in octets; None where the system does not tell."""
    try:
        virtual, resident, *_ = map(int, statm.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None, None
    page = os.sysconf("SC_PAGE_SIZE")
    return virtual * page, resident * page


def physical_memory() -> int:
    """Octets of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def host_name() -> str:
    """This machine's name."""
    return os.uname().nodename
