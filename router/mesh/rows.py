"""The known routers as management shows them (entity router.node). Read-only."""

from dataclasses import dataclass

from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.messages import LINK_STATE_VERSION
from skrouter.router.mesh.node import Node
from skrouter.router.mesh.topology import Topology


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One router, 0 is this one. `last_topology_change` by the engine's clock; `router_link` is a slot."""

    router_id: str
    index: int
    protocol_version: int
    instance: int
    link_state: tuple[str, ...]
    next_hop: str | None
    valid_origins: tuple[str, ...]
    cost: int | None
    last_topology_change: float | None
    router_link: int | None


def node_rows(config: MeshConfig, topology: Topology) -> tuple[NodeRow, ...]:
    """This router, then the others in the order in which they became known."""
    ids = {node.index: node.router_id for node in topology.nodes}
    return (_own_row(config, topology), *(_row(node, topology, ids) for node in topology.nodes))


def _own_row(config: MeshConfig, topology: Topology) -> NodeRow:
    return NodeRow(
        router_id=config.router_id,
        index=0,
        protocol_version=LINK_STATE_VERSION,
        instance=config.instance,
        link_state=tuple(topology.own.peers),
        next_hop="(self)",
        valid_origins=(),
        cost=None,
        last_topology_change=topology.changed_at,
        router_link=None,
    )


def _row(node: Node, topology: Topology, ids: dict[int, str]) -> NodeRow:
    adjacency = topology.adjacencies.get(node.router_id)
    return NodeRow(
        router_id=node.router_id,
        index=node.index,
        protocol_version=node.version,
        instance=node.instance or 0,
        link_state=tuple(node.link_state.peers),
        # The reference shows a next hop only where it is another router.
        next_hop=None if node.next_hop_id == node.router_id else node.next_hop_id,
        valid_origins=tuple(ids[index] for index in sorted(node.valid_origins) if index in ids),
        cost=node.cost,
        last_topology_change=None,
        router_link=None if adjacency is None else adjacency.slot,
    )
