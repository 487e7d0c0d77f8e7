"""Neighbors: whom we hear on which control link, and who hears us.

A neighbor is a router whose HELLO came within the maximum age and named us among those it hears. One router
may be heard on several links (a connection being replaced by another); the cheapest is used, and the loss of
one is not the loss of the neighbor. Not here: what a change of neighbors leads to (engine.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from skrouter.router.mesh.messages import Hello


@dataclass(frozen=True, slots=True)
class Adjacency:
    """The control link used for a neighbor: its slot and the cost of its connection."""

    slot: int
    cost: int


@dataclass(slots=True)
class _Peer:
    """When a router was last heard, and last heard naming us, by slot."""

    heard: dict[int, float] = field(default_factory=dict)
    confirmed: dict[int, float] = field(default_factory=dict)


class Neighbors:
    """The control links that are up, and the routers heard on them. Ages in seconds."""

    def __init__(self, own_id: str, max_age: float) -> None:
        self._own_id = own_id
        self._max_age = max_age
        self._costs: dict[int, int] = {}
        self._peers: dict[str, _Peer] = {}
        self.changes = 0
        """Grows when `adjacencies` may have another answer than before."""

    @property
    def has_links(self) -> bool:
        """Whether there is any control link to send on."""
        return bool(self._costs)

    def link_up(self, slot: int, cost: int) -> None:
        """A control link opened. Whatever was heard in this slot before was another connection."""
        self.link_down(slot)
        self._costs[slot] = cost
        self.changes += 1

    def link_down(self, slot: int) -> None:
        """A control link is gone, with everything heard on it."""
        self._costs.pop(slot, None)
        self.changes += 1
        self._drop((peer, slot) for peer in list(self._peers))

    def hear(self, message: Hello, slot: int, cost: int, now: float) -> bool:
        """Note a HELLO. False: the slot has no control link (any more) and nothing was noted."""
        if slot not in self._costs:
            return False
        if self._costs[slot] != cost:
            self._costs[slot] = cost
            self.changes += 1
        peer = self._peers.setdefault(message.router_id, _Peer())
        peer.heard[slot] = now
        if self._own_id in message.seen:
            self.changes += slot not in peer.confirmed
            peer.confirmed[slot] = now
        return True

    def expire(self, now: float) -> None:
        """Forget what is older than the maximum age."""
        for peer in self._peers.values():
            for times in (peer.heard, peer.confirmed):
                for slot in [slot for slot, at in times.items() if now - at >= self._max_age]:
                    del times[slot]
                    self.changes += 1
        self._drop(())

    def seen(self) -> tuple[str, ...]:
        """Ids of the routers heard, as a HELLO lists them."""
        return tuple(self._peers)

    def adjacencies(self) -> dict[str, Adjacency]:
        """The neighbors, each with its cheapest link (of equal ones that of the smallest slot)."""
        found = {}
        for router_id, peer in self._peers.items():
            if peer.confirmed:
                cost, slot = min((self._costs[slot], slot) for slot in peer.confirmed)
                found[router_id] = Adjacency(slot, cost)
        return found

    def _drop(self, pairs: Iterable[tuple[str, int]]) -> None:
        for router_id, slot in pairs:
            self._peers[router_id].heard.pop(slot, None)
            self._peers[router_id].confirmed.pop(slot, None)
        self._peers = {router_id: peer for router_id, peer in self._peers.items() if peer.heard}
