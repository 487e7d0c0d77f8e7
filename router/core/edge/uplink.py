"""The way of an edge router into the network: one active connection to an interior router, others stand by.

On the active connection: a sender for what has no other way (uplink), a receiver for what is addressed to
this router (downlink), proxies for addresses, and what the interior router tells of their reachability.
"""

from __future__ import annotations

from collections.abc import Callable

from skrouter.amqp.capabilities import EDGE_DOWNLINK
from skrouter.amqp.events import Handle
from skrouter.router.core.address import EDGE_UPLINK_KEY, MOBILE
from skrouter.router.core.address_table import Address, AddressTable, Before
from skrouter.router.core.connections import link_name
from skrouter.router.core.edge import wire
from skrouter.router.core.edge.proxies import INCOMING, OUTGOING, Proxies
from skrouter.router.core.effects import (
    DetachLink,
    Effect,
    LinkKind,
    OpenLink,
    PeerKind,
    Purpose,
    SendMessage,
    SetPeer,
    Terminus,
    Use,
)
from skrouter.router.core.facts import ConnectionFacts

TRACKING_CREDIT = 32
DISCOVERY, UPLINK, DOWNLINK, TRACKING = "discovery", "uplink", "downlink", "tracking"
_CONTROL_SESSION, _DATA_SESSION = 0, 1
_NONE = Terminus()
_KEYS = {UPLINK: EDGE_UPLINK_KEY, TRACKING: MOBILE + wire.TRACKING}
"""Addresses that links on the active connection stand for here."""


class Uplink:
    """The uplink connections of one edge router. `mesh()` is the id of its edge mesh."""

    def __init__(
        self, router_id: str, table: AddressTable, unique: Callable[[], str], mesh: Callable[[], str]
    ) -> None:
        self._router_id = router_id
        self._table = table
        self._unique = unique
        self._mesh = mesh
        self._open: dict[Handle, ConnectionFacts] = {}
        self._links: dict[str, Handle] = {}
        self._proxies: Proxies | None = None
        self.active: Handle | None = None

    # --- connections

    def connection_up(self, facts: ConnectionFacts) -> list[Effect]:
        """Another way into the network: the first is used, and one that has newer certificates."""
        self._open[facts.connection] = facts
        effects: list[Effect] = [
            SetPeer(facts.connection, PeerKind.EDGE, streams=facts.offered.streaming_links)
        ]
        if self.active is None:
            return effects + self._activate(facts)
        if facts.ordinal <= self._open[self.active].ordinal:
            return effects
        return [*effects, *self._give_up(), *self._activate(facts)]

    def _give_up(self) -> list[Effect]:
        """End all links on the active connection, which lives on."""
        effects: list[Effect] = []
        for role, link in self._links.items():
            effects.append(DetachLink(link))
            if role in _KEYS:
                effects += self._table.forget(_KEYS[role], link)
        proxies, self._proxies = self._proxies, None
        return effects + (proxies.detach_all() if proxies is not None else [])

    def connection_down(self, connection: Handle) -> None:
        """Nothing of it is left; `choose` finds another one once its links are forgotten."""
        self._open.pop(connection, None)
        if connection == self.active:
            self.active, self._proxies = None, None
            self._links.clear()

    def choose(self) -> list[Effect]:
        """Take the best connection that stands by, if there is no active one."""
        if self.active is not None or not self._open:
            return []
        return self._activate(max(self._open.values(), key=lambda facts: facts.ordinal))

    def _activate(self, facts: ConnectionFacts) -> list[Effect]:
        self.active = facts.connection
        self._links = {}
        self._proxies = Proxies(
            facts, Use.UPLINK, _DATA_SESSION, self._table, self._unique, has_outgoing=True
        )
        downlink = Terminus(capability=EDGE_DOWNLINK)
        return [
            self._link(facts, DISCOVERY, _CONTROL_SESSION, outgoing=True, target=Terminus(wire.DISCOVERY)),
            self._link(facts, UPLINK, _DATA_SESSION, outgoing=True),
            self._link(
                facts,
                DOWNLINK,
                _DATA_SESSION,
                outgoing=False,
                source=Terminus(self._router_id, EDGE_DOWNLINK),
                target=downlink,
            ),
            self._link(
                facts,
                TRACKING,
                _CONTROL_SESSION,
                outgoing=False,
                source=Terminus(wire.TRACKING),
                key=MOBILE + wire.TRACKING,
            ),
            *self._proxies.open_all(),
        ]

    def _link(
        self,
        facts: ConnectionFacts,
        role: str,
        session: int,
        *,
        outgoing: bool,
        source: Terminus = _NONE,
        target: Terminus = _NONE,
        key: str | None = None,
    ) -> OpenLink:
        kind = LinkKind.EDGE_DOWNLINK if role == DOWNLINK else LinkKind.ENDPOINT
        capacity = TRACKING_CREDIT if role == TRACKING else facts.link_capacity
        return OpenLink(
            purpose=Purpose(facts.connection, kind, outgoing, 4, Use.UPLINK, role),
            name=link_name(self._unique),
            session=session,
            capacity=capacity,
            credit=0 if outgoing else capacity,
            source=source,
            target=target,
            key=key,
        )

    # --- links

    def opened(self, link: Handle, purpose: Purpose) -> list[Effect]:
        """A link of ours exists on the active connection."""
        if purpose.connection != self.active or self._proxies is None:
            return []
        if purpose.role in (INCOMING, OUTGOING):
            return self._proxies.opened(link, purpose)
        self._links[purpose.role] = link
        if purpose.role == DISCOVERY:
            return [SendMessage(link, wire.announcement(self._mesh()))]
        if purpose.role == UPLINK:
            return self._table.bind_proxy(EDGE_UPLINK_KEY, link, proxy=False)
        if purpose.role == TRACKING:
            return self._table.feed(MOBILE + wire.TRACKING, link)
        return []

    def key_of(self, purpose: Purpose) -> str | None:
        """The address that a link of ours stands for here."""
        return purpose.key or _KEYS.get(purpose.role)

    def detached(self, link: Handle, purpose: Purpose) -> None:
        """The interior router has ended a link of ours."""
        if purpose.connection != self.active or self._proxies is None:
            return
        if purpose.role in (INCOMING, OUTGOING):
            self._proxies.detached(link, purpose)
        elif self._links.get(purpose.role) == link:
            del self._links[purpose.role]

    # --- what happens around it

    def address_changed(self, address: Address, _before: Before) -> list[Effect]:
        """Proxies come and go with local consumers and senders."""
        return [] if self._proxies is None else self._proxies.follow(address)

    def reachable(self, connection: Handle, key: str, reachable: bool) -> list[Effect]:
        """The interior router tells of an address."""
        if connection != self.active or self._proxies is None:
            return []
        return self._proxies.reachable(key, reachable)

    def mesh_changed(self) -> list[Effect]:
        """Tell the interior router the new id."""
        link = self._links.get(DISCOVERY)
        return [] if link is None else [SendMessage(link, wire.announcement(self._mesh()))]
