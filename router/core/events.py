"""What the core hears of, besides the link events of `skrouter.amqp.events`: a closed list."""

from __future__ import annotations

from dataclasses import dataclass

from skrouter.amqp.events import Handle, LinkAttached, LinkDetached, LinkEstablished, StreamingLinkWanted
from skrouter.router.core.effects import Purpose, Treatment
from skrouter.router.core.facts import AutoLink, ConnectionFacts


@dataclass(frozen=True, slots=True)
class ConnectionUp:
    """Both sides have opened a connection."""

    facts: ConnectionFacts


@dataclass(frozen=True, slots=True)
class ConnectionDown:
    """A connection and all its links are gone."""

    connection: Handle


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """A link that the core had opened exists now under this handle."""

    link: Handle
    name: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class EndpointAdded:
    """A consumer in this process for a key; `shared`: other routers are told of it.

    `everywhere`: every router has one, so each known router is a destination.
    """

    key: str
    shared: bool = False
    control_only: bool = False
    treatment: Treatment = Treatment.CLOSEST
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerBound:
    """An adaptor's link consumes from an address."""

    address: str
    link: Handle


@dataclass(frozen=True, slots=True)
class ConsumerUnbound:
    """It does no longer; the link is gone."""

    link: Handle


@dataclass(frozen=True, slots=True)
class EdgeMessageReceived:
    """A message for one of the keys that edge routers and interior routers speak on."""

    key: str
    connection: Handle
    content: bytes


@dataclass(frozen=True, slots=True)
class WatchAdded:
    """Somebody wants to know whether this address is reachable; `hint`: its treatment if no rule has one."""

    address: str
    hint: Treatment | None = None


@dataclass(frozen=True, slots=True)
class WatchRemoved:
    """Nobody wants to know any more."""

    address: str


@dataclass(frozen=True, slots=True)
class AutoLinkAdded:
    """A link is wanted on every connection that it names."""

    config: AutoLink


@dataclass(frozen=True, slots=True)
class AutoLinkRemoved:
    """It is wanted no longer."""

    name: str


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time that `StartTimer` has asked for is over; whoever has asked may be gone."""

    name: str


@dataclass(frozen=True, slots=True)
class RouterKnown:
    """The mesh knows a router under this index."""

    index: int
    router_id: str


@dataclass(frozen=True, slots=True)
class RouterForgotten:
    """The mesh has forgotten it; the index may be used again."""

    index: int


@dataclass(frozen=True, slots=True)
class RouteChanged:
    """The way to a router; `neighbor` is a slot, None: there is no way."""

    index: int
    neighbor: int | None
    cost: int
    valid_origins: frozenset[int]


@dataclass(frozen=True, slots=True)
class RadiusChanged:
    """Hops to the farthest router."""

    radius: int


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """An address that a remote router has consumers for; `treatment` is its hint, if it gave one.

    `mesh`: the edge mesh that has all of them.
    """

    key: str
    treatment: int | None = None
    mesh: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteAddressesChanged:
    """A remote router's addresses came or went (keys)."""

    index: int
    added: tuple[RemoteAddress, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteAddressesFlushed:
    """Everything a remote router had told is void."""

    index: int


Event = (
    ConnectionUp
    | ConnectionDown
    | LinkAttached
    | LinkEstablished
    | LinkDetached
    | StreamingLinkWanted
    | LinkOpened
    | EndpointAdded
    | ConsumerBound
    | ConsumerUnbound
    | EdgeMessageReceived
    | WatchAdded
    | WatchRemoved
    | AutoLinkAdded
    | AutoLinkRemoved
    | TimerFired
    | RouterKnown
    | RouterForgotten
    | RouteChanged
    | RadiusChanged
    | RemoteAddressesChanged
    | RemoteAddressesFlushed
)
