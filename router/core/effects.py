"""What the core decides: a closed list, carried out in order by the runtime.

Entries are named by their key and links by their handle. `Purpose` comes back with the handle of a link
that the core had opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from skrouter.amqp.events import Handle


class Treatment(IntEnum):
    """How deliveries to an address are distributed; numbers as on the wire (spec: routing-protocol §0)."""

    FLOOD = 0
    MULTICAST = 1
    CLOSEST = 2
    BALANCED = 3
    UNAVAILABLE = 4


class LinkKind(IntEnum):
    """What a link is for; numbers as the forwarder has them."""

    ENDPOINT = 0
    CONTROL = 1
    ROUTER = 2
    STREAMING = 3
    EDGE_DOWNLINK = 6
    INTER_EDGE = 7


class PeerKind(IntEnum):
    """What is at the other end, if neither client nor neighbor; numbers as the forwarder has them."""

    EDGE = 1
    INTER_EDGE = 2
    INTER_NETWORK = 3
    CONTAINER = 4


class Use(Enum):
    """Who has opened a link, and so who is told what becomes of it."""

    ROUTER = "link between routers: control, data, streams"
    UPLINK = "link of an edge router to its interior router"
    PEER = "link of an edge router to another edge router"
    AUTO = "configured autoLink"


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why a link was opened; `priority` counts for router links, `role` and `key` are the opener's."""

    connection: Handle
    kind: LinkKind
    outgoing: bool
    priority: int = 4
    use: Use = Use.ROUTER
    role: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Terminus:
    """A source or target of ours."""

    address: str | None = None
    capability: str = ""


@dataclass(frozen=True, slots=True)
class PublishEntry:
    """The entry of this key exists and is treated so; `priority` -1: the message's own."""

    key: str
    treatment: Treatment
    priority: int = -1
    control_only: bool = False


@dataclass(frozen=True, slots=True)
class WithdrawEntry:
    """The entry is of no use any more."""

    key: str


@dataclass(frozen=True, slots=True)
class SetEntryRouters:
    """The remote routers that have consumers for this entry."""

    key: str
    routers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetRouter:
    """The way to a remote router; `neighbor` -1: there is none."""

    index: int
    neighbor: int
    cost: int
    valid_origins: frozenset[int]


@dataclass(frozen=True, slots=True)
class ForgetRouter:
    """A remote router is no longer known."""

    index: int


@dataclass(frozen=True, slots=True)
class SetRadius:
    """Hops to the farthest router."""

    radius: int


@dataclass(frozen=True, slots=True)
class SetNeighbor:
    """A next hop by slot: its control connection and our sending control link there.

    `same`: the router that has the slot already, on a newer connection.
    """

    slot: int
    connection: Handle
    control_link: Handle
    same: bool = False


@dataclass(frozen=True, slots=True)
class SetNeighborLink:
    """Our sending link of one priority to a next hop."""

    slot: int
    priority: int
    link: Handle


@dataclass(frozen=True, slots=True)
class AddDataConnection:
    """A connection that carries streams to a next hop."""

    slot: int
    connection: Handle


@dataclass(frozen=True, slots=True)
class MoveStreams:
    """Addresses whose deliveries to a next hop share a link go on over the connections that it has now."""

    slot: int


@dataclass(frozen=True, slots=True)
class AcceptLink:
    """Answer an attach. `key`: the entry it sends to or consumes from, None: anonymous.

    `proxy`: consumers are elsewhere, this link leads to them. `swapped`: the address of the target is named
    in our source, as the reference does it for endpoints of its own. `flags`: bits of router annotations
    that every message from there gets (spec: routing-protocol §7).
    """

    link: Handle
    kind: LinkKind
    capacity: int
    credit: int = 0
    key: str | None = None
    source_address: str | None = None
    target_address: str | None = None
    annotated: bool = False
    withheld: bool = False
    priority: int = 4
    proxy: bool = False
    swapped: bool = False
    flags: int = 0


