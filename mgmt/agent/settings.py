"""Facts about configured entities: what was asked for, with the little that running adds to it.

Field names are the attributes of the management schema in snake case, defaults those of the schema. `name` is
None when nobody gave one. `facts_from` makes a value from attributes as a configuration file or a CREATE
names them.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from skrouter.mgmt.agent.naming import snake_case

Facts = TypeVar("Facts")


def facts_from(kind: type[Facts], attributes: Mapping[str, Any], **observed: Any) -> Facts:
    """A `kind` from camel-case attributes; attributes that are null or unknown to it are left at the default.

    `observed` holds what running adds, in snake case (`oper_status="up"`), and wins over `attributes`.
    """
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = {snake_case(name): value for name, value in attributes.items() if value is not None}
    return kind(**{name: value for name, value in {**given, **observed}.items() if name in known})


@dataclass(frozen=True, slots=True)
class RouterFacts:
    """The router entity; `version` and `host_name` are filled in by the running router."""

    id: str
    mode: str = "standalone"
    van_id: str | None = None
    area: str = "0"
    version: str | None = None
    host_name: str | None = None
    hello_interval_seconds: int = 1
    hello_max_age_seconds: int = 3
    ra_interval_seconds: int = 30
    ra_interval_flux_seconds: int = 4
    remote_ls_max_age_seconds: int = 60
    unreachable_holdoff_seconds: int = 1
    worker_threads: int = 4
    debug_dump_file: str | None = None
    sasl_config_dir: str | None = None
    sasl_config_name: str | None = "skrouterd"
    timestamps_in_utc: bool | None = None
    timestamp_format: str | None = None
    default_distribution: str = "balanced"
    metadata: str | None = None
    data_connection_count: str = "auto"
    drop_tcp_connections: bool = True
    name: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """The network entity; `first_id` is the id it had at the start, which stays in its identity."""

    network_id: str | None = None
    tenant_id: str | None = None
    name: str | None = None
    first_id: str | None = None


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """One site entity; `name` is its VanFlow name."""

    location: str | None = None
    provider: str | None = None
    version: str | None = None
    platform: str | None = None
    namespace: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SslProfileFacts:
    """One sslProfile."""

    name: str
    ciphers: str | None = None
    protocols: str | None = None
    ca_cert_file: str | None = None
    cert_file: str | None = None
    private_key_file: str | None = None
    password: str | None = None
    uid_format: str | None = None
    uid_name_mapping_file: str | None = None
    ordinal: int | None = None
    oldest_valid_ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class ProxyProfileFacts:
    """One proxyProfile; the password is hidden from management."""

    name: str
    host: str | None = None
    port: str | None = None
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class ListenerFacts:
    """One AMQP or HTTP listener."""

    host: str = ""
    port: str = "amqp"
    socket_address_family: str | None = None
    role: str = "normal"
    cost: int = 1
    ssl_profile: str | None = None
    sasl_mechanisms: str | None = None
    authenticate_peer: bool = False
    require_encryption: bool = False
    require_ssl: bool = False
    max_frame_size: int = 16384
    max_sessions: int = 32768
    max_session_frames: int | None = None
    idle_timeout_seconds: int = 16
    initial_handshake_timeout_seconds: int = 0
    strip_annotations: str = "both"
    link_capacity: int | None = None
    failover_urls: str | None = None
    healthz: bool = True
    metrics: bool = True
    websockets: bool = True
    http: bool = False
    http_root_dir: str | None = None
    message_logging_components: str = "none"
    policy_vhost: str | None = None
    open_properties: Mapping[str, object] | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ConnectorFacts:
    """One connector; `connection_status` and `connection_msg` tell how its connection fares."""

    host: str = "127.0.0.1"
    port: str = "amqp"
    socket_address_family: str | None = None
    role: str = "normal"
    cost: int = 1
    ssl_profile: str | None = None
    proxy_profile: str | None = None
    sasl_mechanisms: str | None = None
    allow_redirect: bool = True
    max_frame_size: int = 16384
    max_sessions: int = 32768
    max_session_frames: int | None = None
    idle_timeout_seconds: int = 16
    strip_annotations: str = "both"
    link_capacity: int | None = None
    verify_hostname: bool = True
    sasl_username: str | None = None
    sasl_password: str | None = None
    message_logging_components: str = "none"
    failover_urls: str | None = None
    connection_status: str | None = None
    connection_msg: str | None = None
    policy_vhost: str | None = None
    open_properties: Mapping[str, object] | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TcpListenerFacts:
    """One tcpListener with its counters."""

    port: str
    address: str | None = None
    host: str = ""
    backlog: int = 0
    multi_address_strategy: str = "none"
    site_id: str | None = None
    connections_opened: int = 0
    connections_closed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    ssl_profile: str | None = None
    authenticate_peer: bool = False
    oper_status: str = "down"
    connection_msg: str = ""
    observer: str = "auto"
    proxy_protocol: str = "none"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class TcpConnectorFacts:
    """One tcpConnector with its counters; the dispatch connection counts as opened."""

    address: str
    port: str
    host: str = "127.0.0.1"
    site_id: str | None = None
    process_id: str | None = None
    connections_opened: int = 1
    connections_closed: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    ssl_profile: str | None = None
    verify_hostname: bool = True
    proxy_protocol: str = "none"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ListenerAddressFacts:
    """One address of a multi-address tcpListener; `listener` is that listener's name."""

    address: str
    value: int
    listener: str
    connections_opened: int = 0
    name: str | None = None


@dataclass(frozen=True, slots=True)
class LogFacts:
    """The settings of one log module; None inherits from DEFAULT."""

    module: str
    enable: str | None = None
    include_timestamp: bool | None = None
    include_source: bool | None = None
    output_file: str | None = None


@dataclass(frozen=True, slots=True)
class AddressConfigFacts:
    """One router.config.address; a priority of −1 means that none is set."""

    identity: int
    prefix: str | None = None
    pattern: str | None = None
    distribution: str = "balanced"
    priority: int = -1
    name: str | None = None


@dataclass(frozen=True, slots=True)
class AutoLinkFacts:
    """One router.config.autoLink with the state of its link."""

    identity: int
    direction: str
    address: str | None = None
    container_id: str | None = None
    connection: str | None = None
    external_address: str | None = None
    link_ref: str | None = None
    oper_status: str = "inactive"
    last_error: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """The policy entity with its counters."""

    max_connections: int = 65535
    max_message_size: int = 0
    enable_vhost_policy: bool = False
    enable_vhost_name_patterns: bool = False
    policy_dir: str = ""
    default_vhost: str | None = "$default"
    connections_processed: int = 0
    connections_denied: int = 0
    connections_current: int = 0
    links_denied: int = 0
    max_message_size_denied: int = 0
    total_denials: int = 0


@dataclass(frozen=True, slots=True)
class VhostFacts:
    """One vhost; `groups` maps a group's name to its settings as they were given."""

    hostname: str
    aliases: str | None = None
    max_connections: int = 65535
    max_message_size: int | None = None
    max_connections_per_user: int = 65535
    max_connections_per_host: int = 65535
    allow_unknown_user: bool = False
    groups: Mapping[str, object] | None = None
    name: str | None = None
