"""HTTP listeners put to use: a WebConnection for each peer, and the peer's way to WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from skrouter.amqp.engine.pump import Connections
from skrouter.router.net.http.routes import Site
from skrouter.router.net.http.shell import Line, WebConnection
from skrouter.router.net.listeners import Listener
from skrouter.router.net.log import RouterLog
from skrouter.router.net.pages import Pages
from skrouter.router.net.peer import Peer

LAST_SECONDS: Final = 30.0
"""For a peer to take the last octets before its connection ends."""


class WebService:
    """Serves the peers of all HTTP listeners. `upgraded(peer)`: it speaks WebSocket, its SASL may begin."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        pages: Pages,
        log: RouterLog,
        upgraded: Callable[[Peer], None],
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._pages = pages
        self._log = log
        self._upgraded = upgraded

    def serve(self, peer: Peer, listener: Listener, *, trusted: bool) -> None:
        """Begin to answer a peer's requests."""
        handle, config = peer.ours.handle, listener.config
        metrics = config.metrics and self._pages.metrics is not None
        site = Site(config.healthz, metrics, config.websockets, config.http_root_dir)
        line = Line(
            send=lambda data, tell: self._send(handle, data, tell),
            finish=lambda: self._finish(peer),
            upgraded=lambda response, rest: self._upgrade(peer, response, rest),
        )
        label = f"{peer.tag} HTTP connection {peer.place}"
        peer.set_timer(None)
        peer.web = WebConnection(self._loop, line, site, self._pages, self._log, label, trusted=trusted)

    def _send(self, handle: int, data: bytes, tell: bool) -> None:
        if self._connections.exists(handle):
            self._connections.send_handshake(handle, data, tell)

    def _finish(self, peer: Peer) -> None:
        handle = peer.ours.handle
        if self._connections.exists(handle):
            peer.set_timer(self._loop.call_later(LAST_SECONDS, self._drop, handle))
            self._connections.finish_handshake(handle)

    def _drop(self, handle: int) -> None:
        if self._connections.exists(handle):
            self._connections.drop(handle)

    def _upgrade(self, peer: Peer, response: bytes, rest: bytes) -> None:
        if self._connections.exists(peer.ours.handle):
            peer.web, peer.is_websocket = None, True
            self._upgraded(peer)
            self._connections.start_websocket(peer.ours.handle, response, rest)