@dataclass(frozen=True, slots=True)
class RejectLink:
    """Answer an attach with a refusal; `nameless`: the answer has termini, though without addresses."""

    link: Handle
    condition: str
    description: str
    nameless: bool = False


@dataclass(frozen=True, slots=True)
class DetachLink:
    """End a link."""

    link: Handle
    condition: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Attach a link of ours. Answered by `LinkOpened`.

    `key`: the entry that an incoming link delivers to, None: each message says where. Its credit is given
    when the peer has answered, unless it is `withheld` because the entry has no destination. `address`: what
    other routers are told its messages are for, None: what the source says.
    """

    purpose: Purpose
    name: str
    session: int
    capacity: int
    credit: int
    source: Terminus = Terminus()
    target: Terminus = Terminus()
    key: str | None = None
    address: str | None = None
    annotated: bool = True
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class BindConsumer:
    """A link of an adaptor or of ours consumes from this entry from now on; `proxy`: as in `AcceptLink`."""

    link: Handle
    key: str
    proxy: bool = False


@dataclass(frozen=True, slots=True)
class UnbindConsumer:
    """It consumes no longer."""

    link: Handle


@dataclass(frozen=True, slots=True)
class SendMessage:
    """A message of ours on one link, unsettled."""

    link: Handle
    content: bytes


@dataclass(frozen=True, slots=True)
class SetPeer:
    """A connection leads to a container, or to a router that is no neighbor; its edge mesh if it is known."""

    connection: Handle
    kind: PeerKind
    mesh: str = ""
    streams: bool = False


@dataclass(frozen=True, slots=True)
class SetMesh:
    """The edge mesh that this edge router is in."""

    mesh: str


@dataclass(frozen=True, slots=True)
class BindEndpoint:
    """The consumer in this process that was added for this key can be made."""

    key: str


@dataclass(frozen=True, slots=True)
class AllowCredit:
    """Let a sender have credit, or withhold it because there is no destination."""

    link: Handle
    allowed: bool


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Close a connection with an error."""

    connection: Handle
    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class DropConnection:
    """End a connection without a word to the peer."""

    connection: Handle


@dataclass(frozen=True, slots=True)
class NeighborUp:
    """The control links to a neighbor are there: the mesh may speak."""

    slot: int
    cost: int


@dataclass(frozen=True, slots=True)
class NeighborDown:
    """The control links to a neighbor are gone."""

    slot: int


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """A local destination that others are to know of; `mesh`: the edge mesh that all consumers are in."""

    key: str
    treatment: Treatment
    in_links: int
    mesh: str | None = None


@dataclass(frozen=True, slots=True)
class LocalAddressesChanged:
    """Local destinations came (`added`), went (`removed`, keys) or changed."""

    added: tuple[LocalAddress, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[LocalAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchChanged:
    """The reachability of a watched address."""

    address: str
    local: int
    in_process: int
    remote: int
    producers: int


@dataclass(frozen=True, slots=True)
class StartTimer:
    """`TimerFired` with this name comes in so many seconds, in place of one that was to come earlier."""

    name: str
    delay: float


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the log."""

    module: str
    level: str
    text: str


Effect = (
    PublishEntry
    | WithdrawEntry
    | SetEntryRouters
    | SetRouter
    | ForgetRouter
    | SetRadius
    | SetNeighbor
    | SetNeighborLink
    | AddDataConnection
    | MoveStreams
    | AcceptLink
    | RejectLink
    | DetachLink
    | OpenLink
    | BindConsumer
    | UnbindConsumer
    | SendMessage
    | SetPeer
    | SetMesh
    | BindEndpoint
    | AllowCredit
    | CloseConnection
    | DropConnection
    | NeighborUp
    | NeighborDown
    | LocalAddressesChanged
    | WatchChanged
    | StartTimer
    | Log
)
