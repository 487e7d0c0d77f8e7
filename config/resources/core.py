"""Secret and ConfigMap of Kubernetes, as far as sites use them. Their content is never shown by `repr`."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from skrouter.config.resources.common import Kind, Metadata, Resource
from skrouter.config.resources.problems import Notes, Place

TLS_FILES = ("ca.crt", "tls.crt", "tls.key")


@dataclass(frozen=True, slots=True)
class Secret(Resource):
    """Secret octets by key."""

    KIND: ClassVar[Kind] = Kind("Secret", "secrets", "Credentials.", group="", version="v1")
    type: str = "Opaque"
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def holds_credentials(self) -> bool:
        """Whether it has CA, certificate and key."""
        return all(self.data.get(name) for name in TLS_FILES)


@dataclass(frozen=True, slots=True)
class ConfigMap(Resource):
    """Text by key."""

    KIND: ClassVar[Kind] = Kind("ConfigMap", "configmaps", "Texts.", group="", version="v1")
    data: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_secret(metadata: Metadata, document: Mapping[str, Any], place: Place, notes: Notes) -> Secret:
    """A Secret of `data` in base64 and `stringData` as it is; no value is ever part of a problem."""
    data: dict[str, bytes] = {}
    for key, value in _texts(document.get("data"), place.at("data"), notes):
        try:
            data[key] = b64decode("".join(value.split()), validate=True)
        except (Base64Error, ValueError):
            notes.complain(place.at("data").item(key), "is not base64", "encode it, or use stringData")
    for key, value in _texts(document.get("stringData"), place.at("stringData"), notes):
        data[key] = value.encode()
    kind = document.get("type") or "Opaque"
    return Secret(metadata, kind if isinstance(kind, str) else "Opaque", data)


def read_config_map(metadata: Metadata, document: Mapping[str, Any], place: Place, notes: Notes) -> ConfigMap:
    """A ConfigMap of `data`."""
    return ConfigMap(metadata, dict(_texts(document.get("data"), place.at("data"), notes)))


def write_core(resource: Resource) -> dict[str, Any]:
    """What follows the metadata in the document of a Secret or ConfigMap."""
    if isinstance(resource, Secret):
        data = {key: b64encode(value).decode() for key, value in resource.data.items()}
        return {"type": resource.type, "data": data}
    return {"data": dict(resource.data)} if isinstance(resource, ConfigMap) else {}


def _texts(found: object, place: Place, notes: Notes) -> list[tuple[str, str]]:
    if found is None:
        return []
    if not isinstance(found, Mapping):
        notes.complain(place, "is not a map", "give names with values")
        return []
    good: list[tuple[str, str]] = []
    for key, value in found.items():
        if isinstance(value, str):
            good.append((str(key), value))
        else:
            notes.complain(place.item(str(key)), "is not text", "write the value in quotes")
    return good
