"""A connector's connections, kept by the age of their certificates: what is there, and what it is good for.

Belongs here: connectors, their generations and legs. Does not: dialling (connectors.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.config.model import ConnectorConfig
from skrouter.router.net.dial import Dial, Target

CONNECTING: Final = "CONNECTING"
SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """What management shows of a connector; `failover_urls` is a comma list, the place in use first."""

    connection_status: str
    connection_msg: str
    failover_urls: str


@dataclass(slots=True, eq=False)
class Leg:
    """One connection of a connector, over all its attempts.

    `number`, `ordinal`, `local_socket`: of the latest one.
    """

    connector: Connector
    generation: Generation
    data: bool
    dial: Dial
    number: int = 0
    ordinal: int | None = None
    target: Target | None = None
    local_socket: str = ""
    handle: int | None = None
    is_open: bool = False
    container: str = ""
    """Of the peer of the latest connection that was open."""
    proxy: str = ""
    """`host:port` of the proxy that the latest attempt has yet to get through; empty: none."""
    addresses: list[tuple[Any, ...]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def place(self) -> Target:
        """Where the latest attempt goes; before the first, where it will go."""
        return self.target or self.dial.target

    @property
    def by_proxy(self) -> str:
        """What failures say behind the place."""
        return f" by proxy {self.proxy}" if self.proxy else ""

    def stop(self) -> None:
        """No further attempt."""
        for pending in (self.timer, self.task):
            if pending is not None:
                pending.cancel()
        self.timer = self.task = None
        self.addresses.clear()


@dataclass(slots=True, eq=False)
class Generation:
    """Legs of a connector with certificates of one `ordinal` (None: without TLS).

    `context`: what the latest attempt has used. `was_up`: the control leg has been open. `is_retired`: its
    legs are dialled no more.
    """

    ordinal: int | None
    legs: list[Leg] = field(default_factory=list)
    context: TlsContext | None = None
    was_up: bool = False
    is_retired: bool = False

    @property
    def control(self) -> Leg:
        """The leg that is not for data only."""
        return next(leg for leg in self.legs if not leg.data)

    @property
    def is_split(self) -> bool:
        """Whether its connections have come to different routers, as behind a balancer of loads."""
        return len({leg.container for leg in self.legs if leg.is_open}) > 1

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left, nor will be."""
        return self.is_retired and all(leg.handle is None for leg in self.legs)

    def retire(self) -> list[int]:
        """Dial no more; returns the handles of connections that are not open yet, for the owner to drop."""
        self.is_retired = True
        for leg in self.legs:
            leg.stop()
        return [leg.handle for leg in self.legs if leg.handle is not None and not leg.is_open]


@dataclass(slots=True, eq=False)
class Connector:
    """A configured connector and its generations, newest last. Status and message are its control legs'."""

    config: ConnectorConfig
    correlator: str | None
    generations: list[Generation] = field(default_factory=list)
    status: str = CONNECTING
    message: str = ""

    @property
    def newest(self) -> Generation:
        """The generation that is dialled for ever."""
        return self.generations[-1]

    @property
    def control(self) -> Leg:
        """The newest control leg."""
        return self.newest.control

    @property
    def legs(self) -> list[Leg]:
        """Of all generations, oldest first."""
        return [leg for generation in self.generations for leg in generation.legs]

    @property
    def is_open(self) -> bool:
        """Whether a control leg is."""
        return any(generation.control.is_open for generation in self.generations)

    def forget_the_past(self) -> None:
        """Let go of generations of which nothing is left."""
        self.generations = [one for one in self.generations if one is self.newest or not one.is_over]

    def update_status(self, message: str) -> None:
        """A control leg has failed or ended; `message` says why, if there is anything to say."""
        if self.is_open:
            return
        is_under_way = self.control.task is not None or self.control.handle is not None
        self.status = CONNECTING if is_under_way else FAILED
        self.message = message or self.message

    def report(self) -> ConnectorStatus:
        """For management."""
        places = ", ".join(f"amqp://{target.host_port}" for target in self.control.dial.targets)
        return ConnectorStatus(self.status, self.message, places)
