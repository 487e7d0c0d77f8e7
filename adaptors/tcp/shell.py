"""The TCP adaptor in a running router: carries out what control decides, on bridge and sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from skrouter.adaptors.tcp import effects, events, sockets
from skrouter.adaptors.tcp.bridge.bridge import Bridge
from skrouter.adaptors.tcp.control import TcpControl
from skrouter.adaptors.tcp.facts import ConnectionFacts, ConnectorFacts, ListenerAddressFacts, ListenerFacts
from skrouter.adaptors.tcp.records import Recorder, TcpRecords
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.config.model import ListenerAddressConfig, TcpConnectorConfig, TcpListenerConfig

if TYPE_CHECKING:
    from skrouter.adaptors.tcp.bridge.bridge import Connection

MODULE: Final = "TCP_ADAPTOR"
ALPN: Final = (b"http/1.1", b"h2")
"""What a TLS listener offers its clients (spec: tcp-adaptor §4)."""


class MakeTlsContext(Protocol):
    """Makes the TLS context of an sslProfile; raises ValueError if there is none or it does not work."""

    def __call__(
        self, profile: str, *, server: bool, require_peer: bool, alpn: tuple[bytes, ...]
    ) -> TlsContext:
        """`server`: for a listener; `require_peer`: insist on a client certificate; `alpn`: what to offer."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the adaptor needs of the router around it. Addresses are texts; a link is a handle."""

    recorder: Recorder

    log: Callable[[str, str, str], None]
    watch: Callable[[str], None]
    unwatch: Callable[[str], None]
    bind_consumer: Callable[[str, int], None]
    unbind_consumer: Callable[[str, int], None]
    tls_context: MakeTlsContext


@dataclass(slots=True)
class _Native:
    """Handles of a listener (`link` 0) or connector, and the work that runs for it."""

    handle: int
    link: int = 0
    work: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self.work is not None:
            self.work.cancel()
            self.work = None


