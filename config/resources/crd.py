"""CustomResourceDefinitions made from the shapes of the kinds. `scripts/crds` writes them to config/crd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skrouter.config.resources.catalog import CUSTOM
from skrouter.config.resources.common import Column, Kind
from skrouter.config.resources.documents import dump_one
from skrouter.config.resources.shape import Field, fields_of, is_list, is_map, item_type, without_none

_TYPES = {str: "string", int: "integer", bool: "boolean"}
_INT64 = {"format": "int64"}


def files() -> dict[str, str]:
    """File name and YAML text of each CRD."""
    return {f"{cls.KIND.group}_{cls.KIND.plural}.yaml": crd_text(cls.KIND) for cls in CUSTOM.values()}


def crd_text(kind: Kind) -> str:
    """The CRD of one kind."""
    return dump_one(definition(kind), complete=True)


def definition(kind: Kind) -> dict[str, Any]:
    """The CRD of one kind as a document."""
    names: dict[str, Any] = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": list(kind.short_names),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {"group": kind.group, "names": names, "scope": "Namespaced", "versions": [_version(kind)]},
    }


def _version(kind: Kind) -> dict[str, Any]:
    properties = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": {**schema(kind.spec), **kind.spec_schema},
        "status": schema(kind.status),
    }
    root = {"type": "object", "description": kind.description, "properties": properties, "required": ["spec"]}
    return {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": root},
        "additionalPrinterColumns": [_column(one) for one in kind.columns],
        "subresources": {"status": {}},
    }


def _column(column: Column) -> dict[str, str]:
    return {"name": column.name, "type": column.type, "jsonPath": column.path}


def schema(cls: type) -> dict[str, Any]:
    """The structural schema of a shape."""
    found: dict[str, Any] = {
        "type": "object",
        "properties": {one.name: _property(one) for one in fields_of(cls)},
    }
    required = [one.name for one in fields_of(cls) if one.attribute.required]
    return {**found, "required": required} if required else found


def _property(one: Field) -> dict[str, Any]:
    return {"description": one.attribute.description, **_of_type(one, without_none(one.type))}


def _of_type(one: Field, kind: Any) -> dict[str, Any]:
    if is_list(kind):
        return {"type": "array", "items": _item(one, item_type(kind)), **_bounds(one, "Items")}
    if is_map(kind):
        inner = item_type(kind)
        if inner is Any:
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        return {
            "type": "object",
            "additionalProperties": _item(one, inner),
            **_bounds(one, "Properties"),
        }
    return _item(one, kind)


def _item(one: Field, kind: Any) -> dict[str, Any]:
    if kind not in _TYPES:
        return schema(kind)
    rule = one.attribute.rule
    found: dict[str, Any] = {"type": _TYPES[kind]}
    if kind is int:
        found |= _INT64
    return {**found, **(rule.schema(number=kind is int) if rule else {})}


def _bounds(one: Field, what: str) -> Mapping[str, int]:
    if one.attribute.items is None:
        return {}
    least, most = one.attribute.items
    return {f"min{what}": least, f"max{what}": most}
