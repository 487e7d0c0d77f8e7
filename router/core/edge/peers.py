"""Edge routers that are connected to each other: an edge mesh, which agrees on one id.

Each side attaches a sender for what is addressed to the other router, one for the negotiation, and a
receiver for every address that has consumers here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skrouter.amqp.capabilities import INTER_EDGE
from skrouter.amqp.events import Handle
from skrouter.router.core.address import EDGE
from skrouter.router.core.address_table import Address, AddressTable, Before
from skrouter.router.core.connections import link_name
from skrouter.router.core.edge import wire
from skrouter.router.core.edge.proxies import INCOMING, Proxies
from skrouter.router.core.effects import (
    Effect,
    LinkKind,
    OpenLink,
    PeerKind,
    Purpose,
    SendMessage,
    SetMesh,
    SetPeer,
    Terminus,
    Use,
)
from skrouter.router.core.facts import ConnectionFacts

PEER, NEGOTIATION = "peer", "negotiation"
_PEER_SESSION, _NEGOTIATION_SESSION = 0, 1


@dataclass(slots=True)
class MeshId:
    """The id of the edge mesh; of two ids the one with the lower ordinal stays."""

    ordinal: int
    value: str


@dataclass(slots=True)
class Peer:
    """One inter-edge connection: our sender to the router there, and for the negotiation.

    `draws`: it has our proxies. Only one connection to each router has: it would send a multicast on both.
    """

    facts: ConnectionFacts
    proxies: Proxies
    draws: bool = False
    link: Handle | None = None
    negotiation: Handle | None = None


class Peers:
    """The edge routers that this one is connected to. `propose()` makes an ordinal and an id."""

    def __init__(
        self,
        table: AddressTable,
        unique: Callable[[], str],
        propose: Callable[[], tuple[int, str]],
        known: set[str],
    ) -> None:
        self._table = table
        self._unique = unique
        self._propose = propose
        self._known = known
        self._peers: dict[Handle, Peer] = {}
        self.mesh = MeshId(*propose())

    # --- connections

    def connection_up(self, facts: ConnectionFacts) -> list[Effect]:
        """Another edge router is there."""
        proxies = Proxies(facts, Use.PEER, _PEER_SESSION, self._table, self._unique, has_outgoing=False)
        self._peers[facts.connection] = Peer(facts, proxies)
        both = Terminus(capability=INTER_EDGE)
        negotiation = Terminus(wire.NEGOTIATION)
        return [
            SetPeer(facts.connection, PeerKind.INTER_EDGE, streams=facts.offered.streaming_links),
            self._link(facts, PEER, _PEER_SESSION, both, both),
            self._link(facts, NEGOTIATION, _NEGOTIATION_SESSION, Terminus(), negotiation),
            *self._draw(),
        ]

    def _link(
        self, facts: ConnectionFacts, role: str, session: int, source: Terminus, target: Terminus
    ) -> OpenLink:
        kind = LinkKind.INTER_EDGE if role == PEER else LinkKind.ENDPOINT
        return OpenLink(
            purpose=Purpose(facts.connection, kind, True, 4, Use.PEER, role),
            name=link_name(self._unique),
            session=session,
            capacity=facts.link_capacity,
            credit=0,
            source=source,
            target=target,
        )

    def connection_down(self, connection: Handle) -> None:
        """Nothing of it is left."""
        self._peers.pop(connection, None)
        self._known.clear()
        self._known.update(peer.facts.container for peer in self._peers.values())

    def choose(self) -> list[Effect]:
        """Each router is reached over one link: where it has gone, one of another connection takes over."""
        effects: list[Effect] = []
        served = {peer.facts.container for peer in self._peers.values() if self._is_bound(peer)}
        for peer in self._peers.values():
            if peer.link is not None and peer.facts.container not in served:
                served.add(peer.facts.container)
                effects += self._bind(peer, peer.link)
        return effects + self._draw()

    def _draw(self) -> list[Effect]:
        effects: list[Effect] = []
        served = {peer.facts.container for peer in self._peers.values() if peer.draws}
        for peer in self._peers.values():
            if peer.facts.container not in served:
                served.add(peer.facts.container)
                peer.draws = True
                effects += peer.proxies.open_all()
        return effects

    def _is_bound(self, peer: Peer) -> bool:
        address = self._table.addresses.get(EDGE + peer.facts.container)
        return address is not None and peer.link in address.proxies

    def _bind(self, peer: Peer, link: Handle) -> list[Effect]:
        self._known.add(peer.facts.container)
        return self._table.bind_proxy(EDGE + peer.facts.container, link, proxy=False)

    # --- links

    def opened(self, link: Handle, purpose: Purpose) -> list[Effect]:
        """A link of ours exists."""
        peer = self._peers.get(purpose.connection)
        if peer is None:
            return []
        if purpose.role == INCOMING:
            return peer.proxies.opened(link, purpose)
        if purpose.role == NEGOTIATION:
            peer.negotiation = link
            return [self._proposal(link)]
        peer.link = link
        return self.choose()

    def key_of(self, purpose: Purpose) -> str | None:
        """The address that a link of ours stands for here."""
        peer = self._peers.get(purpose.connection)
        if purpose.role == PEER and peer is not None:
            return EDGE + peer.facts.container
        return purpose.key or None

    def detached(self, link: Handle, purpose: Purpose) -> None:
        """The other router has ended a link of ours."""
        peer = self._peers.get(purpose.connection)
        if peer is None:
            return
        if purpose.role == INCOMING:
            peer.proxies.detached(link, purpose)
        elif purpose.role == PEER and peer.link == link:
            peer.link = None
        elif purpose.role == NEGOTIATION and peer.negotiation == link:
            peer.negotiation = None

    def address_changed(self, address: Address, _before: Before) -> list[Effect]:
        """Every peer is told of addresses that have consumers here."""
        drawing = [peer for peer in self._peers.values() if peer.draws]
        return [effect for peer in drawing for effect in peer.proxies.follow(address)]

    # --- the id of the mesh

    def _proposal(self, link: Handle) -> Effect:
        return SendMessage(link, wire.negotiation(self.mesh.ordinal, self.mesh.value))

    def negotiated(self, connection: Handle, ordinal: int, mesh: str) -> list[Effect]:
        """A peer's proposal. The lower ordinal wins for good; equal ones are drawn again by both sides.

        What others send there is no proposal.
        """
        if connection not in self._peers or (ordinal, mesh) == (self.mesh.ordinal, self.mesh.value):
            return []
        if ordinal < self.mesh.ordinal:
            changed = mesh != self.mesh.value
            self.mesh = MeshId(ordinal, mesh)
            return [SetMesh(mesh)] if changed else []
        if ordinal > self.mesh.ordinal:
            return []
        self.mesh = MeshId(*self._propose())
        links = [peer.negotiation for peer in self._peers.values() if peer.negotiation is not None]
        return [SetMesh(self.mesh.value), *map(self._proposal, links)]
