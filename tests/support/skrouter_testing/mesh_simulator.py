"""Pure mesh engines on a virtual clock, joined by links that delay, lose, double, reorder and fail.

The simulator carries out effects and forwards messages as the router core does: a message for all goes to
each distinct next hop that is not in its trace (MAU: only for valid origins, RA: always, being
multicast-flood), a message for one router along the next hops. Two rules of the reference's core are left
out, unless `Network.reference_core` is set, because they can keep a mesh from ever agreeing: requests and
updates for one router are refused from origins that are not valid in the eyes of a router that lacks just
these updates, and messages whose trace is longer than the radius of the router they pass are dropped though
their path is right.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

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
from skrouter.router.mesh.events import (
    ControlLinkDown,
    ControlLinkUp,
    Event,
    LocalAddressesChanged,
    MessageReceived,
    Tick,
)
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    Hello,
    KnownMessage,
    MobileAddressDifference,
)

EPOCH = 1_700_000_000
"""Unix time at virtual time 0; instances are whole seconds of it."""


class Clock:
    """Virtual time and what is to happen at which."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Call the action at this time; those of equal time in the order in which they were given."""
        heappush(self._queue, (max(when, self.now), next(self._order), action))

    def run_until(self, end: float) -> None:
        """Let everything happen up to this time."""
        while self._queue and self._queue[0][0] <= end:
            self.now, _, action = heappop(self._queue)
            action()
        self.now = end


@dataclass(slots=True)
class Faults:
    """What links do to messages: seconds of delay (from, to) and probabilities."""

    delay: tuple[float, float] = (0.001, 0.05)
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    """Probability that a message may be overtaken; otherwise the order of a link is kept."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message under way: who sent it, whom it is for (None: all routers), the routers it passed."""

    message: KnownMessage
    origin: str
    target: str | None
    trace: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Link:
    """Two routers joined. `cut` holds the senders whose messages vanish though the link stays open."""

    ends: tuple[str, str]
    cost: int
    open: bool = False
    cut: set[str] = field(default_factory=set)
    slots: dict[str, int] = field(default_factory=dict)
    busy_until: dict[str, float] = field(default_factory=dict)
    generation: int = 0

    def other(self, router_id: str) -> str:
        """The router at the other end."""
        return self.ends[1] if self.ends[0] == router_id else self.ends[0]


class SimulatedRouter:
    """An engine with what the router core around it would know, taken from the engine's effects."""

    def __init__(self, router_id: str, network: "Network") -> None:
        self.router_id = router_id
        self.network = network
        self.local: dict[str, AddressDescriptor] = {}
        self.links: dict[int, Link] = {}
        self.running = False
        self.life = 0
        self.logs: list[Log] = []
        self.sent: list[SendHello | SendMessage] = []
        self._forget()

    def _forget(self) -> None:
        now = self.network.clock.now
        self.engine = MeshEngine(MeshConfig(self.router_id, EPOCH + int(now)), now)
        self.routers: dict[int, str] = {}
        self.routes: dict[str, RouterRoute] = {}
        self.radius = 0
        self.remote: dict[str, dict[str, AddressDescriptor]] = {}

    def start(self, *, remember: bool) -> None:
        """Begin to run; without memory it is a new process under a new instance."""
        if not remember:
            self._forget()
            self.handle(LocalAddressesChanged(tuple(self.local.values())))
        self.running = True
        self.life += 1
        self._schedule(self.life)

    def stop(self) -> None:
        """Stop running: no ticks, no messages."""
        self.running = False

    def _schedule(self, life: int) -> None:
        def tick() -> None:
            if self.running and life == self.life:
                self.handle(Tick())
                self._schedule(life)

        self.network.clock.at(self.engine.next_deadline(), tick)

    def handle(self, event: Event) -> None:
        """Give the engine an event and carry out the effects."""
        for effect in self.engine.handle(event, self.network.clock.now):
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case SendHello():
                self.sent.append(effect)
                for link in list(self.links.values()):
                    self.network.send(
                        link, self.router_id, Envelope(effect.message, self.router_id, None, ())
                    )
            case SendMessage():
                self.sent.append(effect)
                self._send(effect)
            case RouterAdded():
                if effect.index in self.routers or effect.router_id in self.routers.values():
                    raise AssertionError(f"{self.router_id}: {effect} but index or router is in use")
                self.routers[effect.index] = effect.router_id
                self.remote[effect.router_id] = {}
            case RouterRemoved():
                if self.routers.pop(effect.index) != effect.router_id or self.remote.pop(effect.router_id):
                    raise AssertionError(f"{self.router_id}: {effect} of another or with addresses left")
                self.routes.pop(effect.router_id, None)
            case RoutesChanged():
                self.radius = effect.radius
                self.routes |= {self._known(route.index, route.router_id): route for route in effect.routes}
            case RemoteAddressesChanged():
                known = self.remote[self.routers[effect.index]]
                known.update({address.key: address for address in effect.added})
                for key in effect.removed:
                    del known[key]
            case FlushRouterAddresses():
                self.remote[self.routers[effect.index]].clear()
            case Log():
                self.logs.append(effect)
            case TopologyChanged():
                pass

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
        if effect.slot is None:
            self._flood(Envelope(message, self.router_id, None, ()))
        else:
            target = getattr(message, "target", None)
            self.network.send(
                self.links[effect.slot], self.router_id, Envelope(message, self.router_id, target, ())
            )

    def receive(self, envelope: Envelope, link: Link, slot: int) -> None:
        """A message came over a link: for the engine, for others, or both."""
        if isinstance(envelope.message, Hello) or envelope.target == self.router_id:
            self.handle(MessageReceived(envelope.message, slot, link.cost))
        elif envelope.target is None:
            self._flood(envelope)
            self.handle(MessageReceived(envelope.message, slot, link.cost))
        else:
            self._forward(envelope)

    def _forward(self, envelope: Envelope) -> None:
        route = self.routes.get(envelope.target or "")
        if route is None or route.next_hop is None or self._is_dropped(envelope):
            return
        if self._is_valid(route, envelope.origin) or not self.network.reference_core:
            self.network.send(self.links[route.next_hop], self.router_id, envelope)

    def _is_dropped(self, envelope: Envelope) -> bool:
        """Whether the message goes round in circles: the reference guesses from the length of its trace."""
        if self.network.reference_core:
            return len(envelope.trace) > self.radius + 1
        return self.router_id in envelope.trace

    def _flood(self, envelope: Envelope) -> None:
        if self._is_dropped(envelope):
            return
        by_tree = isinstance(envelope.message, MobileAddressDifference)
        hops = {
            route.next_hop
            for route in self.routes.values()
            if route.next_hop is not None
            and route.next_hop_id not in envelope.trace
            and (not by_tree or self._is_valid(route, envelope.origin))
        }
        for slot in sorted(hops):
            self.network.send(self.links[slot], self.router_id, envelope)

    def _is_valid(self, route: RouterRoute, origin: str) -> bool:
        return origin == self.router_id or origin in {self.routers.get(i) for i in route.valid_origins}


