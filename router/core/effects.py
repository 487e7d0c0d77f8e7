"""What the core decides: a closed list, carried out in order by the runtime.

Entries are named by their key and links by their handle. `Purpose` comes back with the handle of a link
that the core had opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

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


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why a link was opened; `priority` counts for router links."""

    connection: Handle
    kind: LinkKind
    outgoing: bool
    priority: int = 4


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
    """A next hop by slot: its control connection and our sending control link there."""

    slot: int
    connection: Handle
    control_link: Handle


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
class AcceptLink:
    """Answer an attach. `key`: the entry it sends to or consumes from, None: anonymous."""

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


@dataclass(frozen=True, slots=True)
class RejectLink:
    """Answer an attach with a refusal."""

    link: Handle
    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class DetachLink:
    """End a link."""

    link: Handle
    condition: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Attach a link of ours; `capability` of both termini, empty for none. Answered by `LinkOpened`."""

    purpose: Purpose
    name: str
    session: int
    capability: str
    capacity: int
    credit: int


@dataclass(frozen=True, slots=True)
class BindConsumer:
    """An adaptor's link consumes from this entry from now on."""

    link: Handle
    key: str


@dataclass(frozen=True, slots=True)
class UnbindConsumer:
    """An adaptor's link consumes no longer."""

    link: Handle


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
    """A local destination that other routers are to know of."""

    key: str
    treatment: Treatment
    in_links: int


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
    | AcceptLink
    | RejectLink
    | DetachLink
    | OpenLink
    | BindConsumer
    | UnbindConsumer
    | BindEndpoint
    | AllowCredit
    | CloseConnection
    | NeighborUp
    | NeighborDown
    | LocalAddressesChanged
    | WatchChanged
    | Log
)
