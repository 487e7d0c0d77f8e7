"""What is known of a connection once both sides have opened it, and of a configured link: values, made by
the shell, read by the core.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from skrouter.amqp.capabilities import OfferedCapabilities, OpenProperties

ROLE_NORMAL = "normal"
ROLE_INTER_ROUTER = "inter-router"
ROLE_INTER_ROUTER_DATA = "inter-router-data"
ROLE_ROUTE_CONTAINER = "route-container"
ROLE_EDGE = "edge"
ROLE_INTER_EDGE = "inter-edge"
ROLE_INTER_NETWORK = "inter-network"


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One AMQP connection. `number` is its identity for people (`[C7]`), `connection` its engine handle.

    `role` is the effective one: a connection that the peer has declared to be a data connection of its
    group is `inter-router-data`. `cost` is the greater of both ends'. `host` is `host:port` as configured
    (outgoing) or of the peer's socket (incoming). `port_name` names the listener or connector. `user` and
    `mechanism` come from SASL, the `tls_` fields from TLS; None or empty where there is none. `tls_ordinal`:
    how new our certificates are (sslProfile ordinal). `ordinal`: the same of the connector's side, as far as
    it is known here, else 0.
    """

    connection: int
    number: int
    incoming: bool
    role: str
    port_name: str
    cost: int
    host: str
    container: str
    hostname: str | None
    user: str | None
    mechanism: str | None
    tls_protocol: str | None
    tls_cipher: str | None
    tls_bits: int
    max_frame_size: int
    link_capacity: int
    strip_inbound: bool
    strip_outbound: bool
    offered: OfferedCapabilities
    properties: OpenProperties
    property_map: dict[str, object] = field(default_factory=dict)
    local_socket: str = ""
    ordinal: int = 0
    tls_ordinal: int | None = None

    @property
    def is_router(self) -> bool:
        """Whether the peer is a router that annotates its messages."""
        return self.role not in (ROLE_NORMAL, ROLE_ROUTE_CONTAINER)


@dataclass(frozen=True, slots=True)
class AutoLink:
    """A link that the configuration asks for. `name` is unique; `incoming`: we receive.

    `address` is ours, None: each message says where it goes. `external` is the peer's, None: the same. The
    connection is that of the listener or connector `port_name`, or the one to `container`.
    """

    name: str
    incoming: bool
    address: str | None = None
    external: str | None = None
    port_name: str | None = None
    container: str | None = None

    def matches(self, connection: ConnectionFacts) -> bool:
        """Whether the link is wanted there."""
        return self.port_name == connection.port_name or self.container == connection.container
