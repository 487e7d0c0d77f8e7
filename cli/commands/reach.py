"""Whether servers of connectors can be reached from this machine: by connecting to them."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

Place = tuple[str, int]
"""Host and port."""

TIMEOUT = 1.0
MOST_AT_ONCE = 16


def reach(places: Iterable[Place], timeout: float = TIMEOUT) -> dict[Place, str]:
    """Nothing for each place that can be reached, else why not."""
    wanted = sorted(set(places))
    if not wanted:
        return {}
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(wanted)), "reach") as pool:
        return dict(zip(wanted, pool.map(lambda one: _attempt(one, timeout), wanted), strict=True))


def _attempt(place: Place, timeout: float) -> str:
    try:
        with socket.create_connection(place, timeout=timeout):
            return ""
    except TimeoutError:
        return f"no answer in {timeout:g} s"
    except OSError as error:
        return error.strerror or str(error)