class TcpShell:
    """The TCP adaptor as the rest of the router sees it. Bad configuration: ValueError, before any change."""

    def __init__(
        self,
        bridge: Bridge,
        loop: asyncio.AbstractEventLoop,
        around: Surroundings,
        drop_connections: bool = True,
        tenant: str | None = None,
    ) -> None:
        self._bridge = bridge
        self._loop = loop
        self._around = around
        self._control = TcpControl(drop_connections, sockets.MAX_BACKLOG, tenant)
        self._tenant = tenant
        self.records = TcpRecords(around.recorder, bridge)
        self._listeners: dict[str, _Native] = {}
        self._connectors: dict[str, _Native] = {}
        self._names: dict[int, str] = {}
        self._addresses: list[ListenerAddressConfig] = []
        self._prepared: TlsContext | None = None
        self._waiting: deque[events.Event] = deque()
        self._running = False
        self._timer: asyncio.TimerHandle | None = None
        loop.add_reader(bridge.notice_fd, self._on_notices)

    # --- configuration

    def configure_listener(self, config: TcpListenerConfig) -> None:
        """Create a tcpListener, or change its observer."""
        self._prepared = self._listener_tls(config)
        self._handle(events.ListenerConfigured(config))
        if config.address is not None:
            self.records.address_number(str(config.name), self._full(config.address))

    def configure_connector(self, config: TcpConnectorConfig) -> None:
        """Create a tcpConnector."""
        self._prepared = self._connector_tls(config)
        self._handle(events.ConnectorConfigured(config))

    def configure_listener_address(self, config: ListenerAddressConfig) -> None:
        """Give a multi-address listener another address."""
        self._handle(events.ListenerAddressConfigured(config))
        self._addresses.append(config)
        self.records.address_number(config.listener, self._full(config.address))

    def delete_listener(self, name: str) -> None:
        """Delete a tcpListener."""
        self._handle(events.ListenerDeleted(name))

    def delete_connector(self, name: str) -> None:
        """Delete a tcpConnector."""
        self._handle(events.ConnectorDeleted(name))

    def delete_listener_address(self, listener: str, address: str) -> None:
        """Take an address from a multi-address listener."""
        self._handle(events.ListenerAddressDeleted(listener, address))
        self.records.address_removed(listener, self._full(address))
        self._addresses = [a for a in self._addresses if (a.listener, a.address) != (listener, address)]

    def ssl_profile_changed(self, profile: str) -> None:
        """Use the profile's new content for new connections. Raises ValueError, and then keeps the old."""
        listeners = {
            status.config.name: self._listener_tls(status.config)
            for status in self._control.listeners()
            if status.config.ssl_profile == profile
        }
        connectors = {
            config.name: self._connector_tls(config)
            for config in self._control.connectors()
            if config.ssl_profile == profile
        }
        for name, tls in listeners.items():
            self._bridge.set_listener_tls(self._listeners[name or ""].handle, tls)
        for name, tls in connectors.items():
            self._bridge.set_connector_tls(self._connectors[name or ""].handle, tls)

    def _listener_tls(self, config: TcpListenerConfig) -> TlsContext | None:
        if config.ssl_profile is None:
            return None
        return self._around.tls_context(
            config.ssl_profile, server=True, require_peer=config.authenticate_peer, alpn=ALPN
        )

    def _connector_tls(self, config: TcpConnectorConfig) -> TlsContext | None:
        if config.ssl_profile is None:
            return None
        return self._around.tls_context(config.ssl_profile, server=False, require_peer=False, alpn=())

    # --- what happens

    def address_watch_changed(self, address: str, local: int, in_process: int, remote: int) -> None:
        """The number of consumers of a watched address."""
        self._handle(events.AddressWatchChanged(address, local, in_process, remote))

    def close(self) -> None:
        """Reset every connection and forget everything; for the end of the router."""
        self._around.log(MODULE, "info", "Shutting down TCP protocol adaptor")
        for address in list(self._addresses):
            self.delete_listener_address(address.listener, address.address)
        for name in list(self._listeners):
            self.delete_listener(name)
        for name in list(self._connectors):
            self.delete_connector(name)
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._bridge.notice_fd)
        self._bridge.close()

    def set_reply_prefix(self, prefix: str) -> None:
        """Where answers to connections to come are sent begins with this."""
        self._bridge.set_reply_prefix(prefix)

    def _on_notices(self) -> None:
        """Failures that the bridge has noted. They may be about something deleted since."""
        for kind, handle, peer, reason in self._bridge.take_notices():
            name = self._names.get(handle)
            if name is None:
                continue
            if kind == "connect failed":
                self._handle(events.ConnectFailed(name, peer, reason))
            elif kind == "TLS failed":
                self._handle(events.HandshakeFailed(name, peer, reason))
            elif kind == "ended":
                self._handle(events.ConnectionEnded(name, peer, reason))
            elif kind == "PROXY header refused":
                self._handle(events.PrefaceRefused(name, peer, reason))
            else:
                self._handle(events.AcceptFailed(name, reason))

    def _on_timer(self) -> None:
        self._timer = None
        self._handle(events.Tick())

    def _handle(self, event: events.Event) -> None:
        """Take an event, and those that its effects cause at once, in order."""
        self._waiting.append(event)
        if self._running:
            return
        self._running = True
        try:
            while self._waiting:
                for effect in self._control.handle(self._waiting.popleft(), self._loop.time()):
                    self._carry_out(effect)
        finally:
            self._running = False
            self._prepared = None
            self._waiting.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        deadline = self._control.next_deadline()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._on_timer)

    # --- effects

    def _carry_out(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Log(level, text):
                self._around.log(MODULE, level, text)
            case effects.WatchAddress(address):
                self._around.watch(address)
            case effects.UnwatchAddress(address):
                self._around.unwatch(address)
            case effects.AddListener(name, _, _, proxy):
                self._listeners[name] = _Native(self._bridge.add_listener(self._prepared, proxy))
                self._names[self._listeners[name].handle] = name
                config = self._control.listener_config(name)
                self.records.listener_added(name, config, self._listeners[name].handle)
            case effects.SetObserver(name, observer):
                self._bridge.set_observer(self._listeners[name].handle, observer)
            case effects.OfferAddress(name, address, weight):
                number = self.records.address_number(name, address)
                self._bridge.offer_address(self._listeners[name].handle, address, weight, number)
            case effects.OpenListener(name):
                self._listeners[name].work = self._loop.create_task(self._open(effect))
            case effects.CloseListener(name):
                self._listeners[name].cancel()
                self._bridge.stop_listening(self._listeners[name].handle)
            case effects.RemoveListener(name, drop):
                self._remove_listener(name, drop)
            case _:
                self._carry_out_for_connector(effect)

    def _carry_out_for_connector(self, effect: effects.Effect) -> None:
        match effect:
            case effects.AddConnector(name, address, host, _, verify, introduces):
                native = _Native(
                    *self._bridge.add_connector(address, host, self._prepared, verify, introduces)
                )
                self._connectors[name] = native
                self._names[native.handle] = name
                config = self._control.connector_config(name)
                self.records.connector_added(name, address, config, native.handle)
            case effects.ResolveConnector(name, host, port):
                self._resolve(name, host, port)
            case effects.SetTargets(name, targets):
                self._bridge.set_connector_addresses(self._connectors[name].handle, list(targets))
            case effects.BindConnector(name, address):
                self._around.bind_consumer(address, self._connectors[name].link)
            case effects.UnbindConnector(name, address):
                self._around.unbind_consumer(address, self._connectors[name].link)
            case effects.RemoveConnector(name, drop):
                self._remove_connector(name, drop)

    def _remove_listener(self, name: str, drop: bool) -> None:
        self.records.listener_removed(name)
        native = self._listeners.pop(name)
        native.cancel()
        del self._names[native.handle]
        self._bridge.remove_listener(native.handle, drop)

    def _remove_connector(self, name: str, drop: bool) -> None:
        self.records.connector_removed(name)
        native = self._connectors.pop(name)
        native.cancel()
        del self._names[native.handle]
        self._bridge.remove_connector(native.handle, drop)

    async def _open(self, effect: effects.OpenListener) -> None:
        """Listen. A cancellation (CloseListener) can only come before the socket exists."""
        try:
            places = await sockets.places_of(effect.host, effect.port)
            opened = sockets.listen_at(places, effect.backlog)
        except (OSError, UnicodeError) as error:
            self._handle(events.ListenerRefused(effect.name, sockets.reason_of(error)))
            return
        port = str(opened[0].getsockname()[1]) if effect.port == "0" else effect.port
        native = self._listeners[effect.name]
        native.work = None
        for one in opened:
            self._bridge.listen(native.handle, one.detach())
        self._handle(events.ListenerOpened(effect.name, f"{effect.host}:{port}"))

    def _resolve(self, name: str, host: str, port: str) -> None:
        """An address is known at once; a name is looked up meanwhile."""
        try:
            infos = sockets.numeric(host, port)
        except socket.gaierror as error:
            self._handle(events.ConnectorUnresolved(name, sockets.reason_of(error)))
            return
        if infos is not None:
            self._handle(events.ConnectorResolved(name, _targets(infos), True))
            return
        native = self._connectors[name]
        native.cancel()
        native.work = self._loop.create_task(self._look_up(name, host, port))

    async def _look_up(self, name: str, host: str, port: str) -> None:
        try:
            infos = await sockets.look_up(host, port)
        except (OSError, UnicodeError) as error:
            self._handle(events.ConnectorUnresolved(name, sockets.reason_of(error)))
            return
        self._handle(events.ConnectorResolved(name, _targets(infos), False))

    # --- management

    def listeners(self) -> list[ListenerFacts]:
        """The listeners, oldest first."""
        return [
            ListenerFacts(
                status.config,
                status.is_up,
                status.message,
                *self._bridge.listener_counters(native.handle)[:4],
            )
            for status, native in zip(self._control.listeners(), self._listeners.values(), strict=True)
        ]

    def connectors(self) -> list[ConnectorFacts]:
        """The connectors, oldest first."""
        return [
            ConnectorFacts(config, *self._bridge.connector_counters(native.handle)[:4])
            for config, native in zip(self._control.connectors(), self._connectors.values(), strict=True)
        ]

    def listener_addresses(self) -> list[ListenerAddressFacts]:
        """The addresses of multi-address listeners, oldest first."""
        return [ListenerAddressFacts(config, self._opened_for(config)) for config in self._addresses]

    def _opened_for(self, config: ListenerAddressConfig) -> int:
        counts = self._bridge.address_counters(self._listeners[config.listener].handle)
        return counts.get(self._full(config.address), 0)

    def _full(self, address: str) -> str:
        return address if self._tenant is None else f"{self._tenant}/{address}"

    def endings(self) -> dict[str, int]:
        """How many connections have ended for each reason."""
        return self._bridge.endings()

    def connections(self) -> list[ConnectionFacts]:
        """Every TCP connection, oldest first; those of deleted listeners and connectors have no parent."""
        places = {config.name: f"{config.host}:{config.port}" for config in self._control.connectors()}
        return [self._connection(row, places) for row in reversed(self._bridge.connections())]

    def _connection(self, row: Connection, places: dict[str | None, str]) -> ConnectionFacts:
        handle, parent, direction, peer, local, address, opened_at, read, written, state, tls = row
        name = self._names.get(parent, "")
        host = peer if direction == "in" else places.get(name, peer)
        incoming = direction == "in"
        return ConnectionFacts(
            handle, name, incoming, address, host, peer, local, opened_at, read, written, state, tls
        )

    def close_connection(self, handle: int) -> bool:
        """Reset one connection; False if it is gone."""
        with contextlib.suppress(LookupError):
            self._bridge.close_connection(handle)
            return True
        return False


def _targets(infos: list[sockets.AddressInfo]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(sockets.packed(info) for info in infos))
