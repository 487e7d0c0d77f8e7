"""What to answer an attach, and what a link means for addresses (spec: routing-protocol §2, §5.7, §6, §8).

endpoint link      a client's, or one of a router without place in the mesh: by address, dynamic, or anonymous
control, router    between interior routers: by the capability of our terminus
streaming          between routers: anonymous, or a router link beyond the ten
edge downlink      leads to an edge router; inter-edge: to another edge router of its mesh
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skrouter.amqp import conditions
from skrouter.amqp.capabilities import (
    EDGE_DOWNLINK,
    INTER_EDGE,
    RESEND_RELEASED,
    ROUTER_CONTROL,
    ROUTER_DATA,
    STREAMING_DELIVERIES,
    decode_symbols,
)
from skrouter.amqp.codec import decode_one
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.events import Handle, LinkAttached, RawTerminus
from skrouter.router.core.address import EDGE, EDGE_UPLINK_KEY, MOBILE, ROUTER, AddressParser
from skrouter.router.core.address_table import AddressTable, behind_publish
from skrouter.router.core.connections import CONTROL_PRIORITY, DEFAULT_PRIORITY, Connection, Connections
from skrouter.router.core.edge import wire
from skrouter.router.core.edge.clients import Clients
from skrouter.router.core.effects import (
    AcceptLink,
    DetachLink,
    Effect,
    LinkKind,
    Purpose,
    RejectLink,
    Treatment,
)
from skrouter.router.core.facts import (
    ROLE_EDGE,
    ROLE_INTER_EDGE,
    ROLE_INTER_ROUTER,
    ROLE_INTER_ROUTER_DATA,
)

_COORDINATOR = 3
ANNOUNCEMENT_CAPACITY = 3
"""Credit for messages to endpoints of ours that other routers speak to."""
_FLAGS = {STREAMING_DELIVERIES: 1, RESEND_RELEASED: 2}
FORBIDDEN = ("qd:forbidden", "Connectivity to the node is forbidden")
CONNECTION_ROLE = ("qd:connection-role", "Link attach forbidden on inter-router connection")
NO_ROUTE = ("qd:no-route-to-dest", "No route to the destination node")
NOT_FOUND = (conditions.NOT_FOUND, "Node not found")


@dataclass(slots=True)
class Link:
    """An attached link. `key`: the address that it sends to or consumes from, None: anonymous.

    `purpose`: why we have opened it, None: the peer has.
    """

    handle: Handle
    connection: Handle
    name: str
    kind: LinkKind
    outgoing: bool
    priority: int = DEFAULT_PRIORITY
    key: str | None = None
    purpose: Purpose | None = None


def capabilities_of(terminus: RawTerminus) -> tuple[str, ...]:
    """The capabilities of a terminus; what cannot be read counts as none."""
    try:
        return (
            decode_symbols(decode_one(terminus.capabilities), "capabilities") if terminus.capabilities else ()
        )
    except DecodeError:
        return ()


def message_flags(target: RawTerminus) -> int:
    """What a sender asks for all its messages by the capabilities of its target."""
    asked = capabilities_of(target)
    return sum(flag for capability, flag in _FLAGS.items() if capability in asked)


class Links:
    """All links that control has accepted or opened."""

    def __init__(
        self,
        parser: AddressParser,
        table: AddressTable,
        connections: Connections,
        unique: Callable[[], str],
        tenant: str | None = None,
    ) -> None:
        self._parser = parser
        self._table = table
        self._connections = connections
        self._unique = unique
        self._tenant = tenant
        self.by_handle: dict[Handle, Link] = {}
        self.permit: Callable[[LinkAttached], RejectLink | None] = lambda _attach: None
        self.edges = Clients(table, self.connection_of, self.keys_of)

    def connection_of(self, link: Handle) -> Handle | None:
        """The connection of a link that is there."""
        known = self.by_handle.get(link)
        return None if known is None else known.connection

    def keys_of(self, connection: Handle) -> list[str]:
        """The addresses that the links of a connection send to or consume from, each once."""
        known = self._connections.by_handle.get(connection)
        links = (self.by_handle[link] for link in sorted(known.links)) if known is not None else ()
        return list(dict.fromkeys(link.key for link in links if link.key is not None))

    def attached(self, event: LinkAttached) -> list[Effect]:
        """Answer a peer's attach."""
        connection = self._connections.by_handle.get(event.connection)
        if connection is None:
            return []
        if (refusal := self.permit(event)) is not None:
            return [refusal]
        role = connection.facts.role
        kind = capabilities_of(event.source if event.outgoing else event.target)
        if ROUTER_CONTROL in kind or ROUTER_DATA in kind:
            return self._router_link(connection, event, ROUTER_CONTROL in kind)
        if role == ROLE_INTER_ROUTER_DATA:
            return self._stream(connection, event)
        if EDGE_DOWNLINK in kind:
            return self._downlink(connection, event)
        if INTER_EDGE in kind:
            return self._inter_edge(connection, event)
        if role == ROLE_INTER_ROUTER:
            return [RejectLink(event.link, *CONNECTION_ROLE)]
        return self._own_endpoint(connection, event) or self._endpoint(connection, event)

    # --- between routers

    def _router_link(self, connection: Connection, event: LinkAttached, is_control: bool) -> list[Effect]:
        if connection.facts.role != ROLE_INTER_ROUTER:
            return [RejectLink(event.link, *FORBIDDEN)]
        if is_control:
            kind, priority = LinkKind.CONTROL, CONTROL_PRIORITY
        else:
            kind, priority = self._connections.next_router_link(connection, event.outgoing)
        effects = self._accept_router(connection, event, kind, priority)
        return effects + self.established(event.link)

    def _stream(self, connection: Connection, event: LinkAttached) -> list[Effect]:
        if connection.facts.role != ROLE_INTER_ROUTER_DATA or event.outgoing:
            return [RejectLink(event.link, *FORBIDDEN)]
        return self._accept_router(connection, event, LinkKind.STREAMING, DEFAULT_PRIORITY)

    def _accept_router(
        self, connection: Connection, event: LinkAttached, kind: LinkKind, priority: int
    ) -> list[Effect]:
        self._remember(
            connection, Link(event.link, event.connection, event.name, kind, event.outgoing, priority)
        )
        capacity = connection.facts.link_capacity
        credit = 0 if event.outgoing else capacity
        return [AcceptLink(event.link, kind, capacity, credit, annotated=True, priority=priority)]

    def _remember(self, connection: Connection, link: Link) -> None:
        self.by_handle[link.handle] = link
        connection.links.add(link.handle)

    def opened(self, link: Handle, name: str, purpose: Purpose, key: str | None = None) -> None:
        """A link that we attach exists."""
        connection = self._connections.by_handle.get(purpose.connection)
        if connection is not None:
            ours = Link(
                link,
                purpose.connection,
                name,
                purpose.kind,
                purpose.outgoing,
                purpose.priority,
                key,
                purpose,
            )
            self._remember(connection, ours)

    def established(self, handle: Handle) -> list[Effect]:
        """Both sides have attached this link."""
        link = self.by_handle.get(handle)
        connection = self._connections.by_handle.get(link.connection) if link else None
        if link is None or connection is None:
            return []
        if link.kind is LinkKind.CONTROL:
            return self._without(self._connections.control_established(connection, link.outgoing, handle))
        if link.kind is LinkKind.ROUTER and link.outgoing:
            return self._connections.router_link_established(connection, link.priority, handle)
        return []

    def _without(self, effects: list[Effect]) -> list[Effect]:
        """Links that these effects end are forgotten at once: nobody tells of what we do ourselves."""
        for effect in effects:
            if isinstance(effect, DetachLink) and (link := self.by_handle.pop(effect.link, None)) is not None:
                owner = self._connections.by_handle.get(link.connection)
                if owner is not None:
                    owner.links.discard(link.handle)
        return effects

    # --- edge routers

    def _downlink(self, connection: Connection, event: LinkAttached) -> list[Effect]:
        """An edge router draws to itself what is addressed to it."""
        router = event.source.address
        if connection.facts.role != ROLE_EDGE or not event.outgoing or not router:
            return [RejectLink(event.link, *FORBIDDEN)]
        return self._consumer(connection, event, EDGE + router, LinkKind.EDGE_DOWNLINK, None)

    def _inter_edge(self, connection: Connection, event: LinkAttached) -> list[Effect]:
        """An edge router of our mesh sends what is addressed to this one."""
        if connection.facts.role != ROLE_INTER_EDGE or event.outgoing:
            return [RejectLink(event.link, *FORBIDDEN)]
        return self._accept_router(connection, event, LinkKind.INTER_EDGE, DEFAULT_PRIORITY)

    def _own_endpoint(self, connection: Connection, event: LinkAttached) -> list[Effect]:
        """Links to what routers have for each other; clients have no business there."""
        address = event.source.address if event.outgoing else event.target.address
        key = self._parser.key(address) if address is not None else ""
        roles = {
            MOBILE + wire.DISCOVERY: (ROLE_EDGE, False),
            MOBILE + wire.TRACKING: (ROLE_EDGE, True),
            MOBILE + wire.NEGOTIATION: (ROLE_INTER_EDGE, False),
        }
        if key not in roles:
            return []
        if (connection.facts.role, event.outgoing) != roles[key]:
            return [RejectLink(event.link, *FORBIDDEN)]
        if key == MOBILE + wire.TRACKING:
            self._remember(
                connection,
                Link(event.link, event.connection, event.name, LinkKind.ENDPOINT, outgoing=True),
            )
            accept = AcceptLink(event.link, LinkKind.ENDPOINT, connection.facts.link_capacity, annotated=True)
            return [accept, *self.edges.tracking_attached(event.connection, event.link)]
        return self._to_own_endpoint(connection, event, key)

    def _to_own_endpoint(self, connection: Connection, event: LinkAttached, key: str) -> list[Effect]:
        link = Link(event.link, event.connection, event.name, LinkKind.ENDPOINT, outgoing=False, key=key)
        self._remember(connection, link)
        effects = self._table.feed(key, event.link)
        accept = AcceptLink(
            event.link,
            LinkKind.ENDPOINT,
            ANNOUNCEMENT_CAPACITY,
            ANNOUNCEMENT_CAPACITY,
            key=key,
            annotated=True,
            swapped=True,
        )
        return [*effects, accept]

    # --- clients

    def _endpoint(self, connection: Connection, event: LinkAttached) -> list[Effect]:
        if event.target.kind == _COORDINATOR:
            return [RejectLink(event.link, conditions.NOT_IMPLEMENTED, "Transactions are not supported")]
        if event.outgoing:
            return self._receiver(connection, event)
        return self._sender(connection, event)

    def _receiver(self, connection: Connection, event: LinkAttached) -> list[Effect]:
        """A client receives: it becomes a consumer of its source address."""
        address = event.source.address
        if event.source.dynamic:
            address = self._parser.temporary(self._unique(), self._tenant)
        key = self._parser.key(address) if address is not None else ""
        if not key or key[0] == ROUTER or key == EDGE_UPLINK_KEY:
            return [RejectLink(event.link, *NO_ROUTE)]
        if self._table.treatment_of(key).treatment is Treatment.UNAVAILABLE:
            return [RejectLink(event.link, *NOT_FOUND)]
        named = address if event.source.dynamic else None
        return self._consumer(connection, event, key, LinkKind.ENDPOINT, named)

    def _consumer(
        self, connection: Connection, event: LinkAttached, key: str, kind: LinkKind, named: str | None
    ) -> list[Effect]:
        """It consumes from this key; on an inter-edge connection it is the proxy of consumers over there."""
        facts = connection.facts
        is_proxy = facts.role == ROLE_INTER_EDGE
        self._remember(
            connection, Link(event.link, event.connection, event.name, kind, outgoing=True, key=key)
        )
        effects: list[Effect] = []
        with self._table.change(key, effects) as entry:
            (entry.proxies if is_proxy else entry.consumers).add(event.link)
        accept = AcceptLink(
            event.link,
            kind,
            facts.link_capacity,
            key=key,
            source_address=named,
            annotated=facts.is_router or not facts.strip_outbound,
            proxy=is_proxy,
        )
        return behind_publish(effects, accept)

    def _sender(self, connection: Connection, event: LinkAttached) -> list[Effect]:
        """A client sends: to its target address, or to what each message says."""
        address = event.target.address
        if event.target.dynamic:
            address = f"amqp:/_$temp.{self._unique()}"
        facts = connection.facts
        annotated = facts.is_router or not facts.strip_inbound
        flags = message_flags(event.target)
        capacity = facts.link_capacity
        link = Link(event.link, event.connection, event.name, LinkKind.ENDPOINT, outgoing=False)
        if address is None:
            self._remember(connection, link)
            return [
                AcceptLink(
                    event.link, LinkKind.ENDPOINT, capacity, capacity, annotated=annotated, flags=flags
                )
            ]
        key = self._parser.key(address)
        if not key or self._table.treatment_of(key).treatment is Treatment.UNAVAILABLE:
            return [RejectLink(event.link, *NOT_FOUND)]
        link.key = key
        self._remember(connection, link)
        effects: list[Effect] = []
        with self._table.change(key, effects) as entry:
            entry.producers.add(event.link)
            reachable = entry.has_destination
        accept = AcceptLink(
            event.link,
            LinkKind.ENDPOINT,
            capacity,
            capacity,
            key=key,
            target_address=address if event.target.dynamic else None,
            annotated=annotated,
            withheld=not reachable,
            flags=flags,
        )
        return [*effects, accept]

    # --- ends

    def end(self, handle: Handle) -> None:
        """We detach it: nobody will tell of its end."""
        link = self.by_handle.pop(handle, None)
        connection = self._connections.by_handle.get(link.connection) if link is not None else None
        if connection is not None:
            connection.links.discard(handle)

    def detached(self, handle: Handle) -> list[Effect]:
        """A link is gone."""
        link = self.by_handle.pop(handle, None)
        if link is None:
            return []
        effects: list[Effect] = []
        connection = self._connections.by_handle.get(link.connection)
        if connection is not None:
            connection.links.discard(handle)
            if link.kind is LinkKind.CONTROL:
                effects += self._connections.control_lost(connection)
            elif link.kind is LinkKind.ROUTER and link.outgoing:
                connection.priority_links.pop(link.priority, None)
        if link.key is not None:
            effects += self._table.forget(link.key, handle)
        return effects
