"""Outgoing connections through a forward proxy: CONNECT in the clear, then all goes on as without one
(RFC 9110 §9.3.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from skrouter.amqp import conditions
from skrouter.amqp.engine.pump import Connections
from skrouter.router.net.connectors import Connectors
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.generations import Leg
from skrouter.router.net.peer import Peer, Stage
from skrouter.router.net.proxies import Proxies, ProxyExchange

PROXY_SECONDS: Final = 30.0
"""For a proxy to answer; it may have to connect first."""

_IO: Final = "proton:io"


@dataclass(frozen=True, slots=True)
class TunnelEvents:
    """Calls of the owner: `passed(peer)`, TLS and SASL are next; `refused(peer, condition, description)`.

    `ready(peer)`: there is no TLS, so SASL is next.
    """

    passed: Callable[[Peer], None]
    ready: Callable[[Peer], None]
    refused: Callable[[Peer, str, str], None]


class Tunnels:
    """The exchanges with proxies of all connections."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        connectors: Connectors,
        proxies: Proxies,
        events: TunnelEvents,
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._connectors = connectors
        self._proxies = proxies
        self._events = events

    def begin(self, peer: Peer, leg: Leg) -> None:
        """TCP is connected, to the proxy: ask it for the place."""
        if not self._connections.exists(peer.ours.handle):
            return
        name = leg.connector.config.proxy_profile or ""
        try:
            peer.proxy = self._proxies.exchange(name, leg.place)
        except NetworkConfigurationError as error:
            self._fail(peer, str(error))
            return
        peer.set_timer(self._loop.call_later(PROXY_SECONDS, self._too_slow, peer, peer.proxy.proxy))
        self._connections.send_handshake(peer.ours.handle, peer.proxy.connect.start())

    def _fail(self, peer: Peer, text: str) -> None:
        self._events.refused(peer, _IO, f"{text} - connect to {peer.ours.host}")

    def _too_slow(self, peer: Peer, proxy: str) -> None:
        self._fail(peer, f"proxy {proxy}: no answer within {PROXY_SECONDS:g} seconds")

    def receive(self, peer: Peer, leg: Leg, exchange: ProxyExchange, data: bytes) -> None:
        """Octets from the proxy."""
        outcome = exchange.connect.receive(data)
        if outcome is None or not self._connections.exists(peer.ours.handle):
            return
        if outcome.reason:
            self._fail(peer, f"proxy {exchange.proxy}: it {outcome.reason}")
            return
        peer.proxy, leg.proxy = None, ""
        leg.addresses.clear()  # they are the proxy's, which has done its part
        self._events.passed(peer)
        self._go_on(peer, leg)

    def _go_on(self, peer: Peer, leg: Leg) -> None:
        try:
            context = self._connectors.context(leg)
        except NetworkConfigurationError as error:
            self._events.refused(peer, conditions.FRAMING_ERROR, str(error))
            return
        if context is None:
            self._events.ready(peer)
            return
        peer.stage = Stage.CONNECTING
        verify = leg.connector.config.verify_hostname
        self._connections.start_tls(peer.ours.handle, context, leg.place.name, verify)
