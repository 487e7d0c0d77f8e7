"""The timer behind the look for stuck deliveries and blocked links (spec: routing-protocol §5.12).

What is found stays counted by the forwarder; here it is told once for each link, and the pieces of a look are
spread so that no connection waits for all of them.
"""

from __future__ import annotations

import asyncio
from typing import Final

from skrouter.router.core.core import RouterCore
from skrouter.router.forwarder.forwarder import Forwarder
from skrouter.router.net.log import RouterLog

INTERVAL: Final = 30.0
"""Seconds between two looks."""
AGE: Final = 10.0
"""Seconds after which a delivery is stuck, and a link without credit blocked."""


class StuckScan:
    """Looks at all links of one router every `interval` seconds, from `start` to `stop`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, forwarder: Forwarder, core: RouterCore, log: RouterLog
    ) -> None:
        self._loop = loop
        self._forwarder = forwarder
        self._core = core
        self._log = log
        self._interval = INTERVAL
        self._age = AGE
        self._timer: asyncio.TimerHandle | None = None

    def start(self, interval: float = INTERVAL, age: float = AGE) -> None:
        """Begin, or go on with other times."""
        self.stop()
        self._interval, self._age = interval, age
        self._timer = self._loop.call_later(interval, self._look, 0)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, place: int) -> None:
        """One piece; others are served before the next."""
        place, found = self._forwarder.find_stuck(place, self._age)
        for link, is_stuck, is_blocked in found:
            if is_stuck:
                self._tell(link, "has a delivery that has not been settled")
            if is_blocked:
                self._tell(link, "has messages to send and no credit")
        self._timer = self._loop.call_later(0.0 if place else self._interval, self._look, place)

    def _tell(self, handle: int, what: str) -> None:
        link = self._core.links.by_handle.get(handle)
        connection = self._core.connections.by_handle.get(link.connection) if link is not None else None
        if link is None or connection is None:
            return  # on its way in or out
        way = f"{'to' if link.outgoing else 'from'} {connection.facts.container}"
        where = f" of address '{link.key}'" if link.key is not None else ""
        text = (
            f"[C{connection.facts.number}] Link '{link.name}' {way}{where} {what} for {self._age:g} seconds"
        )
        self._log.log("ROUTER_CORE", "info", text)
