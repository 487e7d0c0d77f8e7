"""Our open and what the peer's open says: pure (spec: routing-protocol.md §1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from skrouter.amqp import capabilities, codec
from skrouter.amqp.capabilities import FailoverServer, OpenProperties
from skrouter.amqp.events import ConnectionOpened, TlsFacts
from skrouter.amqp.sasl.effects import Identity
from skrouter.config.model import AmqpPort, ListenerConfig
from skrouter.router.core import facts
from skrouter.router.core.facts import ConnectionFacts

ANNOTATIONS_VERSION: Final = 2
_ANNOTATING: Final = (facts.ROLE_INTER_ROUTER, facts.ROLE_EDGE)
_ACCESSIBLE: Final = (facts.ROLE_INTER_ROUTER, facts.ROLE_EDGE, facts.ROLE_INTER_EDGE)
_WITHOUT_COST: Final = (facts.ROLE_NORMAL, facts.ROLE_ROUTE_CONTAINER)


@dataclass(frozen=True, slots=True)
class Group:
    """The connections of one inter-router connector. `ordinal`: its sslProfile's, None without TLS."""

    correlator: str
    ordinal: int | None


@dataclass(frozen=True, slots=True)
class Ours:
    """What we know of a connection before the peer opens it. `host` and `local_socket` are `host:port`.

    `data`: a connector's data connection. `group` is for inter-router connectors, `access_id` for listeners.
    `ordinal`: of the sslProfile when the connection began, None without one.
    """

    handle: int
    number: int
    port: AmqpPort
    incoming: bool
    host: str
    local_socket: str
    data: bool = False
    group: Group | None = None
    access_id: str | None = None
    ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class OpenArguments:
    """Capabilities and properties of an open, encoded."""

    offered: bytes
    desired: bytes
    properties: bytes


@dataclass(frozen=True, slots=True)
class PeerOpen:
    """The peer's open, understood. `shown` is the properties map as received, for the log."""

    offered: capabilities.OfferedCapabilities
    properties: OpenProperties
    shown: object


def our_open(ours: Ours, version: str) -> OpenArguments:
    """What we send."""
    port = ours.port
    symbols = capabilities.encode_capabilities(
        capabilities.capability_symbols(inter_edge=port.role == facts.ROLE_INTER_EDGE)
    )
    properties = OpenProperties(
        product=capabilities.PRODUCT_NAME,
        version=version,
        connection_id=ours.number,
        inter_router_cost=port.cost,
        data_connection=ours.data,
        correlator=ours.group.correlator if ours.group else None,
        ordinal=ours.group.ordinal if ours.group else None,
        access_id=ours.access_id if ours.incoming and port.role in _ACCESSIBLE else None,
        annotations_version=ANNOTATIONS_VERSION if port.role in _ANNOTATING else None,
        failover=_failover(port),
    )
    encoded = capabilities.encode_properties(properties, port.open_properties)
    return OpenArguments(symbols, symbols, encoded)


def _failover(port: AmqpPort) -> tuple[FailoverServer, ...]:
    if not isinstance(port, ListenerConfig):
        return ()
    return tuple(FailoverServer(host.host, host.port, host.scheme) for host in port.failover_urls)


def peer_open(event: ConnectionOpened) -> PeerOpen:
    """Understand the peer's open; DecodeError if its capabilities or properties have another type."""
    offered = codec.decode_one(event.offered) if event.offered else None
    shown = codec.decode_one(event.properties) if event.properties else None
    return PeerOpen(
        capabilities.offered_capabilities(capabilities.decode_symbols(offered, "offered-capabilities")),
        capabilities.open_properties(shown),
        shown,
    )


def connection_facts(
    ours: Ours, event: ConnectionOpened, peer: PeerOpen, identity: Identity, tls: TlsFacts | None
) -> ConnectionFacts:
    """All that is known once both sides have opened."""
    port = ours.port
    shown = peer.shown if isinstance(peer.shown, dict) else {}
    return ConnectionFacts(
        connection=ours.handle,
        number=ours.number,
        incoming=ours.incoming,
        role=_role(ours, peer),
        port_name=port.name or port.identity,
        cost=port.cost if port.role in _WITHOUT_COST else max(port.cost, peer.properties.inter_router_cost),
        host=ours.host,
        container=event.container,
        hostname=event.hostname,
        user=identity.user,
        mechanism=identity.mechanism,
        tls_protocol=tls.protocol if tls else None,
        tls_cipher=tls.cipher if tls else None,
        tls_bits=tls.bits if tls else 0,
        max_frame_size=event.max_frame_size,
        link_capacity=port.link_capacity,
        strip_inbound=port.strip_inbound,
        strip_outbound=port.strip_outbound,
        offered=peer.offered,
        properties=peer.properties,
        property_map={str(key): item for key, item in shown.items() if isinstance(key, str)},
        local_socket=ours.local_socket,
        ordinal=(peer.properties.ordinal if ours.incoming else ours.ordinal) or 0,
        tls_ordinal=ours.ordinal if tls else None,
    )


def _role(ours: Ours, peer: PeerOpen) -> str:
    is_data = peer.properties.data_connection if ours.incoming else ours.data
    if ours.port.role == facts.ROLE_INTER_ROUTER and is_data:
        return facts.ROLE_INTER_ROUTER_DATA
    return ours.port.role
