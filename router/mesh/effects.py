"""What a mesh engine asks of the router around it. Closed list; carry them out in the order given."""

from dataclasses import dataclass

from skrouter.router.mesh.messages import AddressDescriptor, Hello, RoutedMessage


@dataclass(frozen=True, slots=True)
class SendHello:
    """Send the message on the control link of every neighbor connection."""

    message: Hello


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send a message on control links, pre-settled, with this router as ingress.

    `slot` is the neighbor connection toward the message's target. None: the message goes to all
    routers, one copy to each distinct next hop.
    """

    message: RoutedMessage
    slot: int | None


@dataclass(frozen=True, slots=True)
class RouterAdded:
    """A router became known; `index` (from 1, 0 is this router) is its own until `RouterRemoved`."""

    index: int
    router_id: str


@dataclass(frozen=True, slots=True)
class RouterRemoved:
    """A router is forgotten; its addresses were flushed before and its index may be used again."""

    index: int
    router_id: str


@dataclass(frozen=True, slots=True)
class RouterRoute:
    """The way to one router. Unreachable: `next_hop`, `next_hop_id` and `cost` are None.

    `valid_origins` holds the indexes of the routers whose shortest path to this one comes through
    us; index 0, this router, is always meant and never listed.
    """

    index: int
    router_id: str
    next_hop: int | None
    next_hop_id: str | None
    cost: int | None
    valid_origins: frozenset[int]


@dataclass(frozen=True, slots=True)
class RoutesChanged:
    """Routes that differ from what was told before, and the radius (hops to the farthest router)."""

    routes: tuple[RouterRoute, ...]
    radius: int


@dataclass(frozen=True, slots=True)
class RemoteAddressesChanged:
    """A remote router's addresses changed: `added` (also for new attributes), `removed` (hash keys)."""

    index: int
    added: tuple[AddressDescriptor, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlushRouterAddresses:
    """Forget every address of a remote router."""

    index: int


@dataclass(frozen=True, slots=True)
class TopologyChanged:
    """Paths were computed anew at this time (the engine's clock)."""

    at: float


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the log: module (`ROUTER_LS`, …), level name, text."""

    module: str
    level: str
    text: str


Effect = (
    SendHello
    | SendMessage
    | RouterAdded
    | RouterRemoved
    | RoutesChanged
    | RemoteAddressesChanged
    | FlushRouterAddresses
    | TopologyChanged
    | Log
)
