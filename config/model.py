"""The configuration as frozen objects, one class for each entity type that the router uses at once.

Fields carry the attribute's name in snake_case and its meaning resolved (0 = 16384 and the like). Making them
belongs to resolve; `entity` has what was written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.schema import Value


@dataclass(frozen=True, slots=True)
class Typed:
    """What all typed entities have: `name` is None for an unnamed address or autoLink only."""

    entity: Entity
    name: str | None
    identity: str


@dataclass(frozen=True, slots=True)
class RouterConfig(Typed):
    """The router. `data_connection_count` is a number: auto is resolved. Intervals are in seconds."""

    id: str
    mode: str
    hello_interval_seconds: int
    hello_max_age_seconds: int
    ra_interval_seconds: int
    ra_interval_flux_seconds: int
    remote_ls_max_age_seconds: int
    unreachable_holdoff_seconds: int
    worker_threads: int
    debug_dump_file: str | None
    sasl_config_dir: str | None
    sasl_config_name: str
    timestamps_in_utc: bool
    timestamp_format: str | None
    default_distribution: str
    metadata: str | None
    data_connection_count: int
    data_connections_calculated: bool
    drop_tcp_connections: bool


@dataclass(frozen=True, slots=True)
class NetworkConfig(Typed):
    """The network. `network_id` is None for empty and 0; `tenant_id` also comes from the router's vanId."""

    network_id: str | None
    tenant_id: str | None


@dataclass(frozen=True, slots=True)
class SiteConfig(Typed):
    """What flow records say about the site."""

    location: str | None
    provider: str | None
    version: str | None
    platform: str | None
    namespace: str | None


@dataclass(frozen=True, slots=True)
class SslProfileConfig(Typed):
    """Credentials for TLS. `password` is unresolved (config.passwords); an invalid `uid_format` is None."""

    ciphers: str | None
    protocols: str | None
    ca_cert_file: str | None
    cert_file: str | None
    private_key_file: str | None
    password: str | None = field(repr=False)
    uid_format: str | None
    uid_name_mapping_file: str | None
    ordinal: int
    oldest_valid_ordinal: int


@dataclass(frozen=True, slots=True)
class ProxyProfileConfig(Typed):
    """An HTTP proxy; `password` is unresolved."""

    host: str | None
    port: str | None
    username: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class FailoverHost:
    """One element of failoverUrls; `scheme` is amqp, amqps, ws, wss or None."""

    scheme: str | None
    host: str
    port: str


@dataclass(frozen=True, slots=True)
class AmqpPort(Typed):
    """What listeners and connectors have in common.

    `max_session_frames` is the incoming window of a session in frames. `strip_inbound` and `strip_outbound`
    are false for roles that never strip the router's annotations.
    """

    host: str
    port: str
    socket_address_family: str | None
    role: str
    cost: int
    ssl_profile: str | None
    sasl_mechanisms: str | None
    max_frame_size: int
    max_sessions: int
    max_session_frames: int
    idle_timeout_seconds: int
    strip_inbound: bool
    strip_outbound: bool
    link_capacity: int
    message_logging_components: str
    policy_vhost: str | None
    open_properties: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class ListenerConfig(AmqpPort):
    """An AMQP or HTTP listener; `http`, `require_encryption` include what httpRootDir, requireSsl imply."""

    authenticate_peer: bool
    require_encryption: bool
    require_ssl: bool
    initial_handshake_timeout_seconds: int
    failover_urls: tuple[FailoverHost, ...]
    healthz: bool
    metrics: bool
    websockets: bool
    http: bool
    http_root_dir: str | None


@dataclass(frozen=True, slots=True)
class ConnectorConfig(AmqpPort):
    """An AMQP connector; `sasl_password` is unresolved (config.passwords)."""

    proxy_profile: str | None
    verify_hostname: bool
    sasl_username: str | None
    sasl_password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddressConfig(Typed):
    """Treatment of addresses; `pattern` is set for a prefix P too, as `P/#`; `priority` is None or 0 to 9."""

    prefix: str | None
    pattern: str
    distribution: str
    priority: int | None


@dataclass(frozen=True, slots=True)
class AutoLinkConfig(Typed):
    """A link that the router attaches; without `address` it is anonymous and incoming."""

    address: str | None
    direction: str
    container_id: str | None
    connection: str | None
    external_address: str | None


@dataclass(frozen=True, slots=True)
class LogConfig(Typed):
    """Logging of a module; None = as DEFAULT says, which has a value everywhere."""

    module: str
    levels: frozenset[str] | None
    include_timestamp: bool | None
    include_source: bool | None
    output_file: str | None


@dataclass(frozen=True, slots=True)
class PolicyConfig(Typed):
    """Limits for all connections; `max_message_size` 0 = none; `default_vhost` None = none."""

    max_connections: int
    max_message_size: int
    enable_vhost_policy: bool
    enable_vhost_name_patterns: bool
    policy_dir: str | None
    default_vhost: str | None


@dataclass(frozen=True, slots=True)
class VhostConfig(Typed):
    """Rules for a host name; `groups` maps group names to vhostUserGroupSettings by attribute name."""

    hostname: str
    aliases: tuple[str, ...]
    max_connections: int
    max_message_size: int | None
    max_connections_per_user: int
    max_connections_per_host: int
    allow_unknown_user: bool
    groups: Mapping[str, Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class TcpListenerConfig(Typed):
    """A TCP listener; `address` is None exactly if the strategy is not none. `backlog` 0 = the maximum."""

    address: str | None
    host: str
    port: str
    backlog: int
    multi_address_strategy: str
    ssl_profile: str | None
    authenticate_peer: bool
    observer: str
    proxy_protocol: str


@dataclass(frozen=True, slots=True)
class TcpConnectorConfig(Typed):
    """A TCP server of a service address; `process_id` is the server's identity in flow records."""

    address: str
    host: str
    port: str
    ssl_profile: str | None
    verify_hostname: bool
    process_id: str | None
    proxy_protocol: str


@dataclass(frozen=True, slots=True)
class ListenerAddressConfig(Typed):
    """One of the addresses of a TCP listener, which `listener` names; `value` is its priority or weight."""

    address: str
    value: int
    listener: str


EntityConfig: TypeAlias = (
    RouterConfig
    | NetworkConfig
    | SiteConfig
    | SslProfileConfig
    | ProxyProfileConfig
    | ListenerConfig
    | ConnectorConfig
    | AddressConfig
    | AutoLinkConfig
    | LogConfig
    | PolicyConfig
    | VhostConfig
    | TcpListenerConfig
    | TcpConnectorConfig
    | ListenerAddressConfig
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a configuration file says. `entities` is in creation order (router-config.md §1.2).

    `logs` has every module, DEFAULT included. `warnings` is for the log: accepted, but doubtful.
    """

    router: RouterConfig
    network: NetworkConfig
    policy: PolicyConfig
    entities: tuple[Entity, ...]
    site: SiteConfig | None
    ssl_profiles: Mapping[str, SslProfileConfig]
    proxy_profiles: Mapping[str, ProxyProfileConfig]
    logs: tuple[LogConfig, ...]
    addresses: tuple[AddressConfig, ...]
    auto_links: tuple[AutoLinkConfig, ...]
    vhosts: tuple[VhostConfig, ...]
    connectors: tuple[ConnectorConfig, ...]
    listeners: tuple[ListenerConfig, ...]
    tcp_listeners: tuple[TcpListenerConfig, ...]
    tcp_connectors: tuple[TcpConnectorConfig, ...]
    listener_addresses: tuple[ListenerAddressConfig, ...]
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
