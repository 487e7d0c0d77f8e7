"""The profiler behind the operation PROFILE: of Python code, so of everything but the data plane."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import cProfile


class Profiler:
    """At most one profile at a time, of the thread that starts it."""

    def __init__(self) -> None:
        self._profile: cProfile.Profile | None = None

    @property
    def is_running(self) -> bool:
        """Whether calls are being counted."""
        return self._profile is not None

    def start(self) -> None:
        """Count calls from now on; harmless if it runs already."""
        import cProfile  # noqa: PLC0415  (the daemon starts without it)

        if self._profile is None:
            self._profile = cProfile.Profile()
            self._profile.enable()

    def stop(self) -> str:
        """Stop, and say where time went, as text; nothing if it did not run."""
        import pstats  # noqa: PLC0415  (as above)

        if self._profile is None:
            return ""
        self._profile.disable()
        out = io.StringIO()
        pstats.Stats(self._profile, stream=out).sort_stats("cumulative").print_stats()
        self._profile = None
        return out.getvalue()
