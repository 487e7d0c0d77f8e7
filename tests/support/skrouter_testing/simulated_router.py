"""One router of a simulated mesh: a real engine, and what the router core around it would do.

The core's part: effects are carried out, a message for all goes to each distinct next hop that is not in its
trace (MAU: only for valid origins; RA: always, being multicast-flood, but a copy of one that was taken in the
last two seconds is dropped), a message for one router along the next hops, and nothing is passed on twice.
Two rules of the reference's core are left out, unless `Network.reference_core` is set, because they can keep
a mesh from ever agreeing: requests and updates for one router are refused from origins that are not valid in
the eyes of a router that lacks just these updates, and messages whose trace is longer than the radius of the
router they pass are dropped though their path is right.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from time import process_time
from typing import TYPE_CHECKING, Final, NamedTuple

from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import (
    Effect,
    FlushRouterAddresses,
    Log,
    RemoteAddressesChanged,
    RouterAdded,
    RouterRemoved,
    RouterRoute,
    RoutesChanged,
    SendHello,
    SendMessage,
    TopologyChanged,
)
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import Event, LocalAddressesChanged, MessageReceived, Tick
from skrouter.router.mesh.messages import AddressDescriptor, Hello, KnownMessage, MobileAddressDifference
from skrouter.router.mesh.path import Paths

from skrouter_testing.mesh_paths import OwnPaths

if TYPE_CHECKING:
    from skrouter_testing.mesh_simulator import Link, Network

EPOCH: Final = 1_700_000_000
"""Unix time at virtual time 0; instances are whole seconds of it."""
FLOOD_MEMORY: Final = 2.0
"""Seconds for which a flooded message is known again; routers repeat theirs after 4 at the soonest."""
BACKLOG: Final = 2.0
"""Seconds of work that may wait in a slow router; messages beyond are lost."""


class Envelope(NamedTuple):
    """A message under way: who sent it, whom it is for (None: all routers), the routers it passed.

    A tuple, because a mesh of a thousand makes millions of them.
    """

    message: KnownMessage
    origin: str
    target: str | None
    trace: tuple[str, ...]


@dataclass(slots=True)
class Stopwatch:
    """Seconds of CPU that an engine used, and the most that one event took, by kind of event or message."""

    total: float = 0.0
    worst: dict[str, float] = field(default_factory=dict)

    def note(self, event: Event, seconds: float) -> None:
        """Add one event."""
        kind = type(event.message if isinstance(event, MessageReceived) else event).__name__
        self.total += seconds
        self.worst[kind] = max(self.worst.get(kind, 0.0), seconds)


class SimulatedRouter:
    """An engine with what the router core around it would know, taken from the engine's effects.

    `slowness`: seconds that each message and tick takes. `stopwatch`: set it to have the engine timed.
    """

    def __init__(self, router_id: str, network: "Network", paths: type[Paths]) -> None:
        self.router_id = router_id
        self.network = network
        self.local: dict[str, AddressDescriptor] = {}
        self.links: dict[int, Link] = {}
        self.running = False
        self.life = 0
        self.slowness = 0.0
        self.stopwatch: Stopwatch | None = None
        self.warnings: list[str] = []
        self._paths_type = paths
        self._busy_until = 0.0
        self._tick_at = inf
        self._forget()

    def _forget(self) -> None:
        now = self.network.clock.now
        self.paths = self._paths_type(self.router_id)
        self.engine = MeshEngine(MeshConfig(self.router_id, EPOCH + int(now)), now, self.paths)
        self.routers: dict[int, str] = {}
        self.indexes: dict[str, int] = {}
        self.routes: dict[str, RouterRoute] = {}
        self.radius = 0
        self.remote: dict[str, dict[str, AddressDescriptor]] = {}
        self._hops: dict[int, str] | None = None
        self._floods: dict[str, deque[tuple[float, KnownMessage]]] = {}

    def start(self, *, remember: bool) -> None:
        """Begin to run; without memory it is a new process under a new instance."""
        if not remember:
            self._forget()
            self.handle(LocalAddressesChanged(tuple(self.local.values())))
        self.running = True
        self.life += 1
        self._busy_until = 0.0
        self._tick_at = inf
        self._schedule(self.life)

    def stop(self) -> None:
        """Stop running: no ticks, no messages."""
        self.running = False

    def _schedule(self, life: int) -> None:
        """The next tick is when the engine wants it; a tick that was planned for later is void."""
        due = self.engine.next_deadline()
        if due >= self._tick_at:
            return
        self._tick_at = due

        def tick() -> None:
            if self.running and life == self.life and self._tick_at == due:
                self._tick_at = inf
                self.handle(Tick())

        self.network.clock.at(due, lambda: self.work(tick))

    @property
    def is_busy(self) -> bool:
        """Whether what comes now has to wait."""
        return self.slowness > 0.0 or self._busy_until > self.network.clock.now

    def work(self, action: Callable[[], None], *, droppable: bool = False) -> None:
        """Do something now, or when the slow router comes to it."""
        now = self.network.clock.now
        if not self.is_busy:
            action()
        elif not droppable or self._busy_until - now < BACKLOG:
            self._busy_until = max(self._busy_until, now) + self.slowness
            self.network.clock.at(self._busy_until, action)

    def handle(self, event: Event) -> None:
        """Give the engine an event and carry out the effects."""
        if self.stopwatch is None:
            effects = self.engine.handle(event, self.network.clock.now)
        else:
            began = process_time()
            effects = self.engine.handle(event, self.network.clock.now)
            self.stopwatch.note(event, process_time() - began)
        for effect in effects:
            self._carry_out(effect)
        if self.running:
            self._schedule(self.life)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case SendHello(message):
                envelope = Envelope(message, self.router_id, None, ())
                for link in list(self.links.values()):
                    self.network.send(link, self.router_id, envelope)
            case SendMessage():
                self._send(effect)
            case RouterAdded() | RouterRemoved() | FlushRouterAddresses() | RemoteAddressesChanged():
                self._change_remote(effect)
            case RoutesChanged():
                self.radius = effect.radius
                self.routes |= {self._known(route.index, route.router_id): route for route in effect.routes}
                self._hops = None
                if self.network.details:
                    self.network.note(self.router_id, lambda: f"routes {_brief(effect)}")
            case Log():
                if effect.level in ("warning", "critical"):
                    self.warnings.append(effect.text)
            case TopologyChanged():
                pass

    def _change_remote(
        self, effect: RouterAdded | RouterRemoved | FlushRouterAddresses | RemoteAddressesChanged
    ) -> None:
        match effect:
            case RouterAdded(index, router_id):
                if index in self.routers or router_id in self.indexes:
                    raise AssertionError(f"{self.router_id}: {effect} but index or router is in use")
                self.routers[index], self.indexes[router_id] = router_id, index
                self.remote[router_id] = {}
            case RouterRemoved(index, router_id):
                if self.routers.pop(index) != router_id or self.remote.pop(router_id):
                    raise AssertionError(f"{self.router_id}: {effect} of another or with addresses left")
                del self.indexes[router_id]
                self.routes.pop(router_id, None)
                self._hops = None
            case RemoteAddressesChanged(index, added, removed):
                known = self.remote[self.routers[index]]
                known.update({address.key: address for address in added})
                for key in removed:
                    del known[key]
            case FlushRouterAddresses(index):
                self.remote[self.routers[index]].clear()

    def _known(self, index: int, router_id: str) -> str:
        if self.routers.get(index) != router_id:
            raise AssertionError(f"{self.router_id}: route to {router_id} under index {index} of another")
        return router_id

    def change_addresses(self, added: tuple[AddressDescriptor, ...], removed: tuple[str, ...]) -> None:
        """Addresses appear and go at this router, which runs."""
        for key in removed:
            self.local.pop(key, None)
        self.local |= {address.key: address for address in added}
        self.handle(LocalAddressesChanged(added, removed))

    # --- what the core does with messages --------------------------------------------------------------

    def _send(self, effect: SendMessage) -> None:
        message = effect.message
        self.network.originated[type(message).__name__] += 1
        if effect.slot is None:
            self._flood(Envelope(message, self.router_id, None, ()))
        else:
            envelope = Envelope(message, self.router_id, getattr(message, "target", None), ())
            self.network.send(self.links[effect.slot], self.router_id, envelope)

    def receive(self, envelope: Envelope, link: "Link", slot: int) -> None:
        """A message came over a link: for the engine, for others, or both."""
        if isinstance(envelope.message, Hello) or envelope.target == self.router_id:
            self.handle(MessageReceived(envelope.message, slot, link.cost))
        elif envelope.target is not None:
            self._forward(envelope)
        elif not self._is_repeated(envelope):
            self._flood(envelope)
            self.handle(MessageReceived(envelope.message, slot, link.cost))

    def _is_repeated(self, envelope: Envelope) -> bool:
        """Whether this flood was here just now; remembers it if not."""
        if self.network.reference_core or isinstance(envelope.message, MobileAddressDifference):
            return False
        now = self.network.clock.now
        recent = self._floods.setdefault(envelope.origin, deque(maxlen=8))
        said = envelope.message
        for at, message in reversed(recent):  # mostly the newest, and mostly the same object
            if now - at >= FLOOD_MEMORY:
                break
            if message is said or message == said:
                return True
        recent.append((now, envelope.message))
        return False

    def _forward(self, envelope: Envelope) -> None:
        route = self.routes.get(envelope.target or "")
        if route is None or route.next_hop is None or self._is_dropped(envelope):
            return
        if not self.network.reference_core or self.takes_origin(route, envelope.origin):
            self.network.send(self.links[route.next_hop], self.router_id, envelope)

    def _is_dropped(self, envelope: Envelope) -> bool:
        """Whether the message goes round in circles: the reference guesses from the length of its trace."""
        if self.network.reference_core:
            return len(envelope.trace) > self.radius + 1
        return self.router_id in envelope.trace

    def _flood(self, envelope: Envelope) -> None:
        if self._is_dropped(envelope):
            return
        hops = self.hops()
        if isinstance(envelope.message, MobileAddressDifference):
            hops = {
                route.next_hop: route.next_hop_id or ""
                for route in self.routes.values()
                if route.next_hop is not None and self.takes_origin(route, envelope.origin)
            }
        for slot in sorted(slot for slot, router_id in hops.items() if router_id not in envelope.trace):
            self.network.send(self.links[slot], self.router_id, envelope)

    def hops(self) -> dict[int, str]:
        """The distinct next hops: slot and router."""
        if self._hops is None:
            self._hops = {
                route.next_hop: route.next_hop_id or ""
                for route in self.routes.values()
                if route.next_hop is not None
            }
        return self._hops

    def takes_origin(self, route: RouterRoute, origin: str) -> bool:
        """Whether messages that entered the mesh at `origin` may take this route here."""
        if origin == self.router_id:
            return True
        if isinstance(self.paths, OwnPaths):
            return self.paths.passes(origin, route.router_id)
        return self.indexes.get(origin) in route.valid_origins


def _brief(effect: RoutesChanged) -> str:
    ways = (f"{route.router_id} by {route.next_hop_id} cost {route.cost}" for route in effect.routes)
    return f"{', '.join(ways)}; radius {effect.radius}"