class Network:
    """Routers and links on one clock. `faults` may be changed at any time."""

    def __init__(self, random: Random, faults: Faults | None = None) -> None:
        self.random = random
        self.clock = Clock()
        self.faults = faults or Faults()
        self.reference_core = False
        self.is_lost: Callable[[KnownMessage, str], bool] = lambda _message, _sender: False
        """A rule of loss besides the faults: message and the router that puts it on a link."""
        self.routers: dict[str, SimulatedRouter] = {}
        self.links: list[Link] = []
        self.delivered = 0

    def add_router(self, router_id: str) -> SimulatedRouter:
        """A router that runs from now on."""
        router = SimulatedRouter(router_id, self)
        self.routers[router_id] = router
        router.start(remember=False)
        return router

    def join(self, one: str, other: str, cost: int = 1) -> Link:
        """A link between two routers, open from now on."""
        link = Link((one, other), cost)
        self.links.append(link)
        self.open(link)
        return link

    def open(self, link: Link) -> None:
        """Open the control links of a connection; nothing happens unless both routers run."""
        if link.open or not all(self.routers[end].running for end in link.ends):
            return
        link.open = True
        link.generation += 1
        link.busy_until = {}
        for end in link.ends:
            router = self.routers[end]
            slot = next(slot for slot in count() if slot not in router.links)
            link.slots[end], router.links[slot] = slot, link
            router.handle(ControlLinkUp(slot, link.cost))

    def close(self, link: Link) -> None:
        """Close a connection; both ends notice."""
        if not link.open:
            return
        link.open = False
        for end in link.ends:
            router = self.routers[end]
            del router.links[link.slots[end]]
            if router.running:
                router.handle(ControlLinkDown(link.slots[end]))

    def restart(self, router_id: str, pause: float, *, remember: bool) -> None:
        """Stop a router, closing its links; it starts and they open again after the pause."""
        router = self.routers[router_id]
        own = [link for link in self.links if router_id in link.ends]
        for link in own:
            self.close(link)
        router.stop()

        def start() -> None:
            router.start(remember=remember)
            for link in own:
                self.open(link)

        self.clock.at(self.clock.now + pause, start)

    def send(self, link: Link, sender: str, envelope: Envelope) -> None:
        """Put a message on a link; the sender appends itself to the trace."""
        if not link.open:
            raise AssertionError(f"{sender} sends {envelope.message} on a closed link")
        faults, random = self.faults, self.random
        if sender in link.cut or random.random() < faults.loss or self.is_lost(envelope.message, sender):
            return
        stamped = Envelope(envelope.message, envelope.origin, envelope.target, (*envelope.trace, sender))
        for _ in range(2 if random.random() < faults.duplication else 1):
            due = self.clock.now + random.uniform(*faults.delay)
            if random.random() >= faults.reordering:
                due = max(due, link.busy_until.get(sender, 0.0))
                link.busy_until[sender] = due
            self._deliver_at(due, link, link.other(sender), stamped)

    def _deliver_at(self, due: float, link: Link, receiver: str, envelope: Envelope) -> None:
        generation = link.generation

        def deliver() -> None:
            if link.open and link.generation == generation:
                self.delivered += 1
                self.routers[receiver].receive(envelope, link, link.slots[receiver])

        self.clock.at(due, deliver)

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.clock.run_until(self.clock.now + seconds)

    def true_graph(self) -> dict[str, dict[str, int]]:
        """Running routers and links that carry messages both ways, each with the least cost of its pair."""
        graph: dict[str, dict[str, int]] = {key: {} for key, router in self.routers.items() if router.running}
        for link in self.links:
            if link.open and not link.cut:
                one, other = link.ends
                cost = min(link.cost, graph[one].get(other, link.cost))
                graph[one][other] = graph[other][one] = cost
        return graph
