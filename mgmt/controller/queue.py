"""Which sites to look at, and when: each at most once in the queue, later after failures. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0


@dataclass(slots=True)
class WorkQueue:
    """Keys with the time at which they are due; times in seconds of one clock."""

    _due: dict[str, float] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)

    def add(self, key: str, now: float, delay: float = 0.0) -> None:
        """Look at it after the delay, or before if that was wanted already."""
        due = now + delay
        self._due[key] = min(self._due.get(key, due), due)

    def take(self, now: float) -> str | None:
        """The key that is due longest, which is then no longer in the queue."""
        key = min(self._due, key=lambda one: (self._due[one], one), default=None)
        if key is None or self._due[key] > now:
            return None
        del self._due[key]
        return key

    def failed(self, key: str, now: float) -> float:
        """Look at it again after a pause that grows with every failure in a row; the pause."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        pause = min(FIRST_PAUSE * 2.0**count, LONGEST_PAUSE)
        self.add(key, now, pause)
        return pause

    def succeeded(self, key: str) -> None:
        """The next failure is a first one."""
        self._failures.pop(key, None)

    def forget(self, key: str) -> None:
        """It is gone."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    def next_time(self) -> float | None:
        """When the next key is due."""
        return min(self._due.values(), default=None)
