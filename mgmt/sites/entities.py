"""Router entities as a site wants them, and the file that a router starts from (local-system.md §4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ORDER = (
    "router",
    "sslProfile",
    "proxyProfile",
    "connector",
    "listener",
    "address",
    "tcpConnector",
    "tcpListener",
    "listenerAddress",
    "log",
    "site",
)
"""Types in the order of the file."""

OWN_ROLE = "normal"
"""The role of the listener by which a router is managed."""


@dataclass(frozen=True, slots=True)
class RouterEntity:
    """One entity: `attributes` by their names of the schema, without empty ones and without `name`."""

    type: str
    name: str
    attributes: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """Type and name."""
        return (self.type, self.name)

    def get(self, attribute: str) -> Any:
        """The attribute, None if it is not given."""
        return self.attributes.get(attribute)


RouterConfig = tuple[RouterEntity, ...]
"""In file order."""

_NAMELESS = ("router", "address", "log")


class ConfigTextError(ValueError):
    """A stored router configuration that cannot be read."""


def entity(kind: str, name: str, **attributes: Any) -> RouterEntity:
    """An entity; attributes that are None, empty text or False are left out."""
    given = {
        key: value for key, value in attributes.items() if value not in (None, "") and value is not False
    }
    return RouterEntity(kind, name, given)


def ordered(entities: Iterable[RouterEntity]) -> RouterConfig:
    """By type in file order, then by name; each key once. First of the listeners is the router's own.

    A router opens them in this order: while its own port is free, none of the others is its.
    """
    found = {one.key: one for one in entities}
    return tuple(sorted(found.values(), key=_place))


def _place(one: RouterEntity) -> tuple[int, bool, str]:
    return ORDER.index(one.type), one.type == "listener" and one.get("role") != OWN_ROLE, one.name


def listening_ports(config: Iterable[RouterEntity]) -> frozenset[int]:
    """The ports of its listeners for AMQP; a stranger's may be names."""
    texts = [str(one.get("port")) for one in config if one.type == "listener"]
    return frozenset(int(text) for text in texts if text.isascii() and text.isdigit())


def render(config: RouterConfig) -> str:
    """The text of skrouterd.json."""
    rows = [[one.type, _with_name(one)] for one in config]
    return json.dumps(rows, indent=4) + "\n"


def parse(text: str) -> RouterConfig:
    """What `render` wrote, or the reference; ConfigTextError if it is something else."""
    try:
        rows = json.loads(text)
        return ordered(_entity(kind, dict(attributes)) for kind, attributes in rows if kind in ORDER)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ConfigTextError(f"not a router configuration: {error}") from error


def find(config: Iterable[RouterEntity], kind: str, name: str | None = None) -> RouterEntity | None:
    """The first entity of this type, and name if one is given."""
    return next((one for one in config if one.type == kind and name in (None, one.name)), None)


def _with_name(one: RouterEntity) -> dict[str, Any]:
    attributes = dict(one.attributes)
    return attributes if one.type in _NAMELESS else {"name": one.name, **attributes}


def _entity(kind: str, attributes: dict[str, Any]) -> RouterEntity:
    name = {"router": "id", "address": "prefix", "log": "module"}.get(kind, "name")
    found = str(attributes[name])
    if kind not in _NAMELESS:
        del attributes["name"]
    return RouterEntity(kind, found, attributes)
