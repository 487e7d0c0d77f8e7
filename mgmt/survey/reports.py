"""What one router says of itself, as rows of attributes; and the few rules for reading them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

MESH_ROLES = ("inter-router", "inter-router-data")
"""Connections between interior routers."""

ROUTER_ROLES = (*MESH_ROLES, "edge", "inter-edge")
"""Connections between routers of one network; the peer's container is its id."""

EDGE_MODE = "edge"
UPLINK_ADDRESS = "L_edge"
"""Key of the address by which an edge router sends what it knows no other way for."""


@dataclass(frozen=True, slots=True)
class Target:
    """A router to ask: its id, and whether it is an edge router."""

    id: str
    is_edge: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A router: itself, the interior routers it knows, its connections and connectors."""

    id: str
    mode: str
    version: str = ""
    nodes: tuple[Row, ...] = ()
    connections: tuple[Row, ...] = ()
    connectors: tuple[Row, ...] = ()

    @property
    def is_edge(self) -> bool:
        """Whether it is an edge router."""
        return self.mode == EDGE_MODE

    def node(self, router_id: str) -> Row | None:
        """What it says of an interior router; None if it knows none of this id."""
        return next((row for row in self.nodes if row.get("id") == router_id), None)

    def reachable(self) -> set[str]:
        """The interior routers that it has a way to, and itself if it is one."""
        return {str(row["id"]) for row in self.nodes if row.get("cost") is not None or is_self(row)}

    def next_hop(self, router_id: str) -> str | None:
        """The neighbor on the way to an interior router; None if there is no way."""
        row = self.node(router_id)
        if row is None or row.get("cost") is None:
            return None
        return str(row.get("nextHop") or router_id)

    def router_connections(self) -> Iterator[Row]:
        """Connections to routers of its network."""
        return (row for row in self.connections if row.get("role") in ROUTER_ROLES)

    def connection(self, identity: object) -> Row:
        """The connection of this identity; an empty row if it has gone meanwhile."""
        return next((row for row in self.connections if str(row.get("identity")) == str(identity)), {})

    def uplink(self) -> Row | None:
        """An edge router's active connection to an interior router."""
        edges = (row for row in self.connections if row.get("role") == "edge" and row.get("dir") == "out")
        return next((row for row in edges if row.get("active")), None) if self.is_edge else None

    def neighbors(self) -> Iterator[Target]:
        """Every router that it names: of the mesh, and at the other end of its connections."""
        for router_id in sorted(self.reachable() - {self.id}):
            yield Target(router_id)
        for row in self.router_connections():
            role, container = row.get("role"), str(row.get("container"))
            if role == "inter-edge" or (role == "edge" and not self.is_edge):
                yield Target(container, is_edge=True)
            elif role == "edge" and row.get("active"):
                yield Target(container)


def is_self(node: Row) -> bool:
    """Whether a row of router.node is that of the router which shows it."""
    return node.get("nextHop") == "(self)"


@dataclass(frozen=True, slots=True)
class AddressReport:
    """What one router says of an address.

    `key` is the address's at this router, `address` its row in the address table, None if it has none.
    `links` are those with this key, `mesh_links` those out to neighbors of the mesh; `rules` the configured
    addresses; `services` the entities of the TCP adaptor and auto-links that name the address, each with its
    `type`.
    """

    router: Report
    key: str
    address: Row | None
    default_distribution: str = "balanced"
    links: tuple[Row, ...] = ()
    mesh_links: tuple[Row, ...] = ()
    rules: tuple[Row, ...] = ()
    policy: Row = field(default_factory=dict)
    vhosts: tuple[Row, ...] = ()
    services: tuple[Row, ...] = ()
