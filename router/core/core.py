"""The only entry of the core: an event in, effects out. Dispatch and the remote half of the address table
live here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from skrouter.amqp.errors import DecodeError
from skrouter.amqp.events import Handle, LinkAttached, LinkDetached, LinkEstablished, StreamingLinkWanted
from skrouter.router.core import events
from skrouter.router.core.address import MOBILE, ROUTER, AddressParser
from skrouter.router.core.address_table import AddressTable, Rules, behind_publish
from skrouter.router.core.auto_links import AutoLinks
from skrouter.router.core.connections import Connections
from skrouter.router.core.edge import wire
from skrouter.router.core.edge.edge import Edge
from skrouter.router.core.effects import (
    BindEndpoint,
    DetachLink,
    Effect,
    ForgetRouter,
    Log,
    RejectLink,
    SetRadius,
    SetRouter,
    Treatment,
    UnbindConsumer,
    Use,
)
from skrouter.router.core.facts import ROLE_EDGE, ConnectionFacts
from skrouter.router.core.links import Links


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """Who the router is and how it treats addresses that no rule names.

    `unique` makes 15 random characters, `ordinal` a number for the negotiation of an edge mesh: the start
    in microseconds since 1970 and up to a second at random. `permit`: the policy's refusal of an attach, or
    None.
    """

    router_id: str
    interior: bool
    unique: Callable[[], str]
    rules: Rules = field(default=lambda _address: None)
    default_treatment: Treatment = Treatment.BALANCED
    tenant: str | None = None
    network: str | None = None
    ordinal: Callable[[], int] = field(default=lambda: 0)
    permit: Callable[[LinkAttached], RejectLink | None] = field(default=lambda _attach: None)


class RouterCore:
    """Connections, links and addresses of one router. Never sees a delivery."""

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        self.parser = AddressParser(config.router_id, config.interior, config.network)
        self.table = AddressTable(config.rules, config.default_treatment)
        self.connections = Connections(config.unique)
        self.links = Links(self.parser, self.table, self.connections, config.unique, config.tenant)
        self.auto_links = AutoLinks(self.table, self.parser, config.unique)
        self.links.permit = config.permit
        self.table.mesh_of = self.links.edges.mesh_of
        self.edge: Edge | None = None
        if config.interior:
            self.table.observe(self.links.edges.address_changed)
        else:
            self.edge = Edge(config.router_id, self.table, config.unique, config.ordinal, self.parser.peers)
            self.table.observe(self.edge.address_changed)
        self.routers: dict[int, str] = {}
        self._bound: dict[Handle, str] = {}
        self._everywhere: set[str] = set()
        self._told: dict[int, set[str]] = {}

    def handle(self, event: events.Event, now: float) -> list[Effect]:  # noqa: ARG002  (every machine is given the time)
        """Take in an event; the effects are to be carried out in their order."""
        effects = self._handle(event)
        for effect in effects:
            if isinstance(effect, DetachLink):
                self.links.end(effect.link)
        return effects

    def _handle(self, event: events.Event) -> list[Effect]:
        match event:
            case events.ConnectionUp(facts):
                return self._connection_up(facts)
            case events.ConnectionDown(connection):
                return self._connection_down(connection)
            case LinkAttached():
                return self.links.attached(event)
            case LinkEstablished():
                return self._established(event)
            case LinkDetached():
                return self._detached(event)
            case events.LinkOpened():
                return self._opened(event)
            case StreamingLinkWanted(connection):
                return self.connections.open_streaming(connection)
            case _:
                return self._handle_table(event)

    def _handle_table(self, event: events.Event) -> list[Effect]:
        match event:
            case events.EndpointAdded():
                return self._endpoint_added(event)
            case events.ConsumerBound(address, link):
                return self._consumer_bound(address, link)
            case events.ConsumerUnbound(link):
                return self._consumer_unbound(link)
            case events.WatchAdded(address, hint):
                return self._watch(address, 1, hint)
            case events.WatchRemoved(address):
                return self._watch(address, -1)
            case events.EdgeMessageReceived():
                return self._edge_message(event)
            case events.AutoLinkAdded(config):
                return self.auto_links.added(config)
            case events.AutoLinkRemoved(name):
                return self.auto_links.removed(name)
            case events.TimerFired(name):
                return self.auto_links.timer_fired(name)
            case _:
                return self._handle_mesh(event)

    def _handle_mesh(self, event: events.Event) -> list[Effect]:
        match event:
            case events.RouterKnown(index, router_id):
                return self._router_known(index, router_id)
            case events.RouterForgotten(index):
                return self._router_forgotten(index)
            case events.RouteChanged(index, neighbor, cost, origins):
                return [SetRouter(index, -1 if neighbor is None else neighbor, cost, origins)]
            case events.RadiusChanged(radius):
                return [SetRadius(radius)]
            case events.RemoteAddressesChanged():
                return self._remote_changed(event)
            case events.RemoteAddressesFlushed(index):
                return self._flushed(index)
        raise TypeError(f"not an event of the core: {event!r}")

    # --- connections and links of ours

    def _connection_up(self, facts: ConnectionFacts) -> list[Effect]:
        effects = self.connections.add(facts)
        if self.edge is not None:
            effects += self.edge.connection_up(facts)
        elif facts.role == ROLE_EDGE:
            effects += self.links.edges.connection_up(facts)
        return effects + self.auto_links.connection_up(facts)

    def _connection_down(self, handle: Handle) -> list[Effect]:
        connection, effects = self.connections.remove(handle)
        if self.edge is not None:
            self.edge.connection_down(handle)
        self.links.edges.connection_down(handle)
        self.auto_links.connection_down(handle)
        # Senders first: the end of the last consumer must not concern those that are gone with it.
        for link in sorted(connection.links if connection is not None else (), key=self._senders_first):
            effects += self.links.detached(link)
        return effects if self.edge is None else effects + self.edge.choose()

    def _senders_first(self, link: Handle) -> tuple[bool, Handle]:
        return self.links.by_handle[link].outgoing, link

    def _opened(self, event: events.LinkOpened) -> list[Effect]:
        link, purpose = event.link, event.purpose
        if purpose.use is Use.AUTO:
            self.links.opened(link, event.name, purpose, purpose.key or None)
            return self.auto_links.opened(link, purpose)
        key = None if self.edge is None else self.edge.key_of(purpose)
        self.links.opened(link, event.name, purpose, key)
        return [] if self.edge is None else self.edge.opened(link, purpose)

    def _established(self, event: LinkEstablished) -> list[Effect]:
        link = self.links.by_handle.get(event.link)
        if link is not None and link.purpose is not None and link.purpose.use is Use.AUTO:
            return self.auto_links.established(event.link, link.purpose, event.source, event.target)
        return self.links.established(event.link)

    def _detached(self, event: LinkDetached) -> list[Effect]:
        link = self.links.by_handle.get(event.link)
        purpose = link.purpose if link is not None else None
        if purpose is not None and self.edge is not None:
            self.edge.detached(event.link, purpose)
        effects = self.links.detached(event.link)
        if purpose is not None and purpose.use is Use.AUTO:
            effects += self.auto_links.detached(event.link, purpose, event.condition, event.description)
        return effects if self.edge is None else effects + self.edge.choose()

    def _edge_message(self, event: events.EdgeMessageReceived) -> list[Effect]:
        """What edge routers and interior routers tell each other; what is unreadable changes nothing."""
        try:
            if event.key == MOBILE + wire.DISCOVERY:
                return self.links.edges.announced(event.connection, wire.read_announcement(event.content))
            if self.edge is not None and event.key == MOBILE + wire.TRACKING:
                key, reachable = wire.read_reachability(event.content)
                return self.edge.uplink.reachable(event.connection, key, reachable)
            if self.edge is not None and event.key == MOBILE + wire.NEGOTIATION:
                return self.edge.negotiated(event.connection, *wire.read_negotiation(event.content))
        except DecodeError as error:
            connection = self.connections.by_handle.get(event.connection)
            peer = connection.facts.container if connection is not None else "a lost connection"
            return [Log("ROUTER_CORE", "warning", f"Ignored a message of {peer} to {event.key[1:]}: {error}")]
        return []

    # --- consumers in this process, and of adaptors

    def _endpoint_added(self, event: events.EndpointAdded) -> list[Effect]:
        effects: list[Effect] = []
        with self.table.change(event.key, effects) as address:
            address.endpoints += 1
            address.shared_endpoints += event.shared
            address.control_only = event.control_only
            address.permanent = True
            address.treatment = event.treatment
        effects = behind_publish(effects, BindEndpoint(event.key))
        if event.everywhere:
            self._everywhere.add(event.key)
            for index in sorted(self.routers):
                effects += self._add_remote(event.key, index)
        return effects

    def _consumer_bound(self, text: str, link: Handle) -> list[Effect]:
        key = MOBILE + text
        self._bound[link] = key
        return self.table.bind_consumer(key, link)

    def _consumer_unbound(self, link: Handle) -> list[Effect]:
        effects: list[Effect] = [UnbindConsumer(link)]
        key = self._bound.pop(link, None)
        if key is not None:
            with self.table.change(key, effects) as address:
                address.consumers.discard(link)
        return effects

    def _watch(self, text: str, step: int, hint: Treatment | None = None) -> list[Effect]:
        effects: list[Effect] = []
        with self.table.change(MOBILE + text, effects, hint) as address:
            address.watches += step
        if step > 0:
            effects.append(address.as_watch())
        return effects

    # --- remote routers

    def _router_known(self, index: int, router_id: str) -> list[Effect]:
        """A router is a destination itself, and gets what is flooded to all."""
        self.routers[index] = router_id
        self._told[index] = set()
        effects = self._add_remote(ROUTER + router_id, index)
        for key in sorted(self._everywhere):
            effects += self._add_remote(key, index)
        return effects

    def _router_forgotten(self, index: int) -> list[Effect]:
        router_id = self.routers.pop(index, "")
        effects = self._flushed(index)
        for key in (ROUTER + router_id, *sorted(self._everywhere)):
            effects += self._drop_remote(key, index)
        self._told.pop(index, None)
        return [*effects, ForgetRouter(index)]

    def _add_remote(
        self, key: str, index: int, hint: int | None = None, mesh: str | None = None
    ) -> list[Effect]:
        effects: list[Effect] = []
        with self.table.change(key, effects, hint) as address:
            address.remotes.add(index)
            address.meshes.pop(index, None)
            if mesh:
                address.meshes[index] = mesh
        return effects

    def _drop_remote(self, key: str, index: int) -> list[Effect]:
        if key not in self.table.addresses:
            return []
        effects: list[Effect] = []
        with self.table.change(key, effects) as address:
            address.remotes.discard(index)
            address.meshes.pop(index, None)
        return effects

    def _remote_changed(self, event: events.RemoteAddressesChanged) -> list[Effect]:
        effects: list[Effect] = []
        told = self._told.setdefault(event.index, set())
        for key in event.removed:
            told.discard(key)
            effects += self._drop_remote(key, event.index)
        for address in event.added:
            told.add(address.key)
            effects += self._add_remote(address.key, event.index, address.treatment, address.mesh)
        return effects

    def _flushed(self, index: int) -> list[Effect]:
        effects: list[Effect] = []
        for key in sorted(self._told.get(index, ())):
            effects += self._drop_remote(key, index)
        self._told[index] = set()
        return effects
