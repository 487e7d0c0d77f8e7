"""The timer that detaches streaming links which nobody needs any more (spec: routing-protocol §5.11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from skrouter.router.core.core import RouterCore
from skrouter.router.core.effects import DetachLink, Effect
from skrouter.router.forwarder.forwarder import Forwarder, GoneError

INTERVAL: Final = 30.0
"""Seconds between two looks."""
KEEP: Final = 128
"""Idle links that stay in the pool of a connection."""
AT_ONCE: Final = 10
"""Links of a pool that a look detaches at most."""


class StreamScrub:
    """Looks at the pools of all connections every `interval` seconds, from `start` to `stop`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        forwarder: Forwarder,
        core: RouterCore,
        forward: Callable[[list[Effect]], None],
    ) -> None:
        self._loop = loop
        self._forwarder = forwarder
        self._core = core
        self._forward = forward
        self._timer: asyncio.TimerHandle | None = None

    def start(self, interval: float = INTERVAL, keep: int = KEEP) -> None:
        """Begin, or go on with other numbers."""
        self.stop()
        self._timer = self._loop.call_later(interval, self._look, interval, keep)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, interval: float, keep: int) -> None:
        for connection in list(self._core.connections.by_handle):
            try:
                idle = self._forwarder.idle_streams(connection, keep)
            except GoneError:
                continue  # lost; the core is about to hear of it
            for link in idle[-AT_ONCE:]:  # who has waited longest is last
                self._core.links.end(link)
                self._forward([DetachLink(link)])
        self.start(interval, keep)
