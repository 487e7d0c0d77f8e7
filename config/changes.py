"""A configuration with one entity more, less or other. Whether that may be is checked before, by runtime."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from skrouter.config.model import (
    AddressConfig,
    AutoLinkConfig,
    Configuration,
    ConnectorConfig,
    EntityConfig,
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
    VhostConfig,
)

_ROWS: Mapping[type, str] = {
    LogConfig: "logs",
    AddressConfig: "addresses",
    AutoLinkConfig: "auto_links",
    VhostConfig: "vhosts",
    ConnectorConfig: "connectors",
    ListenerConfig: "listeners",
    TcpListenerConfig: "tcp_listeners",
    TcpConnectorConfig: "tcp_connectors",
    ListenerAddressConfig: "listener_addresses",
}
_NAMED: Mapping[type, str] = {SslProfileConfig: "ssl_profiles", ProxyProfileConfig: "proxy_profiles"}
_SINGLE: Mapping[type, str] = {
    RouterConfig: "router",
    NetworkConfig: "network",
    PolicyConfig: "policy",
    SiteConfig: "site",
}
_Rows = tuple[EntityConfig, ...]


def find(configuration: Configuration, identity: str) -> EntityConfig:
    """The typed entity with this identity; KeyError if there is none."""
    for kind in (*_ROWS, *_NAMED, *_SINGLE):
        for one in _rows(configuration, kind):
            if one.identity == identity:
                return one
    raise KeyError(identity)


def added(configuration: Configuration, made: EntityConfig) -> Configuration:
    """With one more entity, the youngest."""
    entities = (*configuration.entities, made.entity)
    return replace(
        configuration, entities=entities, **_changed(configuration, made, lambda rows: (*rows, made))
    )


def replaced(configuration: Configuration, changed: EntityConfig) -> Configuration:
    """With another entity in the place of that with the same identity."""
    entities = tuple(
        changed.entity if one.identity == changed.identity else one for one in configuration.entities
    )

    def put(rows: _Rows) -> _Rows:
        return tuple(changed if one.identity == changed.identity else one for one in rows)

    return replace(configuration, entities=entities, **_changed(configuration, changed, put))


def removed(configuration: Configuration, gone: EntityConfig) -> Configuration:
    """Without this entity."""
    entities = tuple(one for one in configuration.entities if one.identity != gone.identity)

    def without(rows: _Rows) -> _Rows:
        return tuple(one for one in rows if one.identity != gone.identity)

    return replace(configuration, entities=entities, **_changed(configuration, gone, without))


def _rows(configuration: Configuration, kind: type) -> _Rows:
    """All entities of a type, oldest first."""
    if kind in _ROWS:
        return tuple(getattr(configuration, _ROWS[kind]))
    if kind in _NAMED:
        return tuple(getattr(configuration, _NAMED[kind]).values())
    one = getattr(configuration, _SINGLE[kind])
    return () if one is None else (one,)


def _changed(
    configuration: Configuration, about: EntityConfig, change: Callable[[_Rows], _Rows]
) -> dict[str, Any]:
    """The field of the entity's type as it is after the change."""
    kind = type(about)
    rows = change(_rows(configuration, kind))
    if kind in _ROWS:
        return {_ROWS[kind]: rows}
    if kind in _NAMED:
        return {_NAMED[kind]: {str(one.name): one for one in rows}}
    return {_SINGLE[kind]: rows[0] if rows else None}
