"""An edge router: its way into the network and its mesh, behind one face."""

from __future__ import annotations

from collections.abc import Callable

from skrouter.amqp.events import Handle
from skrouter.router.core.address_table import Address, AddressTable, Before
from skrouter.router.core.edge.peers import Peers
from skrouter.router.core.edge.uplink import Uplink
from skrouter.router.core.effects import Effect, Purpose, SetMesh, Use
from skrouter.router.core.facts import ROLE_EDGE, ROLE_INTER_EDGE, ConnectionFacts


class Edge:
    """What an edge router does about its connections to other routers. `known`: directly connected ones."""

    def __init__(
        self,
        router_id: str,
        table: AddressTable,
        unique: Callable[[], str],
        ordinal: Callable[[], int],
        known: set[str],
    ) -> None:
        self.peers = Peers(table, unique, lambda: (ordinal(), unique()), known)
        self.uplink = Uplink(router_id, table, unique, lambda: self.peers.mesh.value)

    def connection_up(self, facts: ConnectionFacts) -> list[Effect]:
        """To an interior router, or to another edge router; others are no business of ours."""
        if facts.role == ROLE_EDGE:
            return [SetMesh(self.peers.mesh.value), *self.uplink.connection_up(facts)]
        return self.peers.connection_up(facts) if facts.role == ROLE_INTER_EDGE else []

    def connection_down(self, connection: Handle) -> None:
        """Forget it; `choose` is called when its links are gone too."""
        self.uplink.connection_down(connection)
        self.peers.connection_down(connection)

    def choose(self) -> list[Effect]:
        """Other ways where one is gone."""
        return [*self.uplink.choose(), *self.peers.choose()]

    def opened(self, link: Handle, purpose: Purpose) -> list[Effect]:
        """A link of ours exists."""
        match purpose.use:
            case Use.UPLINK:
                return self.uplink.opened(link, purpose)
            case Use.PEER:
                return self.peers.opened(link, purpose)
        return []

    def key_of(self, purpose: Purpose) -> str | None:
        """The address that a link of ours stands for here."""
        match purpose.use:
            case Use.UPLINK:
                return self.uplink.key_of(purpose)
            case Use.PEER:
                return self.peers.key_of(purpose)
        return None

    def detached(self, link: Handle, purpose: Purpose) -> None:
        """The other side has ended a link of ours."""
        match purpose.use:
            case Use.UPLINK:
                self.uplink.detached(link, purpose)
            case Use.PEER:
                self.peers.detached(link, purpose)

    def address_changed(self, address: Address, before: Before) -> list[Effect]:
        """Somebody consumes here, sends, or does no longer."""
        return [
            *self.uplink.address_changed(address, before),
            *self.peers.address_changed(address, before),
        ]

    def negotiated(self, connection: Handle, ordinal: int, mesh: str) -> list[Effect]:
        """Another edge router proposes an id for the mesh."""
        before = self.peers.mesh.value
        effects = self.peers.negotiated(connection, ordinal, mesh)
        return effects if self.peers.mesh.value == before else effects + self.uplink.mesh_changed()
