"""AMQP connections from socket to open, and their ends: engine events in, calls of engine and owner out.

accepted or dialled ──▶ CONNECTING ──TCP, TLS──▶ HANDSHAKE ──SASL──▶ AMQP ──both opened──▶ UP ──▶ lost
                            └───────────────── 60 s ──────────┘  └ initialHandshakeTimeoutSeconds

Peers of an HTTP listener stay in HANDSHAKE until they have upgraded to WebSocket; 60 s begin again there.
Longer than files should be: every step of this one machine works on the same table of peers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from skrouter.amqp import conditions
from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.events import (
    ConnectionAccepted,
    ConnectionClosed,
    ConnectionLost,
    ConnectionOpened,
    Event,
    FramesTraced,
    HandshakeReceived,
    HandshakeSent,
    MessageTooLarge,
    SessionBegun,
    SessionEnded,
    StreamReady,
)
from skrouter.amqp.sasl.client import Client
from skrouter.amqp.sasl.effects import Identity, Refused
from skrouter.amqp.sasl.server import Server
from skrouter.config.loader import RandomSource
from skrouter.config.model import ConnectorConfig, ListenerConfig, RouterConfig, SslProfileConfig
from skrouter.router.core.facts import ConnectionFacts
from skrouter.router.net import clock, describe, opening
from skrouter.router.net.authentication import Authenticator
from skrouter.router.net.connectors import Connectors, DialEvents
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.generations import Connector, ConnectorStatus, Leg
from skrouter.router.net.handshake import Credentials, Handshake, Outcomes
from skrouter.router.net.listeners import Listener, Listeners
from skrouter.router.net.log import RouterLog
from skrouter.router.net.machines import Machines
from skrouter.router.net.opening import Ours
from skrouter.router.net.pages import Pages
from skrouter.router.net.peer import UNSPOKEN, Peer, Stage, dialled, end_of
from skrouter.router.net.policing import Policing
from skrouter.router.net.proxies import Proxies
from skrouter.router.net.tls import TlsProfiles
from skrouter.router.net.tracing import Tracing
from skrouter.router.net.tunnels import TunnelEvents, Tunnels

if TYPE_CHECKING:
    from skrouter.router.net.http.service import WebService

HANDSHAKE_SECONDS: Final = 60.0
"""For TCP, TLS and SASL together."""

CLOSE_SECONDS: Final = 5.0
"""For the peer's answer to a close with an error; a peer that never opened may not even get it."""

OnUp = Callable[[ConnectionFacts], None]
OnDown = Callable[[int, ConnectionFacts | None, str, str], None]


