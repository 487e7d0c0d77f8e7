"""The mesh as one router sees it: neighbors, link states, nodes, and the routes computed from them.

Tells the core about routers and routes. Not here: messages and timers (engine.py), addresses (mobile.py).
"""

from collections.abc import Mapping
from typing import Final

from skrouter.router.mesh.effects import (
    Effect,
    FlushRouterAddresses,
    Log,
    RouterAdded,
    RouterRemoved,
    RouterRoute,
    RoutesChanged,
    TopologyChanged,
)
from skrouter.router.mesh.hello import Adjacency, Neighbors
from skrouter.router.mesh.link_state import OwnLinkState
from skrouter.router.mesh.messages import Hello
from skrouter.router.mesh.node import Node, NodeTable
from skrouter.router.mesh.path import Paths

SILENT_TICKS: Final = 5
"""Ticks after which a reachable router is asked for addresses that it has not advertised: longer than between
advertisements in flux, the next of which may be half a minute away.
"""
IDLE_TICKS: Final = 3
"""Ticks after which a router that nobody names is forgotten."""
REFERENCE_ROUTERS: Final = 128
"""Routers that a skupper-router can know, itself included."""


class Outbox:
    """Collects the effects of one event."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []

    def put(self, effect: Effect) -> None:
        """Add an effect."""
        self._effects.append(effect)

    def log(self, module: str, level: str, text: str) -> None:
        """Add a log line."""
        self._effects.append(Log(module, level, text))

    def take(self) -> list[Effect]:
        """All effects since the last call."""
        effects, self._effects = self._effects, []
        return effects


class Topology:
    """Neighbors, nodes and routes of the router `own_id`; `holdoff` in ticks, ages in seconds."""

    def __init__(
        self, own_id: str, hello_max_age: float, holdoff: int, outbox: Outbox, paths: Paths | None = None
    ) -> None:
        self.own_id = own_id
        self.own = OwnLinkState()
        self.nodes = NodeTable()
        self.adjacencies: Mapping[str, Adjacency] = {}
        self.changed_at: float | None = None
        self._neighbors = Neighbors(own_id, hello_max_age)
        self._holdoff = holdoff
        self._outbox = outbox
        self._radius = 0
        self._paths = Paths(own_id) if paths is None else paths
        self._outdated: dict[str, Node] = {}
        self._rebased: set[str] = set()
        self._is_large = False
        self._compared = 0
        self._has_lost = False

    # --- neighbors --------------------------------------------------------------------------------------

    @property
    def has_links(self) -> bool:
        """Whether there is any control link to send on."""
        return self._neighbors.has_links

    def seen(self) -> tuple[str, ...]:
        """Ids of the routers heard, for our HELLO."""
        return self._neighbors.seen()

    def link_up(self, slot: int, cost: int) -> None:
        """A control link opened."""
        self._neighbors.link_up(slot, cost)
        self._refresh_adjacencies()

    def link_down(self, slot: int) -> None:
        """A control link is gone; a neighbor that has no other is lost at once."""
        before = self.adjacencies
        self._neighbors.link_down(slot)
        self._refresh_adjacencies()
        lost = before.keys() - self.adjacencies.keys()
        if any(before[router_id].slot == slot for router_id in lost):
            self._outbox.log("ROUTER_LS", "info", f"Link to Neighbor Router Lost - link_tag={slot}")

    def hear(self, message: Hello, slot: int, cost: int, now: float) -> bool:
        """Take in a HELLO. False: it came on a link that is not open."""
        if not self._neighbors.hear(message, slot, cost, now):
            return False
        self._refresh_adjacencies()
        return True

    def expire_neighbors(self, now: float) -> None:
        """Lose the neighbors that have been silent for too long."""
        self._neighbors.expire(now)
        self._refresh_adjacencies()

    def take_lost(self) -> bool:
        """Whether a neighbor was lost since the last call."""
        lost, self._has_lost = self._has_lost, False
        return lost

    def _refresh_adjacencies(self) -> None:
        """Compare the neighbors with those of before and note what follows."""
        if self._neighbors.changes == self._compared:
            return
        self._compared = self._neighbors.changes
        adjacencies = self._neighbors.adjacencies()
        if adjacencies == self.adjacencies:
            return
        self._has_lost |= not self.adjacencies.keys() <= adjacencies.keys()
        self.adjacencies = adjacencies
        for router_id in self.own.update(adjacencies):
            # Its link state has changed too, and the RA that tells so may have been lost with the link.
            self.learn(router_id).link_state.sequence.wanted = True
        self._rebase_routes()

    def _rebase_routes(self) -> None:
        """Move routes to the link their next hop has now, or withdraw them: a slot may soon be another's."""
        changed = []
        for node in self.nodes:
            if node.next_hop_id is None or node.cost is None:
                continue
            adjacency = self.adjacencies.get(node.next_hop_id)
            if adjacency is None:
                changed.append(node.withdraw_route())
            elif adjacency.slot == node.next_hop:
                continue
            else:
                slot, origins = adjacency.slot, node.valid_origins
                changed.append(node.set_route(slot, node.next_hop_id, node.cost, origins))
            # The next computation may find the path that it found before, and then does not name it.
            self._rebased.add(node.router_id)
        self._tell_routes(changed, self._radius)

    # --- nodes ------------------------------------------------------------------------------------------

    def learn(self, router_id: str) -> Node:
        """The node of a router; one that was unknown is asked for its link state once there is a route."""
        node = self.nodes.get(router_id)
        if node is None:
            node = self.nodes.add(router_id)
            node.link_state.sequence.wanted = True
            self._outbox.put(RouterAdded(node.index, router_id))
        return node

    def slot_toward(self, node: Node) -> int | None:
        """The control link for messages to a router; a neighbor can be reached before paths are computed."""
        adjacency = self.adjacencies.get(node.router_id)
        return node.next_hop if adjacency is None else adjacency.slot

    @property
    def is_outdated(self) -> bool:
        """Whether links have changed since paths were computed."""
        return self.own.changed or bool(self._outdated)

    def any_reachable(self) -> bool:
        """Whether a message to all routers would reach any."""
        return any(node.reachable for node in self.nodes)

    def accept(self, node: Node, number: int, peers: Mapping[str, int]) -> None:
        """Take in a router's link state; routers that it names for the first time become known."""
        if not node.link_state.accept(number, peers):
            return
        self._outdated[node.router_id] = node
        for peer in peers:
            if peer != self.own_id:
                self.learn(peer)

    def restart(self, node: Node) -> None:
        """The router has begun a new life: its addresses are gone, its numbers begin anew.

        Its old links count until it tells the new ones. Its neighbors have told what it lost, and with no
        links at all the question for the new ones might find no way that others take for valid.
        """
        self._outbox.log("ROUTER", "info", f"Detected Restart of Router Node {node.router_id}")
        node.link_state.sequence.restart()
        node.link_state.sequence.wanted = True
        node.regressed_at = None
        if node.addresses.clear():
            self._outbox.put(FlushRouterAddresses(node.index))
        node.addresses.sequence.advertised = 0

    def expire_link_states(self, max_age: float, now: float) -> None:
        """Forget the link states of routers that have been silent for too long."""
        for node in self.nodes:
            if node.link_state.is_older_than(max_age, now):
                self._outbox.log("ROUTER_LS", "debug", f"Link state of router {node.router_id} expired")
                if node.link_state.clear():
                    self._outdated[node.router_id] = node

    def flush_unreachable(self) -> None:
        """A tick has passed: forget the addresses of routers that have been unreachable long enough."""
        for node in self.nodes:
            if node.ticks_until_flush is None:
                continue
            node.ticks_until_flush -= 1
            if node.ticks_until_flush < 0:
                node.ticks_until_flush = None
                text = f"Invalidating addresses on unreachable node: {node.router_id}"
                self._outbox.log("ROUTER_LS", "info", text)
                node.addresses.clear()
                self._outbox.put(FlushRouterAddresses(node.index))

    def ask_silent(self) -> None:
        """A tick has passed: ask, once, reachable routers that have told nothing of their addresses."""
        for node in self.nodes:
            if node.reachable and node.addresses.is_unheard:
                node.silent_ticks += 1
                node.addresses.sequence.wanted |= node.silent_ticks == SILENT_TICKS

    def remove_idle(self) -> None:
        """A tick has passed: forget routers that no link state names and that have none themselves."""
        for node in self.nodes:
            if self._paths.knows(node.router_id):
                node.idle_ticks = 0
                continue
            node.idle_ticks += 1
            if node.idle_ticks >= IDLE_TICKS and node.ticks_until_flush is None:
                self.nodes.remove(node.router_id)
                self._outbox.put(RouterRemoved(node.index, node.router_id))

    def report_size(self) -> None:
        """Warn when the mesh becomes too large for skupper-router, whose routers look like ours from here."""
        known = len(self.nodes) + 1
        if known > REFERENCE_ROUTERS and not self._is_large:
            text = (
                f"The mesh has grown to {known} routers; a skupper-router knows at most {REFERENCE_ROUTERS}, "
                "neither reaches the others nor forwards for them; let only skrouter join a larger mesh"
            )
            self._outbox.log("ROUTER_LS", "warning", text)
        self._is_large = known > REFERENCE_ROUTERS

    # --- routes -----------------------------------------------------------------------------------------

    def update_routes(self, now: float) -> bool:
        """Number our changed link state (True if it was) and compute paths if any link state changed."""
        advanced = self.own.advance()
        if advanced or self._outdated:
            self.changed_at = now
            self._compute(now)
        return advanced

    def _compute(self, now: float) -> None:
        # A router without peers has no link state here: paths to it are computed from those who name it.
        states = {router_id: node.link_state.peers or None for router_id, node in self._outdated.items()}
        self._outdated = {}
        changed = self._paths.update({self.own_id: self.own.peers, **states}) | self._rebased
        self._rebased = set()
        found = (self.nodes.get(router_id) for router_id in changed)
        nodes = sorted((node for node in found if node is not None), key=lambda node: node.index)
        self._tell_routes([self._update_route(node) for node in nodes], self._paths.radius)
        self._outbox.put(TopologyChanged(now))
        self._log_paths(len(changed))

    def _update_route(self, node: Node) -> RouterRoute | None:
        path = self._paths.path(node.router_id)
        if path is not None:
            node.ticks_until_flush = None
        elif node.reachable:
            node.ticks_until_flush = self._holdoff
            node.silent_ticks = 0
        node.reachable = path is not None
        if path is None:
            return node.withdraw_route()
        self._ask_anew_on_another_way(node, path.next_hop)
        origins = (self.nodes.get(origin) for origin in path.valid_origins)
        indexes = frozenset(origin.index for origin in origins if origin is not None)
        return node.set_route(self.adjacencies[path.next_hop].slot, path.next_hop, path.cost, indexes)

    def _ask_anew_on_another_way(self, node: Node, next_hop: str) -> None:
        """What was asked on the way of before may have been lost there."""
        if node.next_hop_id not in (None, next_hop):
            for sequence in (node.link_state.sequence, node.addresses.sequence):
                if sequence.behind:
                    sequence.hurry()

    def _tell_routes(self, changed: list[RouterRoute | None], radius: int) -> None:
        routes = tuple(route for route in changed if route is not None)
        if routes or radius != self._radius:
            self._radius = radius
            self._outbox.put(RoutesChanged(routes, radius))

    def _log_paths(self, changed: int) -> None:
        """The reference's lines, which name every path; in a mesh too large for it, how many there are."""
        if len(self.nodes) >= REFERENCE_ROUTERS:
            text = f"Computed paths: {changed} of {len(self.nodes)} changed, radius: {self._paths.radius}"
            self._outbox.log("ROUTER_LS", "info", text)
            return
        routes = self._paths.routes()
        origins = {router_id: list(found) for router_id, found in routes.valid_origins.items()}
        for text in (
            f"Computed next hops: {routes.next_hops}",
            f"Computed costs: {routes.costs}",
            f"Computed valid origins: {origins}",
            f"Computed radius: {routes.radius}",
            f"Unreachable_ids: {list(routes.unreachable)}",
        ):
            self._outbox.log("ROUTER_LS", "info", text)
