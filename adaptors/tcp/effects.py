"""What the TCP adaptor's control asks of its shell: a closed list. `name` is the entity's name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AddListener:
    """Make the native side of a tcpListener; it does not listen yet."""

    name: str
    ssl_profile: str | None
    authenticate_peer: bool
    proxy_protocol: str


@dataclass(frozen=True, slots=True)
class SetObserver:
    """What is watched for on a listener's connections from now on."""

    name: str
    observer: str


@dataclass(frozen=True, slots=True)
class OfferAddress:
    """Share of an address in a listener's new connections; 0: none."""

    name: str
    address: str
    weight: int


@dataclass(frozen=True, slots=True)
class OpenListener:
    """Listen; the answer is ListenerOpened or ListenerRefused."""

    name: str
    host: str
    port: str
    backlog: int


@dataclass(frozen=True, slots=True)
class CloseListener:
    """Stop listening, or stop trying to: no answer of OpenListener may follow. Connections live on."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveListener:
    """Forget a listener, and reset its connections with `drop`."""

    name: str
    drop: bool


@dataclass(frozen=True, slots=True)
class AddConnector:
    """Make the native side of a tcpConnector."""

    name: str
    address: str
    host: str
    ssl_profile: str | None
    verify_hostname: bool
    introduces: bool


@dataclass(frozen=True, slots=True)
class ResolveConnector:
    """Look the host up; the answer is ConnectorResolved or ConnectorUnresolved."""

    name: str
    host: str
    port: str


@dataclass(frozen=True, slots=True)
class SetTargets:
    """Where the connector connects to from now on: packed socket addresses, in order."""

    name: str
    targets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BindConnector:
    """Make the connector a consumer of its address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class UnbindConnector:
    """The connector is no longer a consumer of its address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class RemoveConnector:
    """Forget a connector, and reset its connections with `drop`. Nobody waits for its look-up any more."""

    name: str
    drop: bool


@dataclass(frozen=True, slots=True)
class WatchAddress:
    """Report consumers of an address as AddressWatchChanged, now and on every change."""

    address: str


@dataclass(frozen=True, slots=True)
class UnwatchAddress:
    """Report them no longer."""

    address: str


@dataclass(frozen=True, slots=True)
class Log:
    """A line for module TCP_ADAPTOR."""

    level: str
    text: str


Effect = (
    AddListener
    | SetObserver
    | OfferAddress
    | OpenListener
    | CloseListener
    | RemoveListener
    | AddConnector
    | ResolveConnector
    | SetTargets
    | BindConnector
    | UnbindConnector
    | RemoveConnector
    | WatchAddress
    | UnwatchAddress
    | Log
)
