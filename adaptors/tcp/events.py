"""What can happen to the TCP adaptor's control: a closed list. `name` is the entity's name."""

from __future__ import annotations

from dataclasses import dataclass

from skrouter.config.model import ListenerAddressConfig, TcpConnectorConfig, TcpListenerConfig


@dataclass(frozen=True, slots=True)
class ListenerConfigured:
    """A tcpListener was created, or its observer changed."""

    config: TcpListenerConfig


@dataclass(frozen=True, slots=True)
class ListenerDeleted:
    """A tcpListener was deleted."""

    name: str


@dataclass(frozen=True, slots=True)
class ListenerAddressConfigured:
    """A multi-address listener got another address."""

    config: ListenerAddressConfig


@dataclass(frozen=True, slots=True)
class ListenerAddressDeleted:
    """A multi-address listener lost one of its addresses."""

    listener: str
    address: str


@dataclass(frozen=True, slots=True)
class ConnectorConfigured:
    """A tcpConnector was created."""

    config: TcpConnectorConfig


@dataclass(frozen=True, slots=True)
class ConnectorDeleted:
    """A tcpConnector was deleted."""

    name: str


@dataclass(frozen=True, slots=True)
class AddressWatchChanged:
    """How many consumers a watched address has: on links here, in this process, and remote routers."""

    address: str
    local: int
    in_process: int
    remote: int


@dataclass(frozen=True, slots=True)
class ListenerOpened:
    """The socket listens; `place` is `host:port`, the port as it turned out."""

    name: str
    place: str


@dataclass(frozen=True, slots=True)
class ListenerRefused:
    """The socket could not be opened."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectorResolved:
    """The packed socket addresses of a connector's host; `fixed`: the host is an address itself."""

    name: str
    targets: tuple[bytes, ...]
    fixed: bool


@dataclass(frozen=True, slots=True)
class ConnectorUnresolved:
    """The host of a connector has no address now."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """No target of a connector took a connection; `peer` is the last that was tried, '' if there was none."""

    name: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class HandshakeFailed:
    """TLS failed on a connection of this listener or connector."""

    name: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """A connection of this listener or connector has come to another end than its own; `reason`: a word."""

    name: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class PrefaceRefused:
    """A client of this listener began without the PROXY header that the listener wants."""

    name: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True)
class AcceptFailed:
    """A listener could not take a connection; it pauses for a moment."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline that `next_deadline` gave has come."""


Event = (
    ListenerConfigured
    | ListenerDeleted
    | ListenerAddressConfigured
    | ListenerAddressDeleted
    | ConnectorConfigured
    | ConnectorDeleted
    | AddressWatchChanged
    | ListenerOpened
    | ListenerRefused
    | ConnectorResolved
    | ConnectorUnresolved
    | ConnectFailed
    | HandshakeFailed
    | ConnectionEnded
    | PrefaceRefused
    | AcceptFailed
    | Tick
)
