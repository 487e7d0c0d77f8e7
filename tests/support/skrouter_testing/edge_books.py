"""Cores of edge and interior routers that live as in a running router: links that they open exist at once.

Belongs here: connections, attaches and messages of the peers of one core, and a data plane that refuses what
cannot be done. Does not: what a core should answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from skrouter.amqp.capabilities import EDGE_DOWNLINK, INTER_EDGE
from skrouter.amqp.events import LinkDetached, LinkEstablished
from skrouter.router.core import events
from skrouter.router.core.address_table import AddressRule
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.edge import wire
from skrouter.router.core.effects import Effect, OpenLink, Treatment
from skrouter.router.core.facts import ROLE_EDGE, ROLE_INTER_EDGE, ConnectionFacts

from skrouter_testing.core_model import DataPlane
from skrouter_testing.playbook import attached, connection_facts, difference, terminus

DISCOVERY, TRACKING, NEGOTIATION = ("M" + name for name in (wire.DISCOVERY, wire.TRACKING, wire.NEGOTIATION))
RULES = {"mc": AddressRule(Treatment.MULTICAST), "none": AddressRule(Treatment.UNAVAILABLE)}
FIRST_HANDLE = 1000


class LivingCore:
    """One core and its data plane; `links` are those it has opened, by handle, while they live."""

    def __init__(
        self, *, interior: bool, router_id: str, ordinal: Callable[[], int], unique: Callable[[], str]
    ) -> None:
        rules = RULES.get
        self.core = RouterCore(CoreConfig(router_id, interior, unique, rules, ordinal=ordinal))
        self.plane = DataPlane(self._open)
        self.links: dict[int, OpenLink] = {}
        self.seen: list[Effect] = []
        self._next = FIRST_HANDLE
        for key in (DISCOVERY,) if interior else (TRACKING, NEGOTIATION):
            self.send(events.EndpointAdded(key))

    def handle(self) -> int:
        """A handle that nothing has yet."""
        self._next += 1
        return self._next

    def send(self, event: events.Event) -> list[Effect]:
        """Everything that follows from the event, in the order in which it is done."""
        before = len(self.seen)
        self._take(event)
        self.links = {link: effect for link, effect in self.links.items() if link in self.plane.links}
        return self.seen[before:]

    def expect(self, event: events.Event, *effects: Effect) -> None:
        """Exactly these effects must follow. AssertionError with a diff if not."""
        found = self.send(event)
        assert found == list(effects), difference(event, effects, found)

    def _take(self, event: events.Event) -> None:
        for effect in self.core.handle(event, 0.0):
            self.seen.append(effect)
            self.plane.carry_out([effect])

    def _open(self, effect: OpenLink) -> None:
        link = self.handle()
        self.links[link] = effect
        self.plane.link_opened(link, effect)
        self._take(events.LinkOpened(link, effect.name, effect.purpose))

    # --- connections

    def connect(self, role: str, **changes: object) -> int:
        """A connection of this role, open on both sides."""
        facts = self.facts(role, **changes)
        self.send(events.ConnectionUp(facts))
        return facts.connection

    def facts(self, role: str, **changes: object) -> ConnectionFacts:
        """Of a connection that is about to be up."""
        connection = self.handle()
        self.plane.connections.add(connection)
        return connection_facts(connection, role=role, **changes)

    def disconnect(self, connection: int) -> list[Effect]:
        """It is gone, and its links with it."""
        self.plane.lose_connection(connection)
        return self.send(events.ConnectionDown(connection))

    # --- links

    def attach(
        self,
        connection: int,
        *,
        outgoing: bool,
        source: str | None = None,
        target: str | None = None,
        capability: str = "",
        dynamic: bool = False,
    ) -> int:
        """The peer attaches; `outgoing`: the router sends. The handle."""
        link = self.handle()
        self.plane.links[link] = connection
        if outgoing:
            self.plane.outgoing.add(link)
        self.send(
            attached(
                connection,
                link,
                outgoing=outgoing,
                source=terminus(source, capability=capability, dynamic=dynamic and outgoing),
                target=terminus(target, kind=2, capability=capability, dynamic=dynamic and not outgoing),
            )
        )
        return link

    def consume(self, connection: int, address: str) -> int:
        """The peer receives from this address."""
        return self.attach(connection, outgoing=True, source=address)

    def produce(self, connection: int, address: str | None) -> int:
        """The peer sends to this address."""
        return self.attach(connection, outgoing=False, target=address)

    def detach(self, link: int) -> list[Effect]:
        """The peer ends a link."""
        self.plane.lose_link(link)
        return self.send(LinkDetached(link, True, "", ""))

    def establish(self, link: int) -> list[Effect]:
        """The peer has answered a link of ours."""
        return self.send(LinkEstablished(link, terminus(), terminus()))

    def link(self, role: str, connection: int | None = None, key: str = "") -> int:
        """The living link of ours with this role. AssertionError unless there is exactly one."""
        found = [
            link
            for link, effect in self.links.items()
            if effect.purpose.role == role
            and effect.purpose.key == key
            and connection in (None, effect.purpose.connection)
        ]
        assert len(found) == 1, f"{len(found)} links {role} {key} on {connection}"
        return found[0]

    def roles(self, connection: int) -> list[tuple[str, str]]:
        """Roles and keys of the living links of ours on a connection, in the order of their attaches."""
        return [
            (effect.purpose.role, effect.purpose.key)
            for effect in self.links.values()
            if effect.purpose.connection == connection
        ]

    def refused(self, link: int) -> bool:
        """Whether the router has refused this attach."""
        return link in self.plane.refused

    def hear(self, key: str, connection: int, content: bytes) -> list[Effect]:
        """A message between routers arrives."""
        return self.send(events.EdgeMessageReceived(key, connection, content))

    def track(self, connection: int, address: str, reachable: bool) -> list[Effect]:
        """The interior router tells of an address."""
        return self.hear(TRACKING, connection, wire.reachability("M" + address, reachable))


def _names(router_id: str) -> Callable[[], str]:
    numbers: Iterator[int] = iter(range(10**9))
    return lambda: f"{router_id}-{next(numbers)}"


class EdgeCore(LivingCore):
    """An edge router E1. Its ordinals are 100, 101, 102, …"""

    def __init__(self, router_id: str = "E1", first_ordinal: int = 100) -> None:
        ordinals = iter(range(first_ordinal, 10**9))
        super().__init__(
            interior=False, router_id=router_id, ordinal=lambda: next(ordinals), unique=_names(router_id)
        )

    def uplink(self, **changes: object) -> int:
        """A connection to an interior router."""
        return self.connect(ROLE_EDGE, incoming=False, **{"container": "I", **changes})

    def peer(self, container: str = "E2", *, incoming: bool = False) -> int:
        """A connection to another edge router."""
        return self.connect(ROLE_INTER_EDGE, incoming=incoming, container=container)

    @property
    def mesh(self) -> str:
        """The id of its edge mesh."""
        assert self.core.edge is not None
        return self.core.edge.peers.mesh.value


class InteriorCore(LivingCore):
    """An interior router I."""

    def __init__(self) -> None:
        super().__init__(interior=True, router_id="I", ordinal=lambda: 0, unique=_names("I"))

    def edge(self, container: str = "E1", mesh: str | None = None, *, tracking: bool = True) -> int:
        """An edge router connects, announces its mesh if given, and asks what is reachable."""
        connection = self.connect(ROLE_EDGE, container=container)
        self.attach(connection, outgoing=False, target=wire.DISCOVERY)
        if mesh is not None:
            self.announce(connection, mesh)
        if tracking:
            self.attach(connection, outgoing=True, source=wire.TRACKING)
        return connection

    def announce(self, connection: int, mesh: str) -> list[Effect]:
        """An edge router names its mesh."""
        return self.hear(DISCOVERY, connection, wire.announcement(mesh))

    def told(self, link: int) -> list[tuple[str, bool]]:
        """What was said on a tracking link."""
        return [wire.read_reachability(content) for other, content in self.plane.sent if other == link]

    def tracking(self, connection: int) -> int:
        """The tracking link of an edge router."""
        links = self.core.links.by_handle.values()
        found = [
            link.handle
            for link in links
            if link.connection == connection and link.outgoing and link.key is None
        ]
        assert len(found) == 1
        return found[0]


def downlink(core: LivingCore, connection: int, name: str) -> int:
    """An edge router's attach for what is addressed to it."""
    return core.attach(connection, outgoing=True, source=name, capability=EDGE_DOWNLINK)


def inter_edge_link(core: LivingCore, connection: int) -> int:
    """Another edge router's sender for what is addressed to this one."""
    return core.attach(connection, outgoing=False, capability=INTER_EDGE)
