"""The one reader of the system's clocks; everything else is given the time."""

import time


def monotonic() -> float:
    """Seconds that never go back: for deadlines and durations; the same clock as the event loop's."""
    return time.monotonic()


def wall() -> float:
    """Seconds since 1970 (UTC): for people and for time stamps that leave the process."""
    return time.time()
