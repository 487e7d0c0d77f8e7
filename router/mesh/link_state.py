"""Link states: our own, that grows a number with every change, and our copies of the others'.

Not here: paths (path.py), when messages are sent (engine.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from skrouter.router.mesh.hello import Adjacency
from skrouter.router.mesh.sequence import RemoteSequence


@dataclass(slots=True)
class OwnLinkState:
    """Our neighbors and costs. A change is told to the mesh at the next tick, under the next number."""

    sequence: int = 0
    peers: dict[str, int] = field(default_factory=dict)
    changed: bool = False

    def update(self, adjacencies: Mapping[str, Adjacency]) -> set[str]:
        """Take over the neighbors of now; the answer is those that are new or have a new cost."""
        costs = {router_id: adjacency.cost for router_id, adjacency in adjacencies.items()}
        fresh = {router_id for router_id, cost in costs.items() if self.peers.get(router_id) != cost}
        if costs != self.peers:
            # Sticky: the state may have been told under the old number while it was different.
            self.changed = True
            self.peers = costs
        return fresh

    def advance(self) -> bool:
        """Give pending changes a number; False if there are none."""
        if not self.changed:
            return False
        self.sequence += 1
        self.changed = False
        return True


@dataclass(slots=True)
class RemoteLinkState:
    """Our copy of a router's link state. `heard_at`: when the router last told us anything about it."""

    sequence: RemoteSequence = field(default_factory=RemoteSequence)
    peers: dict[str, int] = field(default_factory=dict)
    heard_at: float = -inf

    def accept(self, number: int, peers: Mapping[str, int]) -> bool:
        """Take over an update if it is later than the copy; True if that changed the peers."""
        if number <= self.sequence.have:
            return False
        self.sequence.arrived(number)
        changed = self.peers != peers
        self.peers = dict(peers)
        return changed

    def clear(self) -> bool:
        """Forget the peers and their number; True if there were peers."""
        had_peers = bool(self.peers)
        self.peers = {}
        self.sequence.restart()
        return had_peers

    def is_older_than(self, max_age: float, now: float) -> bool:
        """Whether there is something to forget and the router has been silent for so long."""
        return bool(self.peers or self.sequence.have) and now - self.heard_at >= max_age
