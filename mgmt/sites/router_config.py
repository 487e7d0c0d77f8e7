"""The router's entities that follow from the parts of a site, and the fewest management changes to get there.

A changed entity is deleted and made anew, but for attributes that the schema lets a client update. What waits
for credentials is neither made nor taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from skrouter.config.schema import load_schema
from skrouter.mgmt.sites.changes import Change, CreateEntity, DeleteEntity, UpdateEntity
from skrouter.mgmt.sites.entities import RouterConfig, RouterEntity, entity, find, ordered
from skrouter.mgmt.sites.facts import Revision, Setting
from skrouter.mgmt.sites.parts import Part, Profile

PROTECTED_LISTENERS = ("amqp", "amqps", "@9090", "skupper-local-normal")
"""Listeners that are never deleted while the router runs: they are its own and the platform's."""

IGNORED_CONNECTORS = "auto-mesh"

_COMPARED: Mapping[str, tuple[str, ...]] = {
    "connector": ("role", "host", "port", "cost", "sslProfile", "proxyProfile"),
    "listener": ("role", "host", "port", "sslProfile", "saslMechanisms", "authenticatePeer"),
    "tcpConnector": ("host", "port", "address", "siteId", "processId", "sslProfile"),
    "tcpListener": (
        "host",
        "port",
        "address",
        "siteId",
        "sslProfile",
        "observer",
        "multiAddressStrategy",
        "authenticatePeer",
    ),
    "listenerAddress": ("address", "value", "listener"),
    "sslProfile": ("caCertFile", "certFile", "privateKeyFile", "ordinal", "oldestValidOrdinal"),
}
"""What counts even where it is not wanted: it may be a rest of before. Others are compared where wanted."""

_CREATION = (
    "sslProfile",
    "proxyProfile",
    "tcpConnector",
    "tcpListener",
    "listenerAddress",
    "connector",
    "listener",
)
_DELETION = (
    "listenerAddress",
    "tcpConnector",
    "tcpListener",
    "connector",
    "listener",
    "proxyProfile",
    "sslProfile",
)
_UNCHANGEABLE = ("id", "mode", "dataConnectionCount", "metadata")


def build(parts: Iterable[Part], usable: frozenset[str], made: Iterable[RouterEntity]) -> RouterConfig:
    """The wanted configuration: parts that can be used now, and sslProfiles `made` for them."""
    entities = [part.entity for part in parts if not part.profile or part.profile in usable]
    return ordered([*entities, *made])


def ssl_profile(profile: Profile, revision: Revision, setting: Setting, prior_revisions: int) -> RouterEntity:
    """The sslProfile of this name; ordinals under the same CA stay valid for `prior_revisions` renewals."""
    base = f"{setting.profiles}/{profile.name}"
    return entity(
        "sslProfile",
        profile.name,
        caCertFile=f"{base}/ca.crt",
        certFile=None if profile.only_ca else f"{base}/tls.crt",
        privateKeyFile=None if profile.only_ca else f"{base}/tls.key",
        ordinal=revision.ordinal or None,
        oldestValidOrdinal=max(revision.ordinal - prior_revisions, revision.since, 0) or None,
    )


def needs_restart(wanted: RouterConfig, running: Iterable[RouterEntity]) -> str:
    """Why the running router cannot become the wanted one; empty if it can."""
    new, old = find(wanted, "router"), find(running, "router")
    if new is None or old is None:
        return ""
    for name in _UNCHANGEABLE:
        if _value("router", name, new.get(name)) != _value("router", name, old.get(name)):
            return f"router {name} changes from {old.get(name)!r} to {new.get(name)!r}"
    return ""


