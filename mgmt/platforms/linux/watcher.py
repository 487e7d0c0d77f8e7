"""Notices changes in directories by what they hold, looked at in short intervals.

Polling works on every file system and in containers; a few dozen entries cost microseconds. Size, inode and
time of each file are compared, so that a file which is replaced in the same second is noticed too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

INTERVAL = 0.15
"""Seconds between two looks, and the time for which writers must be quiet before anybody is told."""

Snapshot = frozenset[tuple[str, int, int, int]]


def snapshot(directories: Iterable[Path]) -> Snapshot:
    """What is in the directories and one level below them."""
    found = []
    for directory in directories:
        for path in (*directory.glob("*"), *directory.glob("*/*")):
            try:
                facts = path.stat()
            except OSError:
                continue  # gone meanwhile
            found.append((str(path), facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return frozenset(found)


def watch_directories(directories: Iterable[Path], changed: Callable[[], None]) -> Callable[[], None]:
    """Call `changed` from a thread when writers have been quiet; the result ends the thread."""
    watched = tuple(directories)
    ended = threading.Event()
    first = snapshot(watched)

    def look() -> None:
        told = seen = first
        while not ended.wait(INTERVAL):
            current = snapshot(watched)
            if current == seen and current != told:
                told = current
                changed()
            seen = current

    thread = threading.Thread(target=look, name="input watcher", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end
