"""Connections by role, and the neighbors that inter-router connections make.

The connector side of an inter-router connection attaches the control pair and ten data pairs (spec:
routing-protocol §2); when both control links are established on both sides the connection is a neighbor and
gets a slot, the lowest that is free. Data connections of the same group are added to the neighbor, or wait
until it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from skrouter.amqp.capabilities import ROUTER_CONTROL, ROUTER_DATA
from skrouter.amqp.events import Handle
from skrouter.router.core.effects import (
    AddDataConnection,
    Effect,
    LinkKind,
    NeighborDown,
    NeighborUp,
    OpenLink,
    Purpose,
    SetNeighbor,
    SetNeighborLink,
    Terminus,
)
from skrouter.router.core.facts import (
    ROLE_INTER_ROUTER,
    ROLE_INTER_ROUTER_DATA,
    ConnectionFacts,
)

PRIORITIES = 10
CONTROL_PRIORITY = 9
DEFAULT_PRIORITY = 4
STREAMING_SESSION = PRIORITIES + 1
"""Sessions that we begin: 0 control, 1 to 10 data by priority, then the one that streams share."""


@dataclass(slots=True)
class Connection:
    """One connection. `control`: the established control links by direction (True: outgoing)."""

    facts: ConnectionFacts
    control: dict[bool, Handle] = field(default_factory=dict)
    router_links: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    priority_links: dict[int, Handle] = field(default_factory=dict)
    links: set[Handle] = field(default_factory=set)
    slot: int | None = None

    @property
    def group(self) -> tuple[bool, str, str]:
        """What control and data connections of one connector have in common."""
        facts = self.facts
        if facts.incoming:
            return (True, facts.container, facts.properties.correlator or "")
        return (False, facts.port_name, facts.container)

    @property
    def carries_streams(self) -> bool:
        """Whether streams may be spread over data connections to this peer."""
        return self.facts.offered.connection_trunking


class Connections:
    """All open connections, and who of them is a neighbor in which slot."""

    def __init__(self, unique: Callable[[], str]) -> None:
        self._unique = unique
        self.by_handle: dict[Handle, Connection] = {}
        self.neighbors: dict[int, Connection] = {}

    def add(self, facts: ConnectionFacts) -> list[Effect]:
        """A connection is open: a connector's inter-router connection begins with its links."""
        connection = self.by_handle[facts.connection] = Connection(facts)
        if facts.role == ROLE_INTER_ROUTER and not facts.incoming:
            return self._open_router_links(facts)
        if facts.role == ROLE_INTER_ROUTER_DATA:
            return [
                AddDataConnection(neighbor.slot, facts.connection)
                for neighbor in self.neighbors.values()
                if neighbor.slot is not None
                and neighbor.group == connection.group
                and neighbor.carries_streams
            ]
        return []

    def _open_router_links(self, facts: ConnectionFacts) -> list[Effect]:
        """The order is the meaning: the peer numbers priorities by it."""
        effects = [
            self._open(facts, LinkKind.CONTROL, outgoing, 0, CONTROL_PRIORITY) for outgoing in (False, True)
        ]
        for priority in range(PRIORITIES):
            effects += [
                self._open(facts, LinkKind.ROUTER, outgoing, priority + 1, priority)
                for outgoing in (False, True)
            ]
        return list(effects)

    def _open(
        self, facts: ConnectionFacts, kind: LinkKind, outgoing: bool, session: int, priority: int
    ) -> Effect:
        both = Terminus(capability=ROUTER_CONTROL if kind is LinkKind.CONTROL else ROUTER_DATA)
        return OpenLink(
            purpose=Purpose(facts.connection, kind, outgoing, priority),
            name=f"qdlink.{self._unique()}",
            session=session,
            capacity=facts.link_capacity,
            credit=0 if outgoing else facts.link_capacity,
            source=both,
            target=both,
        )

    def open_streaming(self, handle: Handle) -> list[Effect]:
        """One more link for streams on this connection."""
        connection = self.by_handle.get(handle)
        if connection is None:
            return []
        facts = connection.facts
        both = Terminus(capability=ROUTER_DATA if facts.role == ROLE_INTER_ROUTER else "")
        return [
            OpenLink(
                purpose=Purpose(handle, LinkKind.STREAMING, outgoing=True, priority=DEFAULT_PRIORITY),
                name=f"qdlink.{self._unique()}",
                session=STREAMING_SESSION,
                capacity=facts.link_capacity,
                credit=0,
                source=both,
                target=both,
            )
        ]

    def next_router_link(self, connection: Connection, outgoing: bool) -> tuple[LinkKind, int]:
        """What the next `qd.router-data` attach of a peer is: one of the ten, then streams."""
        priority = connection.router_links[outgoing]
        if priority >= PRIORITIES:
            return LinkKind.STREAMING, DEFAULT_PRIORITY
        connection.router_links[outgoing] += 1
        return LinkKind.ROUTER, priority

    def control_established(self, connection: Connection, outgoing: bool, link: Handle) -> list[Effect]:
        """A control link is up on both sides; with both of them the peer is a neighbor."""
        connection.control[outgoing] = link
        if len(connection.control) < 2 or connection.slot is not None:
            return []
        slot = next(number for number in range(len(self.neighbors) + 1) if number not in self.neighbors)
        connection.slot = slot
        self.neighbors[slot] = connection
        effects: list[Effect] = [SetNeighbor(slot, connection.facts.connection, connection.control[True])]
        effects += [SetNeighborLink(slot, *item) for item in sorted(connection.priority_links.items())]
        effects += self._data_connections(connection, slot)
        return [*effects, NeighborUp(slot, connection.facts.cost)]

    def _data_connections(self, connection: Connection, slot: int) -> list[Effect]:
        if not connection.carries_streams:
            return []
        return [
            AddDataConnection(slot, handle)
            for handle, other in self.by_handle.items()
            if other.facts.role == ROLE_INTER_ROUTER_DATA and other.group == connection.group
        ]

    def router_link_established(self, connection: Connection, priority: int, link: Handle) -> list[Effect]:
        """A sending data link is there."""
        connection.priority_links[priority] = link
        return [] if connection.slot is None else [SetNeighborLink(connection.slot, priority, link)]

    def control_lost(self, connection: Connection) -> list[Effect]:
        """A control link or the whole connection is gone: no neighbor any more."""
        connection.control.clear()
        if connection.slot is None:
            return []
        slot, connection.slot = connection.slot, None
        del self.neighbors[slot]
        return [NeighborDown(slot)]

    def remove(self, handle: Handle) -> tuple[Connection | None, list[Effect]]:
        """A connection is gone. None: it was not known (lost before both sides had opened it)."""
        connection = self.by_handle.pop(handle, None)
        return connection, [] if connection is None else self.control_lost(connection)
