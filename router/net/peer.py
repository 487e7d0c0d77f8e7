"""What the shell keeps of each connection from its first moment to its last."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from skrouter.amqp import conditions
from skrouter.amqp.events import ConnectionLost, TlsFacts
from skrouter.amqp.sasl.effects import Identity
from skrouter.router.core.facts import ConnectionFacts
from skrouter.router.net.generations import Leg
from skrouter.router.net.handshake import Handshake
from skrouter.router.net.listeners import Listener
from skrouter.router.net.opening import Group, Ours
from skrouter.router.net.proxies import ProxyExchange

if TYPE_CHECKING:
    from skrouter.router.net.http.shell import WebConnection

NOBODY: Final = Identity(None, None)
UNSPOKEN: Final = (conditions.FRAMING_ERROR, "No protocol header found (connection aborted)")
"""Condition and description of the end of an incoming connection that has not said a word."""


_SYSTEM_ERRORS: Final = frozenset(os.strerror(code) for code in errno.errorcode)
"""What the engine says of a socket, not of TLS or AMQP."""


class Stage(Enum):
    """How far a connection is; it only goes forward."""

    CONNECTING = "TCP and TLS"
    HANDSHAKE = "SASL"
    AMQP = "waiting for the peer's open"
    UP = "open on both sides"
    CLOSING = "given up"


@dataclass(slots=True, eq=False)
class Peer:
    """One connection. It has a `listener` or a `leg`."""

    ours: Ours
    place: str
    """`from HOST:PORT (to HOST:PORT)` or `to HOST:PORT`, as failures are logged."""
    listener: Listener | None = None
    leg: Leg | None = None
    stage: Stage = Stage.CONNECTING
    has_spoken: bool = False
    """Whether any octet of the handshake has arrived."""
    tls: TlsFacts | None = None
    web: WebConnection | None = None
    """As long as the peer speaks HTTP."""
    is_websocket: bool = False
    proxy: ProxyExchange | None = None
    """As long as we ask a proxy for the way to the peer."""
    handshake: Handshake | None = None
    identity: Identity = NOBODY
    facts: ConnectionFacts | None = None
    told: bool = False
    """Whether the log says already why it ends."""
    reason: tuple[str, str] | None = None
    """Condition and description of the end, where they are known before the connection is lost."""
    timer: asyncio.TimerHandle | None = None

    @property
    def tag(self) -> str:
        """`[C7]`, with which all its log lines begin."""
        return f"[C{self.ours.number}]"

    @property
    def is_plain(self) -> bool:
        """Whether it goes without TLS; not known before the stream is ready."""
        return self.stage is not Stage.CONNECTING and self.tls is None

    def set_timer(self, timer: asyncio.TimerHandle | None) -> None:
        """Put one deadline in the place of another."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer

    def end_exchanges(self) -> None:
        """No more SASL or HTTP with it."""
        if self.handshake is not None:
            self.handshake.close()
        if self.web is not None:
            self.web.close()


def dialled(leg: Leg, handle: int) -> Peer:
    """The connection that a leg has begun."""
    connector, target = leg.connector, leg.place
    group = Group(connector.correlator, leg.ordinal) if connector.correlator is not None else None
    ours = Ours(
        handle,
        leg.number,
        connector.config,
        False,
        target.host_port,
        leg.local_socket,
        leg.data,
        group,
        ordinal=leg.ordinal,
    )
    return Peer(ours, f"to {target.host_port}", leg=leg)


def end_of(peer: Peer, event: ConnectionLost) -> tuple[str, str]:
    """Condition and description: the engine's, or what silence means; both empty for an orderly end."""
    if peer.web is not None:
        return "", ""  # HTTP peers come and go, in whatever way they like
    if peer.proxy is not None:
        reason = event.description or "closed the connection"
        return "proton:io", f"proxy {peer.proxy.proxy}: {reason} - connect to {peer.ours.host}"
    if event.description in _SYSTEM_ERRORS:
        by_proxy = peer.leg.by_proxy if peer.leg is not None else ""
        return "proton:io", f"{event.description} - disconnected {peer.ours.host}{by_proxy}"
    if event.condition or peer.stage not in (Stage.CONNECTING, Stage.HANDSHAKE):
        return event.condition, event.description
    if peer.has_spoken or peer.leg is not None:
        return conditions.FRAMING_ERROR, "connection aborted"
    return UNSPOKEN
