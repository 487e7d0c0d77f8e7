"""One tcpConnector: its host is looked up, and again from time to time and after failures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from skrouter.adaptors.tcp.effects import BindConnector, Effect, Log, ResolveConnector, SetTargets
from skrouter.config.model import TcpConnectorConfig

LOOK_UP_INTERVAL: Final = 30.0
"""Seconds between two look-ups of a host name that has addresses."""
LOOK_UP_RETRY: Final = 5.0
"""Seconds until the next look-up of one that has none."""
LOOK_UP_PAUSE: Final = 1.0
"""Seconds after a look-up in which failed connections do not cause another."""


@dataclass(slots=True)
class Connector:
    """The state of one connector. `due`: when to look the host up again; None: it is being done, or never."""

    config: TcpConnectorConfig
    name: str
    address: str
    targets: tuple[bytes, ...] = ()
    bound: bool = False
    fixed: bool = False
    looked_up: float = 0.0
    due: float | None = None
    message: str = ""

    @property
    def place(self) -> str:
        """`host:port` as configured."""
        return f"{self.config.host}:{self.config.port}"

    def look_up(self) -> list[Effect]:
        """Ask for the host's addresses."""
        self.due = None
        return [ResolveConnector(self.name, self.config.host, self.config.port)]

    def resolved(self, targets: tuple[bytes, ...], fixed: bool, now: float) -> list[Effect]:
        """The look-up gave addresses."""
        effects: list[Effect] = []
        self.fixed = fixed
        self.looked_up = now
        self.due = None if fixed else now + LOOK_UP_INTERVAL
        self.message = ""
        if targets != self.targets:
            self.targets = targets
            effects.append(SetTargets(self.name, targets))
        return effects + self._bind()

    def unresolved(self, reason: str, now: float) -> list[Effect]:
        """The look-up failed; addresses that were known stay in use. The same reason is logged once."""
        effects: list[Effect] = []
        self.looked_up = now
        self.due = now + LOOK_UP_RETRY
        if reason != self.message:
            self.message = reason
            effects.append(Log("error", f"Connector {self.name}: cannot resolve {self.place}: {reason}"))
        return effects + self._bind()

    def connect_failed(self, peer: str, reason: str, now: float) -> list[Effect]:
        """Nothing at the host took the connection: its addresses may have changed."""
        effects: list[Effect] = [
            Log("info", f"Connector {self.name}: connection to {peer or self.place} failed: {reason}")
        ]
        if not self.fixed and self.due is not None and now - self.looked_up >= LOOK_UP_PAUSE:
            effects.extend(self.look_up())
        return effects

    def _bind(self) -> list[Effect]:
        """The address is served from the first look-up on; whether the server answers is seen later."""
        if self.bound:
            return []
        self.bound = True
        return [BindConnector(self.name, self.address)]
