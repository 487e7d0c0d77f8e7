"""When a router says that it is there: beacons and heartbeats while somebody collects (spec: vanflow §3)."""

from __future__ import annotations

from typing import Final

BEAT_INTERVAL: Final = 2.0
BEATS_OF_A_BEACON: Final = 5


class Beacons:
    """Beats while there is a collector; every fifth one ever is a beacon too."""

    def __init__(self) -> None:
        self.due: float | None = None
        """When the next beat is; None: nobody collects."""
        self._count = 0

    def collected(self, is_collected: bool, now: float) -> None:
        """Somebody collects, or nobody does any more. The first beat is at once."""
        if not is_collected:
            self.due = None
        elif self.due is None:
            self.due = now

    def beat(self, now: float) -> bool:
        """A beat; whether it is a beacon too."""
        if self.due is not None:
            self.due = max(self.due + BEAT_INTERVAL, now)
        self._count += 1
        return self._count % BEATS_OF_A_BEACON == 0
