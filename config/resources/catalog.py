"""All kinds, by name. A new kind is added here.

A kind is imported when it is asked for: a command that reads two kinds does not wait for fifteen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

from skrouter.config.resources.common import CustomResource, Resource

R = TypeVar("R", bound=Resource)

_CUSTOM = {
    "Site": "site",
    "Link": "link",
    "Listener": "listener",
    "Connector": "connector",
    "MultiKeyListener": "multi_key_listener",
    "AttachedConnector": "attached_connector",
    "AttachedConnectorBinding": "attached_connector",
    "AccessGrant": "access_grant",
    "AccessToken": "access_token",
    "RouterAccess": "router_access",
    "SecuredAccess": "secured_access",
    "Certificate": "certificate",
    "NetworkObserver": "network_observer",
}
_CORE = {"Secret": "core", "ConfigMap": "core"}


class Kinds(Mapping[str, type[R]], Generic[R]):
    """Classes by the names of their kinds; `modules` are in this package."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = modules

    def __getitem__(self, name: str) -> type[R]:
        found: type[R] = getattr(import_module(f"skrouter.config.resources.{self._modules[name]}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


CUSTOM: Kinds[CustomResource] = Kinds(_CUSTOM)
"""Kinds with a CRD."""

KINDS: Kinds[Resource] = Kinds({**_CUSTOM, **_CORE})
"""All kinds that documents may have."""
