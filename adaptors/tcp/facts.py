"""What management shows of the TCP adaptor. Bytes in: read from the sockets of the entity."""

from __future__ import annotations

from dataclasses import dataclass

from skrouter.config.model import ListenerAddressConfig, TcpConnectorConfig, TcpListenerConfig

TlsSession = tuple[str, str, int, str | None, bytes | None, bytes | None]
"""Protocol, cipher, bits, peer's subject, peer's certificate (DER), ALPN protocol."""


@dataclass(frozen=True, slots=True)
class ListenerFacts:
    """A tcpListener; `is_up` is operStatus, `message` connectionMsg."""

    config: TcpListenerConfig
    is_up: bool
    message: str
    connections_opened: int
    connections_closed: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class ConnectorFacts:
    """A tcpConnector."""

    config: TcpConnectorConfig
    connections_opened: int
    connections_closed: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True, slots=True)
class ListenerAddressFacts:
    """A listenerAddress."""

    config: ListenerAddressConfig
    connections_opened: int


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One TCP connection; `parent` names its listener or connector, `opened_at` is monotonic seconds.

    `host` is the client's `ip:port`, or the connector's `host:port` as configured; `peer` is the real one.
    """

    handle: int
    parent: str
    incoming: bool
    address: str
    host: str
    peer: str
    local: str
    opened_at: float
    bytes_in: int
    bytes_out: int
    state: str
    tls: TlsSession | None
