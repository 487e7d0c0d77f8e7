"""Builds the Schema from skrouter.json beside this file. Nothing here looks at configuration."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from skrouter.config.schema.schema import Attribute, EntityType, Schema
from skrouter.config.schema.values import CONVERTERS

_FLAGS = frozenset(
    ("create", "update", "status", "hidden", "counter", "required", "needed", "unique", "deprecated")
)
_BASE_OF_KIND = {
    "abstract": ("entity",),
    "configuration": ("configurationEntity", "entity"),
    "operational": ("operationalEntity", "entity"),
    "test": ("entity",),
}


@cache
def load_schema() -> Schema:
    """The schema of the router; read once in the life of a process."""
    return build_schema(json.loads(Path(__file__).with_name("skrouter.json").read_text(encoding="utf-8")))


def build_schema(data: Mapping[str, Any]) -> Schema:
    """The schema from the parsed file; ValueError if the file contradicts itself."""
    enums = {name: tuple(choices) for name, choices in data["enums"].items()}
    common = _attributes(data["commonAttributes"], enums)
    types: dict[str, EntityType] = {}
    for name, entry in data["entityTypes"].items():
        attributes = {**_attributes(entry["attributes"], enums), **common}
        types[name] = _entity_type(name, entry, data["prefix"], types, attributes)
    return Schema(data["prefix"], types)


def _entity_type(
    name: str,
    entry: Mapping[str, Any],
    prefix: str,
    known: Mapping[str, EntityType],
    attributes: Mapping[str, Attribute],
) -> EntityType:
    bases = _bases(name, entry)
    return EntityType(
        short_name=name,
        long_name=f"{prefix}.{name}",
        kind=entry["kind"],
        attributes=attributes,
        operations=_operations(entry, known[entry["extends"]] if "extends" in entry else None),
        bases=tuple(f"{prefix}.{base}" for base in bases),
        alias=entry.get("alias"),
        singleton=entry.get("singleton", False),
        name_is_optional=entry.get("nameIsOptional", False),
        identified_as=entry.get("identifiedAs"),
        identified_by=tuple(entry.get("identifiedBy", ())),
        description=entry["help"],
    )


def _bases(name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Nearest base first."""
    inherited = tuple(base for base in _BASE_OF_KIND[entry["kind"]] if base != name)
    return (entry["extends"], *inherited) if "extends" in entry else inherited


def _operations(entry: Mapping[str, Any], parent: EntityType | None) -> tuple[str, ...]:
    """Own operations first, then those of the type it extends or READ, which every entity has."""
    if parent is not None:
        inherited = parent.operations
    else:
        inherited = () if entry["kind"] in ("abstract", "test") else ("READ",)
    return (*entry.get("operations", ()), *inherited)


def _attributes(
    entries: Mapping[str, Mapping[str, Any]], enums: Mapping[str, tuple[str, ...]]
) -> dict[str, Attribute]:
    return {name: _attribute(name, entry, enums) for name, entry in entries.items()}


def _attribute(name: str, entry: Mapping[str, Any], enums: Mapping[str, tuple[str, ...]]) -> Attribute:
    flags = frozenset(entry["flags"].split())
    if not flags <= _FLAGS:
        raise ValueError(f"schema attribute {name}: unknown flags {sorted(flags - _FLAGS)}")
    choices = enums.get(entry["type"], ())
    if not choices and entry["type"] not in CONVERTERS:
        raise ValueError(f"schema attribute {name}: unknown type {entry['type']!r}")
    return Attribute(
        name=name,
        type="enum" if choices else entry["type"],
        choices=choices,
        default=entry.get("default"),
        minimum=entry.get("min"),
        description=entry["help"],
        **dict.fromkeys(flags, True),
    )
