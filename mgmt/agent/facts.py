"""Facts about a running router, one frozen value for each row of an operational entity.

Field names are the attributes of the management schema in snake case, `spec` section "Operational entities".
A value of None means "not known" and becomes AMQP null. Nothing here knows how an attribute is encoded or
named on the wire: that is `skrouter.mgmt.agent.entities`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One AMQP connection, or one TCP connection with protocol "tcp"; `identity` is the number in `[Cn]`."""

    identity: int
    host: str
    role: str = "normal"
    protocol: str = "amqp"
    dir: str = "in"
    container: str | None = None
    local_socket: str | None = None
    sasl: str | None = None
    is_authenticated: bool = False
    user: str | None = None
    is_encrypted: bool = False
    ssl_proto: str | None = None
    ssl_cipher: str | None = None
    ssl_ssf: int = 0
    ssl: bool = False
    opened: bool = True
    active: bool = True
    properties: Mapping[str, str | int] = field(default_factory=dict)
    admin_status: str = "enabled"
    oper_status: str = "up"
    uptime_seconds: int = 0
    last_dlv_seconds: int | None = None
    enable_protocol_trace: bool = False
    mesh_id: str | None = None
    tls_ordinal: int | None = None
    group_correlation_id: str | None = None
    group_ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """One link; `owning_addr` is the hash key of its address, `link_name` the name in its attach."""

    identity: int
    link_name: str
    connection_id: int
    link_dir: str
    link_type: str = "endpoint"
    owning_addr: str | None = None
    capacity: int = 250
    undelivered_count: int = 0
    unsettled_count: int = 0
    delivery_count: int = 0
    oper_status: str = "up"
    presettled_count: int = 0
    dropped_presettled_count: int = 0
    accepted_count: int = 0
    rejected_count: int = 0
    released_count: int = 0
    modified_count: int = 0
    deliveries_delayed1_sec: int = 0
    deliveries_delayed10_sec: int = 0
    deliveries_stuck: int = 0
    open_moved_streams: int = 0
    ingress_histogram: tuple[int, ...] | None = None
    priority: int = 0
    settle_rate: int = 0
    credit_available: int = 0
    zero_credit_seconds: int = 0


@dataclass(frozen=True, slots=True)
class AddressFacts:
    """One address of the table; `key` is the hash key with its class letter, such as `Mfoo`."""

    key: str
    distribution: str
    in_process: int = 0
    subscriber_count: int = 0
    remote_count: int = 0
    remote_host_routers: tuple[str, ...] = ()
    deliveries_ingress: int = 0
    deliveries_egress: int = 0
    deliveries_transit: int = 0
    deliveries_to_container: int = 0
    deliveries_from_container: int = 0
    deliveries_egress_route_container: int = 0
    deliveries_ingress_route_container: int = 0
    deliveries_egress_inter_network: int = 0
    deliveries_ingress_inter_network: int = 0
    transit_outstanding: tuple[int, ...] | None = None
    tracked_deliveries: int = 0
    priority: int = -1
    deliveries_redirected_to_fallback: int = 0
    watch: bool = False


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One known interior router, this one included; exists on interior routers only."""

    id: str
    index: int
    instance: int
    next_hop: str | None = None
    protocol_version: int = 1
    link_state: tuple[str, ...] = ()
    valid_origins: tuple[str, ...] = ()
    router_link: int | None = None
    cost: int | None = None
    last_topo_change: int | None = None

    @property
    def address(self) -> str:
        """Topological address of the router's agents and endpoints."""
        return f"amqp:/_topo/0/{self.id}"


@dataclass(frozen=True, slots=True)
class MetricsFacts:
    """The router's totals; memory in octets, None where the platform does not tell."""

    id: str
    version: str
    addr_count: int = 0
    link_count: int = 0
    node_count: int = 0
    auto_link_count: int = 0
    connection_count: int = 0
    presettled_deliveries: int = 0
    dropped_presettled_deliveries: int = 0
    accepted_deliveries: int = 0
    rejected_deliveries: int = 0
    released_deliveries: int = 0
    modified_deliveries: int = 0
    deliveries_delayed1_sec: int = 0
    deliveries_delayed10_sec: int = 0
    deliveries_stuck: int = 0
    deliveries_ingress: int = 0
    deliveries_egress: int = 0
    deliveries_transit: int = 0
    deliveries_ingress_route_container: int = 0
    deliveries_egress_route_container: int = 0
    deliveries_ingress_inter_network: int = 0
    deliveries_egress_inter_network: int = 0
    deliveries_redirected_to_fallback: int = 0
    links_blocked: int = 0
    uptime_seconds: int = 0
    memory_usage: int | None = None
    resident_memory_usage: int | None = None
    connection_counters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """One kind of pooled object; sizes in octets, counts in objects."""

    type_name: str
    type_size: int
    transfer_batch_size: int = 64
    local_free_list_max: int = 128
    global_free_list_max: int = -1
    total_alloc_from_heap: int = 0
    total_free_to_heap: int = 0
    held_by_threads: int = 0
    batches_rebalanced_to_threads: int = 0
    batches_rebalanced_to_global: int = 0


@dataclass(frozen=True, slots=True)
class LogStatsFacts:
    """How many events of each level a log module has seen, logged or not."""

    module: str
    debug_count: int = 0
    info_count: int = 0
    warning_count: int = 0
    error_count: int = 0
    critical_count: int = 0


@dataclass(frozen=True, slots=True)
class VhostStatsFacts:
    """Counters of one vhost; the states map a user or host to the container ids connected."""

    hostname: str
    connections_approved: int = 0
    connections_denied: int = 0
    connections_current: int = 0
    per_user_state: Mapping[str, object] = field(default_factory=dict)
    per_host_state: Mapping[str, object] = field(default_factory=dict)
    session_denied: int = 0
    sender_denied: int = 0
    receiver_denied: int = 0
    max_message_size_denied: int = 0


@dataclass(frozen=True, slots=True)
class TcpConnectionFacts:
    """One TCP connection of the adaptor, for routers that list them under their own type."""

    identity: int
    address: str
    host: str
    direction: str
    bytes_in: int = 0
    bytes_out: int = 0
    uptime_seconds: int = 0
    last_in_seconds: int | None = None
    last_out_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the router's log as GET-LOG reports it; `time` in unix seconds."""

    module: str
    level: str
    text: str
    file: str | None
    line: int | None
    time: int
