"""One tcpListener: when its socket is open, and which of its addresses new connections go to. Pure.

    closed --consumers > 0--> opening --ListenerOpened--> up --consumers = 0--> closed
                                 |
                                 +--ListenerRefused--> failed --consumers change, > 0--> opening

A refused listener is not tried again until the number of consumers changes (spec: tcp-adaptor §2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from skrouter.adaptors.tcp.effects import CloseListener, Effect, Log, OfferAddress, OpenListener
from skrouter.config.model import TcpListenerConfig


class Phase(Enum):
    """Where the listening socket stands."""

    CLOSED = "closed"
    OPENING = "opening"
    UP = "up"
    FAILED = "failed"


@dataclass(slots=True)
class Listener:
    """The state of one listener. `values` maps addresses to priority or weight; 1 for an only one."""

    config: TcpListenerConfig
    name: str
    values: dict[str, int]
    backlog: int
    phase: Phase = Phase.CLOSED
    message: str = ""
    place: str = ""
    offered: dict[str, int] = field(default_factory=dict)

    @property
    def configured_place(self) -> str:
        """`host:port` as configured."""
        return f"{self.config.host}:{self.config.port}"

    @property
    def target_text(self) -> str:
        """What the listener is for, in log lines."""
        return self.config.address if self.config.address is not None else "multiple addresses"

    @property
    def is_up(self) -> bool:
        """Whether the socket is open: operStatus."""
        return self.phase is Phase.UP

    def follow(self, consumers: Mapping[str, int]) -> list[Effect]:
        """The number of consumers of some address has changed; `consumers` has all watched addresses."""
        effects = self._offers(consumers)
        reachable = any(consumers.get(address, 0) > 0 for address in self.values)
        if reachable and self.phase in (Phase.CLOSED, Phase.FAILED):
            self.phase = Phase.OPENING
            effects.append(OpenListener(self.name, self.config.host, self.config.port, self.backlog))
        elif not reachable:
            effects.extend(self.close())
        return effects

    def close(self) -> list[Effect]:
        """Stop listening. A refusal stays on record."""
        was = self.phase
        if was in (Phase.CLOSED, Phase.FAILED):
            return []
        self.phase = Phase.CLOSED
        if was is Phase.OPENING:
            return [CloseListener(self.name)]
        text = f"Listener {self.name}: stopped listening for client connections on {self.place}"
        return [CloseListener(self.name), Log("info", text)]

    def opened(self, place: str) -> list[Effect]:
        """The socket listens."""
        self.phase = Phase.UP
        self.message = ""
        self.place = place
        backlog = self.backlog
        text = f"Listener {self.name}: listening for client connections on {place} with backlog {backlog}"
        return [Log("info", text)]

    def refused(self, reason: str) -> list[Effect]:
        """The socket could not be opened."""
        self.phase = Phase.FAILED
        self.message = reason
        return [Log("error", f"Listener {self.name}: cannot listen on {self.configured_place}: {reason}")]

    def _offers(self, consumers: Mapping[str, int]) -> list[Effect]:
        """The changes of shares that follow from who can be reached."""
        shares = self._shares([address for address in self.values if consumers.get(address, 0) > 0])
        effects: list[Effect] = []
        for address in [*self.values, *(old for old in self.offered if old not in self.values)]:
            share = shares.get(address, 0)
            if self.offered.get(address, 0) != share:
                effects.append(OfferAddress(self.name, address, share))
        self.offered = shares
        return effects

    def _shares(self, reachable: list[str]) -> dict[str, int]:
        """By strategy (spec: §2): the highest value, or in proportion; the first if none is reachable."""
        ordered = sorted(self.values, key=lambda address: -self.values[address])
        if not ordered:
            return {}
        if self.config.multi_address_strategy == "weighted":
            shares = {address: self.values[address] for address in reachable if self.values[address] > 0}
            return shares or {(reachable or ordered)[0]: 1}
        return {next((address for address in ordered if address in reachable), ordered[0]): 1}