class ConnectionShell:
    """All AMQP listeners, connectors and connections of the router.

    `prepare(handle)` is called right before AMQP begins;
    `on_up(facts)` once both sides have opened; `on_down(handle, facts, condition, description)` when such a
    connection is lost.
    """

    def __init__(  # noqa: PLR0917  (what it works on, and where it reports to)
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        router: RouterConfig,
        log: RouterLog,
        tls: TlsProfiles,
        random: RandomSource,
        version: str,
        on_up: OnUp,
        on_down: OnDown,
        prepare: Callable[[int], None],
        *,
        policing: Policing,
        pages: Pages,
        proxies: Proxies,
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._router = router
        self._log = log
        self._tls = tls
        self._version = version
        self._on_up = on_up
        self._on_down = on_down
        self._prepare = prepare
        self._policing = policing
        self.pages = pages
        self._web: WebService | None = None
        self._authenticator = Authenticator(loop, router.sasl_config_name, router.sasl_config_dir)
        self._machines = Machines(tls, socket.gethostname())
        self._listeners = Listeners(connections, tls, log)
        events = DialEvents(self._next_number, self._dialled, self._dial_failed)
        self._connectors = Connectors(loop, connections, tls, random, events, proxies)
        ways = TunnelEvents(self._limit_handshake, self._begin_handshake, self._refuse)
        self._tunnels = Tunnels(loop, connections, self._connectors, proxies, ways)
        self._peers: dict[int, Peer] = {}
        self._denied: dict[int, str] = {}
        self.tracing = Tracing(loop, connections, log)
        self._last_number = 0
        self._is_shut = False
        self._handlers: dict[type[Event], Callable[..., None]] = {
            ConnectionAccepted: self._accepted,
            StreamReady: self._stream_ready,
            HandshakeReceived: self._handshake_received,
            HandshakeSent: self._handshake_sent,
            ConnectionOpened: self._opened,
            ConnectionClosed: self._closed,
            ConnectionLost: self._lost,
            SessionBegun: self._policing.session_begun,
            SessionEnded: self._policing.session_ended,
            MessageTooLarge: self._message_too_large,
            FramesTraced: self.tracing.drain,
        }

    # --- what the owner asks

    def handle(self, event: Event) -> bool:
        """Take an event of a connection; False if it is none, so somebody else's."""
        handler = self._handlers.get(type(event))
        if handler is None:
            return False
        if not self._is_shut:
            handler(event)
        return True

    def add_listener(self, config: ListenerConfig, access_id: str | None = None) -> Listener:
        """Open a listener; `access_id` goes into our opens. NetworkConfigurationError, ListenError."""
        self._log.log("CONN_MGR", "info", f"Configured  Listener: {describe.configured(config)}")
        if config.http and self._web is None:
            from skrouter.router.net.http.service import WebService  # noqa: PLC0415  (HTTP only where it is used)

            self._web = WebService(self._loop, self._connections, self.pages, self._log, self._upgraded)
        return self._listeners.add(config, self._authenticator.mechanisms(config.sasl_mechanisms), access_id)

    def remove_listener(self, identity: str) -> None:
        """Close a listener; its connections live on. KeyError if there is none."""
        self._listeners.remove(identity)

    def add_connector(self, config: ConnectorConfig) -> Connector:
        """Begin to connect, for ever. NetworkConfigurationError if it cannot work as configured."""
        self._machines.client_config(config)
        connector = self._connectors.add(config, self._router.data_connection_count)
        self._log.log("CONN_MGR", "info", f"Configured  Connector: {describe.configured(config)}")
        return connector

    def remove_connector(self, identity: str) -> None:
        """Stop connecting and close its connections. KeyError if there is none."""
        for handle in self._connectors.remove(identity):
            self.close(handle)

    def rotate_tls(self, name: str) -> None:
        """The ordinals of an sslProfile have changed: open what is newer beside what is there, and close in
        order what is older than is valid. What a peer opens later is taken whatever its age.
        """
        profile = self._tls.profile(name)
        for handle in self._connectors.rotate(profile):
            self.drop(handle)
        for peer in list(self._peers.values()):
            ordinal = peer.ours.ordinal
            if peer.ours.port.ssl_profile != name or ordinal is None or peer.is_plain:
                continue
            if ordinal < profile.oldest_valid_ordinal:
                self._expire(peer)

    def _expire(self, peer: Peer) -> None:
        if peer.stage in (Stage.AMQP, Stage.UP):
            self.close(peer.ours.handle)
        else:
            self.drop(peer.ours.handle)

    def close(self, handle: int, condition: str = "", description: str = "") -> None:
        """Close a connection; with a condition the peer is told why, and the log. Harmless if it is gone."""
        peer = self._peers.get(handle)
        if peer is None or not self._connections.exists(handle):
            return
        if condition:
            peer.reason = peer.reason or (condition, description)
        self._close(peer, condition, description)

    def _close(self, peer: Peer, condition: str, description: str) -> None:
        peer.set_timer(self._loop.call_later(CLOSE_SECONDS, self.drop, peer.ours.handle))
        self._connections.close(peer.ours.handle, condition, description)

    def drop(self, handle: int) -> None:
        """End a connection without a word to the peer. Harmless if it is gone."""
        if self._connections.exists(handle):
            self._connections.drop(handle)

    def change_tls(self, profile: SslProfileConfig) -> None:
        """Use an sslProfile's new values and files for connections to come.

        NetworkConfigurationError, and then the old ones are kept.
        """
        self._tls.replace(profile)
        self._listeners.renew(str(profile.name))

    def shutdown(self) -> None:
        """End everything without a word to the peers; events that come after are ignored."""
        self._is_shut = True
        self._connectors.stop()
        for peer in self._peers.values():
            peer.set_timer(None)
            peer.end_exchanges()
            self._log.log("SERVER", "info", f"{peer.tag} Closing connection on shutdown")
        self._peers.clear()
        self._connections.shutdown()
        self._authenticator.close()

    # --- what management asks

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Open listeners, oldest first."""
        return self._listeners.all()

    @property
    def connectors(self) -> tuple[Connector, ...]:
        """Connectors, oldest first; `report()` of each is its status."""
        return self._connectors.all()

    def connector_status(self, identity: str) -> ConnectorStatus:
        """How a connector is doing; KeyError if there is none."""
        return self._connectors.get(identity).report()

    @property
    def open_connections(self) -> dict[int, ConnectionFacts]:
        """Connections that are up, by handle, oldest first."""
        return {handle: peer.facts for handle, peer in self._peers.items() if peer.facts is not None}

    # --- the beginning

    def _next_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _accepted(self, event: ConnectionAccepted) -> None:
        listener = self._listeners.of(event.listener)
        if listener is None:
            self._connections.drop(event.connection)
            return
        number = self._next_number()
        place = f"from {event.peer} (to {listener.host_port})"
        if not self._policing.socket_accepted(event.peer):
            self._denied[event.connection] = f"[C{number}] {describe.failed(place, *UNSPOKEN)}"
            self._connections.drop(event.connection)
            return
        bound = f"{listener.config.host}:{listener.port}"
        ours = Ours(
            event.connection,
            number,
            listener.config,
            True,
            event.peer,
            bound,
            access_id=listener.access_id,
            ordinal=self._tls.ordinal(listener.config.ssl_profile),
        )
        peer = Peer(ours, place, listener=listener)
        if not listener.config.http:  # of HTTP, only those that speak AMQP are told: probes come all the time
            self._tell_accepted(peer, listener)
        self._begin(peer)

    def _tell_accepted(self, peer: Peer, listener: Listener) -> None:
        text = f"{peer.tag} Accepted connection to {listener.host_port} from {peer.ours.host}"
        self._log.log("SERVER", "info", text)

    def _dialled(self, leg: Leg, handle: int) -> None:
        self._begin(dialled(leg, handle))

    def _begin(self, peer: Peer) -> None:
        self._peers[peer.ours.handle] = peer
        self._limit_handshake(peer)

    def _limit_handshake(self, peer: Peer) -> None:
        peer.set_timer(self._loop.call_later(HANDSHAKE_SECONDS, self._too_slow, peer))

    def _too_slow(self, peer: Peer) -> None:
        text = f"TLS and SASL not finished within {HANDSHAKE_SECONDS:g} seconds"
        self._refuse(peer, conditions.RESOURCE_LIMIT_EXCEEDED, text)

    def _refuse(self, peer: Peer, condition: str, description: str, log_text: str = "") -> None:
        """Give the peer up before it is open; `log_text`: condition, description and more, for the log."""
        peer.set_timer(None)
        peer.stage = Stage.CLOSING
        peer.reason = (condition, log_text.removeprefix(condition).lstrip() or description)
        peer.end_exchanges()
        if self._connections.exists(peer.ours.handle):
            self._close(peer, condition, description)

    # --- the handshake

    def _stream_ready(self, event: StreamReady) -> None:
        peer = self._peers.get(event.connection)
        if peer is None or peer.stage is not Stage.CONNECTING:
            return
        peer.stage, peer.tls = Stage.HANDSHAKE, event.tls
        if peer.leg is not None and peer.leg.proxy:
            self._tunnels.begin(peer, peer.leg)
        else:
            self._begin_handshake(peer)

    def _begin_handshake(self, peer: Peer) -> None:
        try:
            self._start_handshake(peer)
        except NetworkConfigurationError as error:
            self._refuse(
                peer,
                conditions.UNAUTHORIZED_ACCESS,
                "Authentication failed",
                f"Authentication failed: {error}",
            )

    def _start_handshake(self, peer: Peer) -> None:
        handle = peer.ours.handle
        outcomes = Outcomes(
            send=lambda data: self._send(handle, data),
            authenticated=lambda identity, rest: self._authenticated(peer, identity, rest),
            refused=lambda refusal: self._refused(peer, refusal),
            trouble=lambda text: self._log.log("SERVER", "error", f"{peer.tag} SASL: {text}"),
        )
        credentials: Credentials | None = None
        machine: Server | Client
        if peer.listener is not None:
            if peer.tls is None and peer.listener.config.require_encryption:
                text = "Client connection unencrypted - forbidden"
                self._refuse(peer, conditions.CONNECTION_POLICY_ERROR, text)
                return
            if self._web is not None and peer.listener.config.http and not peer.is_websocket:
                open_to_all = not self._listeners.wants_certificate(peer.listener.config)
                self._web.serve(peer, peer.listener, trusted=open_to_all or peer.tls is not None)
                return
            machine = self._machines.server(peer.listener, peer.tls, clock.monotonic())
        elif peer.leg is not None:
            config = peer.leg.connector.config
            machine = self._machines.client(config, clock.monotonic())
            credentials = self._machines.credentials(config, peer.leg.place.name)
        else:
            raise AssertionError("a connection is accepted or dialled")
        watch = self.tracing.sasl(peer.ours.number)
        peer.handshake = Handshake(machine, self._authenticator, outcomes, credentials, watch)
        peer.handshake.start()

    def _send(self, handle: int, data: bytes) -> None:
        if self._connections.exists(handle):
            self._connections.send_handshake(handle, data)

    def _handshake_received(self, event: HandshakeReceived) -> None:
        peer = self._peers.get(event.connection)
        if peer is None or peer.stage is not Stage.HANDSHAKE:
            return
        peer.has_spoken = True
        if peer.proxy is not None and peer.leg is not None:
            self._tunnels.receive(peer, peer.leg, peer.proxy, event.data)
        elif peer.web is not None:
            peer.web.receive(event.data)
        elif peer.handshake is not None:
            peer.handshake.receive(event.data)

    def _handshake_sent(self, event: HandshakeSent) -> None:
        peer = self._peers.get(event.connection)
        if peer is not None and peer.web is not None:
            peer.web.sent()

    def _upgraded(self, peer: Peer) -> None:
        """The peer of an HTTP listener is about to speak AMQP over WebSocket: as if it had just connected."""
        if peer.listener is not None:
            self._tell_accepted(peer, peer.listener)
        peer.has_spoken = False
        self._limit_handshake(peer)
        self._begin_handshake(peer)

    def _refused(self, peer: Peer, refusal: Refused) -> None:
        self._refuse(peer, refusal.condition, refusal.description, refusal.log_text)

    def _authenticated(self, peer: Peer, identity: Identity, rest: bytes) -> None:
        handle, port = peer.ours.handle, peer.ours.port
        peer.set_timer(None)
        if not self._connections.exists(handle):
            return
        peer.stage, peer.identity = Stage.AMQP, identity
        self._prepare(handle)
        self.tracing.begin(peer.ours)
        self._connections.start_amqp(
            handle,
            rest,
            port.max_frame_size,
            port.max_sessions - 1,
            port.idle_timeout_seconds * 1000,
            port.max_session_frames,
            self._router.id,
        )
        if peer.leg is not None:
            self._open(peer, peer.leg.place.name, peer.leg.place.name)
        elif peer.listener is not None and (limit := peer.listener.config.initial_handshake_timeout_seconds):
            peer.set_timer(self._loop.call_later(limit, self._never_opened, peer))

    def _never_opened(self, peer: Peer) -> None:
        self._refuse(peer, conditions.NOT_ALLOWED, "Timeout waiting for initial handshake")

    def _open(self, peer: Peer, hostname: str | None, named: str | None) -> None:
        """Send our open, with `hostname`, as far as policy lets us; it is followed by a close if it does not.

        `named`: the host name of the side that opened the connection.
        """
        refusal = self._policing.opened(peer.ours, named, peer.identity.user)
        arguments = opening.our_open(peer.ours, self._version)
        self._connections.open(
            peer.ours.handle, hostname, arguments.offered, arguments.desired, arguments.properties
        )
        if refusal is not None:
            peer.told = True
            self._refuse(peer, refusal.condition, refusal.description)

    # --- open

    def _opened(self, event: ConnectionOpened) -> None:
        peer = self._peers.get(event.connection)
        if peer is None or peer.stage is not Stage.AMQP or not self._connections.exists(event.connection):
            return
        peer.set_timer(None)
        try:
            theirs = opening.peer_open(event)
        except DecodeError as error:
            self._refuse(peer, error.condition, error.description)
            return
        if peer.listener is not None:
            self._open(peer, None, event.hostname)
        if peer.stage is not Stage.AMQP:
            return
        peer.stage = Stage.UP
        peer.facts = opening.connection_facts(peer.ours, event, theirs, peer.identity, peer.tls)
        self._tell_opened(peer, peer.facts, theirs.shown)
        self._on_up(peer.facts)

    def _tell_opened(self, peer: Peer, facts: ConnectionFacts, properties: object) -> None:
        text = f"{peer.tag} {describe.opened(facts)}"
        shown = describe.value(properties) if properties is not None else ""
        self._log.log("ROUTER_CORE", describe.level(facts), f"{text} props={shown}")
        if peer.leg is not None:
            servers = facts.properties.failover
            for handle in self._connectors.opened(peer.leg, facts.container, text, servers):
                self.drop(handle)
            if peer.leg.generation.is_split:
                text = "Connection group failure: connections split across routers"
                self._log.log("ROUTER_CORE", "error", f"{text} [C{peer.ours.number}]")

    # --- the end

    def _closed(self, event: ConnectionClosed) -> None:
        peer = self._peers.get(event.connection)
        if peer is not None and event.condition:
            peer.reason = peer.reason or (event.condition, event.description)

    def _message_too_large(self, event: MessageTooLarge) -> None:
        peer = self._peers.get(event.connection)
        if peer is not None:
            peer.told = True
            self._policing.message_too_large(event)

    def _lost(self, event: ConnectionLost) -> None:
        peer = self._peers.pop(event.connection, None)
        if peer is None:
            if (text := self._denied.pop(event.connection, None)) is not None:
                self._log.log("SERVER", "error", text)
            return
        peer.set_timer(None)
        peer.end_exchanges()
        self.tracing.lost(event.connection)
        condition, description = peer.reason or end_of(peer, event)
        if peer.leg is not None:
            self._leg_lost(peer, peer.leg, condition, description)
        elif condition and not peer.told:
            self._log.log(
                "SERVER", "error", f"{peer.tag} {describe.failed(peer.place, condition, description)}"
            )
        if peer.facts is not None:
            self._log.log("ROUTER_CORE", describe.level(peer.facts), f"{peer.tag} Connection Closed")
            self._on_down(event.connection, peer.facts, condition, description)
        self._policing.connection_lost(peer.ours)

    def _leg_lost(self, peer: Peer, leg: Leg, condition: str, description: str) -> None:
        if peer.stage is Stage.CONNECTING and leg.addresses:
            self._connectors.next_address(leg, description)
        else:
            self._dial_failed(leg, condition, description)

    def _dial_failed(self, leg: Leg, condition: str, description: str) -> None:
        """The attempt or connection of a leg is over: log what is new about it, and let it be tried again."""
        target = leg.place
        text = describe.failed(f"to {target.host_port}", condition, description)
        shown = f"[C{leg.number}] {text}"
        if self._connectors.retry(leg, text if condition else "", shown if condition else ""):
            self._log.log("SERVER", "error", shown)