def changes(
    wanted: RouterConfig, running: tuple[RouterEntity, ...], waiting: frozenset[tuple[str, str]] = frozenset()
) -> list[Change]:
    """The management changes in their order; `waiting` are keys of entities that wait for credentials."""
    kept = {one.key: one for one in wanted if one.type in _CREATION}
    existing = {one.key: one for one in running if one.type in _CREATION and not _is_foreign(one)}
    differing = {
        key: _difference(kept[key], existing[key]) for key in kept.keys() & existing.keys() - waiting
    }
    updated = {key for key, names in differing.items() if names and _can_update(key[0], names)}
    anew = {key for key, names in differing.items() if names} - updated
    anew |= _children(anew, existing) & kept.keys()
    gone = {key for key in existing.keys() - kept.keys() - waiting if not _is_protected(*key)}
    gone |= _children(gone, existing)
    return [
        *(
            UpdateEntity(kept[key], _given(kept[key], differing[key]))
            for key in _by_type(updated, _CREATION[:2])
        ),
        *(CreateEntity(kept[key]) for key in _by_type(kept.keys() - existing.keys(), _CREATION[:2])),
        *(DeleteEntity(*key) for key in _by_type(gone | anew, _DELETION[:3])),
        *(
            UpdateEntity(kept[key], _given(kept[key], differing[key]))
            for key in _by_type(updated, _CREATION[2:])
        ),
        *(CreateEntity(kept[key]) for key in _new(kept, existing, anew, _CREATION[2:5])),
        *(DeleteEntity(*key) for key in _by_type(gone | anew, _DELETION[3:5])),
        *(CreateEntity(kept[key]) for key in _new(kept, existing, anew, _CREATION[5:])),
        *(DeleteEntity(*key) for key in _by_type(gone, _DELETION[5:])),
        *_log_changes(wanted, running),
    ]


def applied(running: Iterable[RouterEntity], change: Change) -> tuple[RouterEntity, ...]:
    """What runs after a change: the model of a router, for tests and for plans that look ahead."""
    found = {one.key: one for one in running}
    match change:
        case CreateEntity(entity=one):
            found[one.key] = one
        case UpdateEntity(entity=one, attributes=attributes):
            found[one.key] = replace(found[one.key], attributes={**found[one.key].attributes, **attributes})
        case DeleteEntity(type=kind, name=name):
            found.pop((kind, name), None)
    return tuple(found.values())


def _new(
    kept: Mapping[tuple[str, str], RouterEntity],
    existing: Mapping[tuple[str, str], RouterEntity],
    anew: set[tuple[str, str]],
    types: tuple[str, ...],
) -> list[tuple[str, str]]:
    return _by_type((kept.keys() - existing.keys()) | anew, types)


def _by_type(keys: Iterable[tuple[str, str]], types: tuple[str, ...]) -> list[tuple[str, str]]:
    return sorted((key for key in keys if key[0] in types), key=lambda key: (types.index(key[0]), key[1]))


def _children(
    keys: set[tuple[str, str]], existing: Mapping[tuple[str, str], RouterEntity]
) -> set[tuple[str, str]]:
    """The listenerAddresses of tcpListeners that go."""
    names = {name for kind, name in keys if kind == "tcpListener"}
    return {
        key for key, one in existing.items() if key[0] == "listenerAddress" and one.get("listener") in names
    }


def _is_foreign(one: RouterEntity) -> bool:
    return one.type == "connector" and one.name.startswith(IGNORED_CONNECTORS)


def _is_protected(kind: str, name: str) -> bool:
    return kind == "listener" and name in PROTECTED_LISTENERS


def _difference(new: RouterEntity, old: RouterEntity) -> set[str]:
    names = {*new.attributes, *_COMPARED.get(new.type, ())}
    return {
        name
        for name in names - _hidden(new)
        if _value(new.type, name, new.get(name)) != _value(new.type, name, old.get(name))
    }


def _hidden(new: RouterEntity) -> set[str]:
    """Given attributes that no router shows, so that nothing follows from their absence."""
    attributes = load_schema().section_type(new.type).attributes
    return {name for name in new.attributes if attributes[name].hidden}


def _value(kind: str, name: str, value: Any) -> Any:
    """The value in its attribute's type; what is not given is the default, and zero or empty None."""
    attribute = load_schema().section_type(kind).attributes[name]
    given = attribute.default if value is None or value == "" else attribute.convert(value)
    return given or None


def _can_update(kind: str, names: set[str]) -> bool:
    attributes = load_schema().section_type(kind).attributes
    return all(attributes[name].update for name in names)


def _given(new: RouterEntity, names: set[str]) -> dict[str, Any]:
    """The new values, and those that nobody sees; of what is no longer given the default, or nothing."""
    attributes = load_schema().section_type(new.type).attributes
    nothing = {"integer": 0, "boolean": False}
    return {
        name: given
        if (given := new.get(name)) is not None
        else attributes[name].default or nothing.get(attributes[name].type, "")
        for name in sorted(names | _hidden(new))
    }


def _log_changes(wanted: RouterConfig, running: Iterable[RouterEntity]) -> Iterator[Change]:
    levels = {one.name: one for one in running if one.type == "log"}
    for one in wanted:
        old = levels.get(one.name)
        if one.type == "log" and old is not None and old.get("enable") != one.get("enable"):
            yield UpdateEntity(one, {"enable": one.get("enable")})
