"""Pure mesh engines on a virtual clock, joined by links that delay, lose, double, reorder and fail.

Not here: what a router does with messages (simulated_router.py), what happens to a network (mesh_life.py).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

from skrouter.router.mesh.events import ControlLinkDown, ControlLinkUp
from skrouter.router.mesh.messages import Hello, KnownMessage
from skrouter.router.mesh.path import Paths

from skrouter_testing.simulated_router import Envelope, SimulatedRouter


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

    def __str__(self) -> str:
        """The ends."""
        return "-".join(self.ends)


class Network:
    """Routers and links on one clock. `faults` may be changed at any time."""

    def __init__(self, random: Random, faults: Faults | None = None) -> None:
        self.random = random
        self.clock = Clock()
        self.faults = faults or Faults()
        self.reference_core = False
        self.is_lost: Callable[[KnownMessage, str], bool] | None = None
        """A rule of loss besides the faults: message and the router that puts it on a link."""
        self.write: Callable[[str], object] | None = None
        """Where to write what happens, for a reader who wants to know why a seed fails."""
        self.details = True
        """Whether messages and routes are written, too."""
        self.routers: dict[str, SimulatedRouter] = {}
        self.links: list[Link] = []
        self.originated: Counter[str] = Counter()
        """Messages that engines sent, by kind; HELLO left out."""
        self.carried: Counter[str] = Counter()
        """Messages put on links, by kind: each hop of each copy counts."""
        self.delivered = 0

    def note(self, who: str, what: Callable[[], str]) -> None:
        """Write what happens, if anybody reads it."""
        if self.write is not None:
            self.write(f"{self.clock.now:9.3f} {who}: {what()}\n")

    def add_router(self, router_id: str, paths: type[Paths] = Paths) -> SimulatedRouter:
        """A router that runs from now on."""
        router = SimulatedRouter(router_id, self, paths)
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
            self.note(router_id, lambda: "starts")
            router.start(remember=remember)
            for link in own:
                self.open(link)

        self.clock.at(self.clock.now + pause, start)

    def send(self, link: Link, sender: str, envelope: Envelope) -> None:
        """Put a message on a link; the sender appends itself to the trace."""
        if not link.open:
            raise AssertionError(f"{sender} sends {envelope.message} on a closed link")
        message, faults, random = envelope.message, self.faults, self.random
        self.carried[type(message).__name__] += 1
        if sender in link.cut or (faults.loss and random.random() < faults.loss):
            return
        if self.is_lost is not None and self.is_lost(message, sender):
            return
        stamped = Envelope(message, envelope.origin, envelope.target, (*envelope.trace, sender))
        receiver = self.routers[link.other(sender)]
        least, most = faults.delay
        for _ in range(2 if faults.duplication and random.random() < faults.duplication else 1):
            due = self.clock.now + least + random.random() * (most - least)
            if not faults.reordering or random.random() >= faults.reordering:
                due = max(due, link.busy_until.get(sender, 0.0))
                link.busy_until[sender] = due
            self.clock.at(due, partial(self._arrive, link, link.generation, receiver, stamped))

    def _arrive(self, link: Link, generation: int, router: SimulatedRouter, envelope: Envelope) -> None:
        if router.is_busy:
            router.work(partial(self._take, link, generation, router, envelope), droppable=True)
        else:
            self._take(link, generation, router, envelope)

    def _take(self, link: Link, generation: int, router: SimulatedRouter, envelope: Envelope) -> None:
        if not link.open or link.generation != generation:
            return
        self.delivered += 1
        if self.write is not None and self.details and not isinstance(envelope.message, Hello):
            self.note(router.router_id, lambda: f"gets {envelope.message} by {'-'.join(envelope.trace)}")
        router.receive(envelope, link, link.slots[router.router_id])

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
