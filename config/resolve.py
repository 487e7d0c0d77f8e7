"""Valid entities to the typed objects of model: defaults with a meaning are resolved here. No checks."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from skrouter.config.entity import Entity
from skrouter.config.levels import parse_enable
from skrouter.config.model import (
    AddressConfig,
    AutoLinkConfig,
    ConnectorConfig,
    EntityConfig,
    FailoverHost,
    ListenerAddressConfig,
    ListenerConfig,
    LogConfig,
    NetworkConfig,
    PolicyConfig,
    ProxyProfileConfig,
    RouterConfig,
    SiteConfig,
    SslProfileConfig,
    TcpConnectorConfig,
    TcpListenerConfig,
    Typed,
    VhostConfig,
)
from skrouter.config.rules.addresses import stored_pattern
from skrouter.config.rules.connections import failover_parts, split_failover_urls
from skrouter.config.rules.policy import group_settings, names
from skrouter.config.rules.router import data_connections, is_uid_format

AnyTyped = TypeVar("AnyTyped", bound=Typed)

DEFAULT_FRAME_SIZE = 16384
DEFAULT_SESSIONS = 32768
DEFAULT_LINK_CAPACITY = 250
_SESSION_WINDOW = 8 << 20
_SESSION_WINDOW_OF_OTHER_ROLES = 128 << 20
_ROLES_THAT_NEVER_STRIP = ("inter-router", "edge", "inter-edge", "inter-network")
_IRREGULAR = {"timestamps_in_utc": "timestampsInUTC"}


def resolve(entity: Entity, router: Entity | None = None) -> EntityConfig:
    """The typed form of a valid entity; `router` is the router entity, whose vanId a network may need."""
    if entity.short_type == "network":
        return _network(entity, router)
    return _RESOLVERS[entity.short_type](entity)


def data_connection_count(entity: Entity) -> int:
    """The number of data connections: as given, or one for two worker threads."""
    given = data_connections(entity.text("dataConnectionCount") or "auto")
    return (entity.number("workerThreads") + 1) // 2 if given is None else given


def _typed(cls: type[AnyTyped], entity: Entity, resolved: Mapping[str, object] | None = None) -> AnyTyped:
    """An object of the class: its fields from `resolved`, else from the attribute of the same name."""
    values: dict[str, Any] = {
        name: entity.attributes.get(attribute) for name, attribute in _ATTRIBUTES_OF[cls].items()
    }
    return cls(**{**values, "entity": entity, **(resolved or {})})


def _router(entity: Entity) -> RouterConfig:
    return _typed(
        RouterConfig,
        entity,
        {
            "timestamps_in_utc": entity.get("timestampsInUTC") is True,
            "data_connection_count": data_connection_count(entity),
            "data_connections_calculated": data_connections(entity.text("dataConnectionCount") or "") is None,
        },
    )


def _network(entity: Entity, router: Entity | None) -> NetworkConfig:
    van_id = router.text("vanId") if router else None
    network_id = entity.text("networkId")
    return _typed(
        NetworkConfig,
        entity,
        {
            "network_id": None if network_id in (None, "", "0") else network_id,
            "tenant_id": entity.text("tenantId") or van_id or None,
        },
    )


def _site(entity: Entity) -> SiteConfig:
    return _typed(SiteConfig, entity)


def _ssl_profile(entity: Entity) -> SslProfileConfig:
    uid_format = entity.text("uidFormat")
    return _typed(
        SslProfileConfig,
        entity,
        {
            "uid_format": uid_format if uid_format is not None and is_uid_format(uid_format) else None,
            "ordinal": entity.number("ordinal"),
            "oldest_valid_ordinal": entity.number("oldestValidOrdinal"),
        },
    )


def _proxy_profile(entity: Entity) -> ProxyProfileConfig:
    return _typed(ProxyProfileConfig, entity)


def _listener(entity: Entity) -> ListenerConfig:
    return _typed(
        ListenerConfig,
        entity,
        {
            **_common(entity),
            "require_encryption": entity.get("requireEncryption") is True or entity.get("requireSsl") is True,
            "http": entity.get("http") is True or bool(entity.get("httpRootDir")),
            "failover_urls": tuple(
                FailoverHost(*failover_parts(one))
                for one in split_failover_urls(entity.text("failoverUrls") or "")
            ),
        },
    )


def _connector(entity: Entity) -> ConnectorConfig:
    return _typed(
        ConnectorConfig, entity, {**_common(entity), "proxy_profile": entity.text("proxyProfile") or None}
    )


def _common(entity: Entity) -> dict[str, object]:
    """What listeners and connectors resolve alike."""
    role = entity.text("role")
    strip = "no" if role in _ROLES_THAT_NEVER_STRIP else entity.text("stripAnnotations")
    frame_size = entity.number("maxFrameSize") or DEFAULT_FRAME_SIZE
    window = _SESSION_WINDOW if role == "normal" else _SESSION_WINDOW_OF_OTHER_ROLES
    return {
        "ssl_profile": entity.text("sslProfile") or None,
        "max_frame_size": frame_size,
        "max_sessions": entity.number("maxSessions") or DEFAULT_SESSIONS,
        "max_session_frames": entity.number("maxSessionFrames") or max(window // frame_size, 2),
        "strip_inbound": strip in ("in", "both"),
        "strip_outbound": strip in ("out", "both"),
        "link_capacity": entity.number("linkCapacity") or DEFAULT_LINK_CAPACITY,
        "open_properties": entity.get("openProperties") or {},
    }


def _address(entity: Entity) -> AddressConfig:
    priority = entity.get("priority")
    return _typed(
        AddressConfig,
        entity,
        {"pattern": stored_pattern(entity), "priority": None if priority == -1 else priority},
    )


def _auto_link(entity: Entity) -> AutoLinkConfig:
    return _typed(AutoLinkConfig, entity)


def _log(entity: Entity) -> LogConfig:
    enable = entity.text("enable")
    levels = parse_enable(enable) if enable is not None else None
    config = _typed(LogConfig, entity, {"levels": levels})
    if entity.get("module") != "DEFAULT":
        return config
    resolved: dict[str, object] = {
        "levels": parse_enable("info+") if levels is None else levels,
        "include_timestamp": entity.get("includeTimestamp") is not False,
        "include_source": entity.get("includeSource") is True,
        "output_file": entity.text("outputFile") or "stderr",
    }
    return _typed(LogConfig, entity, resolved)


def _policy(entity: Entity) -> PolicyConfig:
    return _typed(
        PolicyConfig,
        entity,
        {
            "policy_dir": entity.text("policyDir") or None,
            "default_vhost": entity.text("defaultVhost") or None,
        },
    )


def _vhost(entity: Entity) -> VhostConfig:
    return _typed(
        VhostConfig, entity, {"aliases": names(entity.text("aliases")), "groups": group_settings(entity)}
    )


def _tcp_listener(entity: Entity) -> TcpListenerConfig:
    return _typed(
        TcpListenerConfig,
        entity,
        {
            "address": entity.text("address") or None,
            "backlog": max(entity.number("backlog"), 0),
            "ssl_profile": entity.text("sslProfile") or None,
        },
    )


def _tcp_connector(entity: Entity) -> TcpConnectorConfig:
    return _typed(TcpConnectorConfig, entity, {"ssl_profile": entity.text("sslProfile") or None})


def _listener_address(entity: Entity) -> ListenerAddressConfig:
    return _typed(ListenerAddressConfig, entity)


def _attribute_name(field_name: str) -> str:
    return _IRREGULAR.get(field_name) or re.sub(r"_(\w)", lambda found: found[1].upper(), field_name)


_ATTRIBUTES_OF: dict[type[Typed], dict[str, str]] = {
    cls: {field.name: _attribute_name(field.name) for field in fields(cls)}
    for cls in (
        RouterConfig,
        NetworkConfig,
        SiteConfig,
        SslProfileConfig,
        ProxyProfileConfig,
        ListenerConfig,
        ConnectorConfig,
        AddressConfig,
        AutoLinkConfig,
        LogConfig,
        PolicyConfig,
        VhostConfig,
        TcpListenerConfig,
        TcpConnectorConfig,
        ListenerAddressConfig,
    )
}

_RESOLVERS: dict[str, Callable[[Entity], EntityConfig]] = {
    "router": _router,
    "site": _site,
    "sslProfile": _ssl_profile,
    "proxyProfile": _proxy_profile,
    "listener": _listener,
    "connector": _connector,
    "router.config.address": _address,
    "router.config.autoLink": _auto_link,
    "log": _log,
    "policy": _policy,
    "vhost": _vhost,
    "tcpListener": _tcp_listener,
    "tcpConnector": _tcp_connector,
    "listenerAddress": _listener_address,
}
