"""The routers we know of, each with an index that is its own for as long as it is known.

Index 0 is this router. A new router gets the lowest index that is free; there is no upper limit (the
reference has 128). Not here: what is learned about a router from which message (engine.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from skrouter.router.mesh.effects import RouterRoute
from skrouter.router.mesh.link_state import RemoteLinkState
from skrouter.router.mesh.mobile import RemoteAddresses


@dataclass(slots=True)
class Node:
    """One remote router. `reachable` is the verdict of the last path computation.

    Ticks are counted while nobody names it (idle), or it is reachable and tells of no addresses (silent).
    """

    index: int
    router_id: str
    version: int = 0
    instance: int | None = None
    link_state: RemoteLinkState = field(default_factory=RemoteLinkState)
    addresses: RemoteAddresses = field(default_factory=RemoteAddresses)
    next_hop: int | None = None
    next_hop_id: str | None = None
    cost: int | None = None
    valid_origins: frozenset[int] = frozenset()
    reachable: bool = False
    ticks_until_flush: int | None = None
    idle_ticks: int = 0
    silent_ticks: int = 0
    regressed_at: float | None = None

    def route(self) -> RouterRoute:
        """The way to this router as told to the core."""
        return RouterRoute(
            self.index, self.router_id, self.next_hop, self.next_hop_id, self.cost, self.valid_origins
        )

    def set_route(
        self, next_hop: int, next_hop_id: str, cost: int, valid_origins: frozenset[int]
    ) -> RouterRoute | None:
        """Take over a route; the answer is the route if it differs from the one before."""
        before = self.route()
        self.next_hop, self.next_hop_id = next_hop, next_hop_id
        self.cost, self.valid_origins = cost, valid_origins
        after = self.route()
        return None if after == before else after

    def withdraw_route(self) -> RouterRoute | None:
        """There is no way to this router; the answer is the empty route if there was one before."""
        if self.next_hop is None:
            return None
        self.next_hop = self.next_hop_id = self.cost = None
        self.valid_origins = frozenset()
        return self.route()


class NodeTable:
    """Known remote routers by id, in the order in which they became known."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._free: list[int] = []
        self._next = 1

    def __iter__(self) -> Iterator[Node]:
        """Over a copy: a node may be removed on the way."""
        return iter(list(self._nodes.values()))

    def __len__(self) -> int:
        """Number of remote routers known."""
        return len(self._nodes)

    def get(self, router_id: str) -> Node | None:
        """The node, or None if the router is unknown."""
        return self._nodes.get(router_id)

    def add(self, router_id: str) -> Node:
        """A node for a router that is not known yet."""
        if router_id in self._nodes:
            raise ValueError(f"router {router_id} is known already; its node must be removed first")
        node = Node(self._take_index(), router_id)
        self._nodes[router_id] = node
        return node

    def remove(self, router_id: str) -> None:
        """Forget the router; its index is free."""
        heappush(self._free, self._nodes.pop(router_id).index)

    def _take_index(self) -> int:
        if self._free:
            return heappop(self._free)
        self._next += 1
        return self._next - 1
