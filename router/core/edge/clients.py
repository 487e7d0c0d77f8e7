"""Edge routers as their interior router sees them: which mesh each is in, and which addresses it can reach.

An edge router is told of the addresses that it has senders for. Consumers in its own edge mesh do not
count: it reaches them without us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from skrouter.amqp.events import Handle
from skrouter.router.core.address import MOBILE
from skrouter.router.core.address_table import Address, AddressTable, Before
from skrouter.router.core.edge import wire
from skrouter.router.core.effects import Effect, PeerKind, SendMessage, SetPeer
from skrouter.router.core.facts import ConnectionFacts


@dataclass(slots=True)
class Client:
    """One edge connection; `tracking`: our sender that tells the edge router what is reachable."""

    facts: ConnectionFacts
    mesh: str = ""
    tracking: Handle | None = None


class Clients:
    """The edge routers at this interior router.

    `connection_of` a link, None if it is gone; `keys_of` a connection: the addresses of its links.
    """

    def __init__(
        self,
        table: AddressTable,
        connection_of: Callable[[Handle], Handle | None],
        keys_of: Callable[[Handle], Iterable[str]],
    ) -> None:
        self._table = table
        self._connection_of = connection_of
        self._keys_of = keys_of
        self._clients: dict[Handle, Client] = {}
        self._told: dict[str, set[Handle]] = {}
        """Links of edge routers that were told that a key is reachable. Not connections: a new link of one
        wants to know it anew, and may come before the link that it replaces has gone."""

    # --- connections

    def connection_up(self, facts: ConnectionFacts) -> list[Effect]:
        """An edge router is there."""
        client = self._clients[facts.connection] = Client(facts)
        return [self._set_peer(client)]

    @staticmethod
    def _set_peer(client: Client) -> Effect:
        facts = client.facts
        return SetPeer(facts.connection, PeerKind.EDGE, client.mesh, facts.offered.streaming_links)

    def connection_down(self, connection: Handle) -> None:
        """It is gone; its links are forgotten one by one."""
        self._clients.pop(connection, None)
        self._forget_told(connection)

    def mesh_of_connection(self, connection: Handle) -> str:
        """The edge mesh of the router there; empty: unknown, or no edge router."""
        client = self._clients.get(connection)
        return client.mesh if client is not None else ""

    def announced(self, connection: Handle, mesh: str) -> list[Effect]:
        """An edge router names its mesh, for the first time or a new one."""
        client = self._clients.get(connection)
        if client is None or client.mesh == mesh:
            return []
        client.mesh = mesh
        effects: list[Effect] = [self._set_peer(client)]
        for key in self._keys_of(connection):
            effects += self._table.review(key)
        return effects

    # --- addresses

    def mesh_of(self, address: Address) -> str | None:
        """The one edge mesh that all consumers of an address are in; None: more than one, or others too."""
        if address.shared_endpoints or not address.consumers:
            return None
        meshes = {self.mesh_of_connection(self._connection_of(link) or 0) for link in address.consumers}
        return meshes.pop() or None if len(meshes) == 1 else None

    def tracking_attached(self, connection: Handle, link: Handle) -> list[Effect]:
        """The edge router wants to know what is reachable."""
        client = self._clients.get(connection)
        if client is None:
            return []
        client.tracking = link
        self._forget_told(connection)
        effects: list[Effect] = []
        for key in self._keys_of(connection):
            address = self._table.addresses.get(key)
            if address is not None:
                effects += self._tell(client, address, self._senders(address).get(connection, set()))
        return effects

    def _forget_told(self, connection: Handle) -> None:
        left = {
            key: {link for link in told if self._connection_of(link) not in (connection, None)}
            for key, told in self._told.items()
        }
        self._told = {key: told for key, told in left.items() if told}

    def address_changed(self, address: Address, _before: Before) -> list[Effect]:
        """Tell those that have senders for it, if the answer is another one now."""
        if address.key[0] != MOBILE or not self._clients:
            return []
        if address.key in self._told:
            self._told[address.key] &= address.producers
        effects: list[Effect] = []
        for connection, links in sorted(self._senders(address).items()):
            if connection in self._clients:
                effects += self._tell(self._clients[connection], address, links)
        if not self._told.get(address.key):
            self._told.pop(address.key, None)
        return effects

    def _senders(self, address: Address) -> dict[Handle, set[Handle]]:
        """Links by their connections."""
        found: dict[Handle, set[Handle]] = {}
        for link in address.producers:
            found.setdefault(self._connection_of(link) or 0, set()).add(link)
        return found

    def _tell(self, client: Client, address: Address, links: set[Handle]) -> list[Effect]:
        """Tell this edge router what its links to the address do not know yet."""
        key = address.key
        told = self._told.get(key, set())
        reachable = self._is_reachable(client, address)
        if client.tracking is None or self._connection_of(client.tracking) is None:
            return []
        if links <= told if reachable else not links & told:
            return []
        self._told[key] = told | links if reachable else told - links
        return [SendMessage(client.tracking, wire.reachability(key, reachable))]

    def _is_reachable(self, client: Client, address: Address) -> bool:
        if address.endpoints:
            return True
        mesh = client.mesh
        if any(not mesh or address.meshes.get(index) != mesh for index in address.remotes):
            return True
        for link in address.consumers:
            connection = self._connection_of(link)
            same_mesh = bool(mesh) and self.mesh_of_connection(connection or 0) == mesh
            if connection != client.facts.connection and not same_mesh:
                return True
        return False
