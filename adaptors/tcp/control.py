"""The TCP adaptor's decisions: `effects = control.handle(event, now)`. Pure; sees no connections."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from skrouter.adaptors.tcp import events
from skrouter.adaptors.tcp.connector import Connector
from skrouter.adaptors.tcp.effects import (
    AddConnector,
    AddListener,
    Effect,
    Log,
    RemoveConnector,
    RemoveListener,
    SetObserver,
    UnbindConnector,
    UnwatchAddress,
    WatchAddress,
)
from skrouter.adaptors.tcp.listener import Listener
from skrouter.config.model import TcpConnectorConfig, TcpListenerConfig

_ENDINGS: Final = {
    "reset": "its socket was reset",
    "aborted": "the other side's stream broke off: its socket was reset, or a router on the way was lost",
    "refused": "destination unreachable",
    "timeout": "no handshake, no answer, or half-closed and idle for too long",
}


class TcpConfigurationError(ValueError):
    """A change that cannot be made; nothing was changed."""


@dataclass(frozen=True, slots=True)
class ListenerStatus:
    """What management shows of a listener beside its configuration and counters."""

    config: TcpListenerConfig
    is_up: bool
    message: str


def _name(config: TcpListenerConfig | TcpConnectorConfig) -> str:
    return config.name if config.name is not None else config.identity


def _differs(old: TcpListenerConfig, new: TcpListenerConfig) -> bool:
    """Whether anything but the observer is different."""
    ignored = ("observer", "entity")
    return any(getattr(old, f.name) != getattr(new, f.name) for f in fields(old) if f.name not in ignored)


class TcpControl:
    """All listeners and connectors of a router.

    `drop_connections`: dropTcpConnections; `max_backlog`: the system's; `tenant`: prefix of every address.
    """

    def __init__(self, drop_connections: bool, max_backlog: int, tenant: str | None = None) -> None:
        self._drop = drop_connections
        self._max_backlog = max_backlog
        self._tenant = tenant
        self._listeners: dict[str, Listener] = {}
        self._connectors: dict[str, Connector] = {}
        self._consumers: dict[str, int] = {}

    def handle(self, event: events.Event, now: float) -> list[Effect]:
        """Take one event. Raises TcpConfigurationError for an impossible change of configuration."""
        match event:
            case events.ListenerConfigured(config):
                return self._on_listener_configured(config)
            case events.ListenerDeleted(name):
                return self._on_listener_deleted(name)
            case events.ListenerAddressConfigured(config):
                return self._on_address_configured(config.listener, config.address, config.value)
            case events.ListenerAddressDeleted(listener, address):
                return self._on_address_deleted(listener, address)
            case events.ConnectorConfigured(config):
                return self._on_connector_configured(config)
            case events.ConnectorDeleted(name):
                return self._on_connector_deleted(name)
            case events.AddressWatchChanged():
                return self._on_watch_changed(event)
            case events.Tick():
                return self._on_tick(now)
            case _:
                return self._on_report(event, now)

    def next_deadline(self) -> float | None:
        """When a Tick is wanted."""
        return min((c.due for c in self._connectors.values() if c.due is not None), default=None)

    def listeners(self) -> list[ListenerStatus]:
        """The listeners, oldest first."""
        return [ListenerStatus(one.config, one.is_up, one.message) for one in self._listeners.values()]

    def connectors(self) -> list[TcpConnectorConfig]:
        """The connectors, oldest first."""
        return [one.config for one in self._connectors.values()]

    def listener_config(self, name: str) -> TcpListenerConfig:
        """One listener's; KeyError if there is none."""
        return self._listeners[name].config

    def connector_config(self, name: str) -> TcpConnectorConfig:
        """One connector's; KeyError if there is none."""
        return self._connectors[name].config

    # --- listeners

    def _full(self, address: str) -> str:
        return address if self._tenant is None else f"{self._tenant}/{address}"

    def _on_listener_configured(self, config: TcpListenerConfig) -> list[Effect]:
        name = _name(config)
        old = self._listeners.get(name)
        if old is not None:
            if _differs(old.config, config):
                raise TcpConfigurationError(
                    f"tcpListener {name}: only the observer can be changed; delete it first"
                )
            old.config = config
            return [SetObserver(name, config.observer)]
        backlog = config.backlog if 0 < config.backlog <= self._max_backlog else self._max_backlog
        listener = Listener(config, name, {}, backlog)
        self._listeners[name] = listener
        effects: list[Effect] = [
            Log("info", f"Configured TcpListener for {listener.target_text}, {listener.configured_place}"),
            AddListener(name, config.ssl_profile, config.authenticate_peer, config.proxy_protocol),
            SetObserver(name, config.observer),
        ]
        if config.address is not None:
            effects.extend(self._add_address(listener, self._full(config.address), 1))
        return effects

    def _on_listener_deleted(self, name: str) -> list[Effect]:
        listener = self._listener(name)
        if listener.config.address is None and listener.values:
            raise TcpConfigurationError(f"listenerAddress entities exist for  multi-address listener {name}")
        del self._listeners[name]
        effects = listener.close()
        for address in listener.values:
            effects.extend(self._unwatch(address))
        text = f"Deleted TcpListener for {listener.target_text}, {listener.configured_place}"
        return [*effects, RemoveListener(name, self._drop), Log("info", text)]

    def _on_address_configured(self, name: str, address: str, value: int) -> list[Effect]:
        listener = self._listener(name)
        if listener.config.address is not None:
            raise TcpConfigurationError(
                f"tcpListener {name} has the one address {listener.config.address}: its strategy is none"
            )
        if self._full(address) in listener.values:
            raise TcpConfigurationError(f"tcpListener {name} has the address {address} already")
        return self._add_address(listener, self._full(address), value)

    def _on_address_deleted(self, name: str, address: str) -> list[Effect]:
        listener = self._listener(name)
        full = self._full(address)
        if listener.config.address is not None or full not in listener.values:
            raise TcpConfigurationError(f"tcpListener {name} has no listenerAddress {address}")
        del listener.values[full]
        return [*self._unwatch(full), *listener.follow(self._consumers)]

    def _listener(self, name: str) -> Listener:
        if name not in self._listeners:
            raise TcpConfigurationError(
                f"no tcpListener {name}; there are: {', '.join(self._listeners) or 'none'}"
            )
        return self._listeners[name]

    def _add_address(self, listener: Listener, address: str, value: int) -> list[Effect]:
        listener.values[address] = value
        effects = listener.follow(self._consumers)
        if address not in self._consumers:
            self._consumers[address] = 0
            effects.append(WatchAddress(address))
        return effects

    def _unwatch(self, address: str) -> list[Effect]:
        """Watch it no longer, unless another listener needs it."""
        if any(address in listener.values for listener in self._listeners.values()):
            return []
        del self._consumers[address]
        return [UnwatchAddress(address)]

    def _on_watch_changed(self, event: events.AddressWatchChanged) -> list[Effect]:
        if event.address not in self._consumers:
            return []
        count = event.local + event.in_process + event.remote
        if count == self._consumers[event.address]:
            return []
        self._consumers[event.address] = count
        effects: list[Effect] = []
        for listener in self._listeners.values():
            if event.address in listener.values:
                effects.extend(listener.follow(self._consumers))
        return effects

    # --- connectors

    def _on_connector_configured(self, config: TcpConnectorConfig) -> list[Effect]:
        name = _name(config)
        if name in self._connectors:
            raise TcpConfigurationError(f"tcpConnector {name} exists already; delete it first")
        connector = Connector(config, name, self._full(config.address))
        self._connectors[name] = connector
        return [
            Log("info", f"Configured TcpConnector for {config.address}, {connector.place}"),
            AddConnector(
                name,
                connector.address,
                config.host,
                config.ssl_profile,
                config.verify_hostname,
                config.proxy_protocol == "send",
            ),
            *connector.look_up(),
        ]

    def _on_connector_deleted(self, name: str) -> list[Effect]:
        if name not in self._connectors:
            raise TcpConfigurationError(
                f"no tcpConnector {name}; there are: {', '.join(self._connectors) or 'none'}"
            )
        connector = self._connectors.pop(name)
        effects: list[Effect] = [UnbindConnector(name, connector.address)] if connector.bound else []
        return [
            *effects,
            RemoveConnector(name, self._drop),
            Log("info", f"Deleted TcpConnector for {connector.config.address}, {connector.place}"),
        ]

    def _on_tick(self, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for connector in self._connectors.values():
            if connector.due is not None and connector.due <= now:
                effects.extend(connector.look_up())
        return effects

    # --- reports of the shell; they may be about something that has just been deleted

    def _on_report(self, event: events.Event, now: float) -> list[Effect]:
        match event:
            case events.ListenerOpened(name, place) if name in self._listeners:
                return self._listeners[name].opened(place)
            case events.ListenerRefused(name, reason) if name in self._listeners:
                return self._listeners[name].refused(reason)
            case events.ConnectorResolved(name, targets, fixed) if name in self._connectors:
                return self._connectors[name].resolved(targets, fixed, now)
            case events.ConnectorUnresolved(name, reason) if name in self._connectors:
                return self._connectors[name].unresolved(reason, now)
            case events.ConnectFailed(name, peer, reason) if name in self._connectors:
                return self._connectors[name].connect_failed(peer, reason, now)
            case events.HandshakeFailed(name, peer, reason):
                return [Log("warning", f"{name}: TLS connection failed with {peer}: {reason}")]
            case events.ConnectionEnded(name, peer, reason):
                return [Log("debug", f"{name}: connection with {peer} ended: {_ENDINGS[reason]}")]
            case events.PrefaceRefused(name, peer, reason):
                return [Log("warning", f"Listener {name}: connection of {peer} refused: {reason}")]
            case events.AcceptFailed(name, reason):
                return [Log("error", f"Listener {name}: cannot accept a client connection: {reason}")]
            case _:
                return []
