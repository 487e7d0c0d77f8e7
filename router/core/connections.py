"""Connections by role, and the neighbors that inter-router connections make.

The connector side of an inter-router connection attaches the control pair and ten data pairs (spec:
routing-protocol §2); when both control links are established on both sides the connection is a neighbor and
gets a slot, the lowest that is free. Data connections of the same group are added to the neighbor, or wait
until it is there.

All connections of one connector are a family, those with certificates of one ordinal a group of it (§1.1).
The control connection of a newer group takes over its neighbor's slot, and nobody else notices.

ConnectionUp ──▶ waits for control links ──▶ serves a slot ──newer one of the family is ready──▶ superseded
        └─ older than another of its family ──▶ dropped
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from skrouter.amqp.capabilities import ROUTER_CONTROL, ROUTER_DATA
from skrouter.amqp.events import Handle
from skrouter.router.core.effects import (
    AddDataConnection,
    DetachLink,
    DropConnection,
    Effect,
    LinkKind,
    Log,
    MoveStreams,
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


def link_name(unique: Callable[[], str]) -> str:
    """Names of links that a router attaches tell nothing but that."""
    return f"qdlink.{unique()}"


@dataclass(slots=True)
class Connection:
    """One connection. `control`: the established control links by direction (True: outgoing).

    `slot`: of the neighbor that it serves, or that has sent control messages here until a newer connection.
    """

    facts: ConnectionFacts
    control: dict[bool, Handle] = field(default_factory=dict)
    router_links: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    priority_links: dict[int, Handle] = field(default_factory=dict)
    links: set[Handle] = field(default_factory=set)
    slot: int | None = None

    @property
    def family(self) -> tuple[bool, str, str]:
        """What all connections of one connector have in common."""
        facts = self.facts
        if facts.incoming:
            return (True, facts.container, facts.properties.correlator or "")
        return (False, facts.port_name, facts.container)

    @property
    def group(self) -> tuple[bool, str, str, int]:
        """What control and data connections of one connector have in common, if they are of one age."""
        return (*self.family, self.facts.ordinal)

    @property
    def may_replace(self) -> bool:
        """Whether it is known which control connections are of the same family."""
        facts = self.facts
        is_known = not facts.incoming or bool(facts.properties.correlator)
        return facts.role == ROLE_INTER_ROUTER and is_known

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
        connection = Connection(facts)
        if (rival := self._rival(connection)) is not None:
            return _refuse(connection, rival)
        stale = self._stale(connection)
        self.by_handle[facts.connection] = connection
        if facts.role == ROLE_INTER_ROUTER:
            effects = [*stale, *self._announce(connection)]
            return effects if facts.incoming else effects + self._open_router_links(facts)
        if facts.role == ROLE_INTER_ROUTER_DATA:
            return [
                AddDataConnection(neighbor.slot, facts.connection)
                for neighbor in self.neighbors.values()
                if neighbor.slot is not None
                and neighbor.group == connection.group
                and neighbor.carries_streams
            ]
        return []

    def _relatives(self, connection: Connection) -> list[Connection]:
        """The other control connections of its family."""
        if not connection.may_replace:
            return []
        return [
            other
            for other in self.by_handle.values()
            if other.may_replace and other is not connection and other.family == connection.family
        ]

    def _rival(self, connection: Connection) -> Connection | None:
        """A control connection that this one may not stand beside."""
        relatives = self._relatives(connection)
        return next((other for other in relatives if _outranks(other, connection)), None)

    def _stale(self, connection: Connection) -> list[Effect]:
        """A peer's connector that comes again with the same certificates has lost its old connection, though
        nothing was heard of that here: waiting for the idle timeout would keep it out.
        """
        return [
            DropConnection(other.facts.connection)
            for other in self._relatives(connection)
            if other.facts.ordinal == connection.facts.ordinal
        ]

    def _predecessor(self, connection: Connection) -> Connection | None:
        """The neighbor whose place it will take."""
        return next((other for other in self._relatives(connection) if self._serves(other)), None)

    def _serves(self, connection: Connection) -> bool:
        return connection.slot is not None and self.neighbors.get(connection.slot) is connection

    def _announce(self, connection: Connection) -> list[Effect]:
        old = self._predecessor(connection)
        if old is None:
            return []
        text = f"Upgrading connection [C{old.facts.number}] to [C{connection.facts.number}]"
        return [Log("ROUTER_CORE", "info", text)]

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
            name=link_name(self._unique),
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
                name=link_name(self._unique),
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
        old = self._predecessor(connection)
        if old is not None and _outranks(old, connection):
            return _refuse(connection, old)
        if old is None or old.slot is None:
            slot = next(number for number in range(len(self.neighbors) + 1) if number not in self.neighbors)
            return [*self._serve(connection, slot), NeighborUp(slot, connection.facts.cost)]
        return self._take_over(connection, old, old.slot)

    def _serve(self, connection: Connection, slot: int, *, same: bool = False) -> list[Effect]:
        connection.slot = slot
        self.neighbors[slot] = connection
        handle, sender = connection.facts.connection, connection.control[True]
        effects: list[Effect] = [SetNeighbor(slot, handle, sender, same)]
        effects += [SetNeighborLink(slot, *item) for item in sorted(connection.priority_links.items())]
        return effects + self._data_connections(connection, slot)

    def _take_over(self, connection: Connection, old: Connection, slot: int) -> list[Effect]:
        """Same neighbor, newer connection. The connector ends the control links of the old one; data and
        streams end there in their own time, and the listener hears control messages until then.
        """
        effects = [*self._serve(connection, slot, same=True), MoveStreams(slot)]
        if not connection.facts.incoming:
            effects += [DetachLink(old.control[outgoing]) for outgoing in sorted(old.control)]
            old.control.clear()
            old.slot = None
        return effects

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
        if connection.slot is None or not self._serves(connection):
            return []
        return [SetNeighborLink(connection.slot, priority, link)]

    def control_lost(self, connection: Connection) -> list[Effect]:
        """A control link or the whole connection is gone: no neighbor any more."""
        connection.control.clear()
        was_neighbor = self._serves(connection)
        slot, connection.slot = connection.slot, None
        if slot is None or not was_neighbor:
            return []
        del self.neighbors[slot]
        for other in self.by_handle.values():
            if other.slot == slot:
                other.slot = None
        return [NeighborDown(slot)]

    def remove(self, handle: Handle) -> tuple[Connection | None, list[Effect]]:
        """A connection is gone. None: it was not known (lost before both sides had opened it)."""
        connection = self.by_handle.pop(handle, None)
        return connection, [] if connection is None else self.control_lost(connection)


def _outranks(other: Connection, connection: Connection) -> bool:
    """A listener's peer may replace what is as new; a connector of ours has no reason to."""
    least = connection.facts.ordinal + (1 if connection.facts.incoming else 0)
    return other.facts.ordinal >= least


def _refuse(connection: Connection, rival: Connection) -> list[Effect]:
    mine, other = connection.facts, rival.facts
    text = (
        f"[C{mine.number}] Connection dropped: [C{other.number}] of the same connector is there,"
        f" with TLS ordinal {other.ordinal}; another one needs a higher ordinal than that, not {mine.ordinal}"
    )
    return [Log("ROUTER_CORE", "warning", text), DropConnection(mine.connection)]
