"""How a kind's module declares the fields of its documents; reader, writer and CRDs work from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from skrouter.config.resources.rules import Rule

_KEY = "attribute"


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is said about one field beside its type.

    `number_is_text`: a whole number is taken where text is wanted, as people write ports. `items` are the
    least and the most of a list or map.
    """

    description: str
    required: bool = False
    rule: Rule | None = None
    number_is_text: bool = False
    items: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a document: its name there and in Python, its type and what is said about it."""

    name: str
    attribute_name: str
    type: Any
    default: Any
    attribute: Attribute


def attr(
    description: str,
    *,
    default: Any = MISSING,
    required: bool = False,
    rule: Rule | None = None,
    number_is_text: bool = False,
    items: tuple[int, int] | None = None,
) -> Any:
    """A field of a frozen dataclass; without a default it is empty for its type: text, tuple, map, None."""
    attribute = Attribute(description, required, rule, number_is_text, items)
    return field(default="" if default is MISSING else default, metadata={_KEY: attribute})


def texts(description: str, **options: Any) -> Any:
    """A field that holds several values: `tuple[str, ...]`, or a tuple of an own class."""
    return attr(description, default=(), **options)


def mapping(description: str, **options: Any) -> Any:
    """A field that holds a map by names."""
    attribute = Attribute(description, **options)
    return field(default_factory=dict, metadata={_KEY: attribute})


def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of a dataclass as documents have them, in the order of declaration."""
    key: Any = cls  # a class is hashable, which mypy does not know of type[Any]
    return _fields_of(key)


@cache
def _fields_of(cls: Any) -> tuple[Field, ...]:
    hints = get_type_hints(cls)
    return tuple(
        Field(camel_case(one.name), one.name, hints[one.name], _default(one), one.metadata[_KEY])
        for one in fields(cls)
        if _KEY in one.metadata
    )


def _default(one: Any) -> Any:
    return one.default if one.default is not MISSING else one.default_factory()


def camel_case(name: str) -> str:
    """`routing_key` as `routingKey`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def without_none(kind: Any) -> Any:
    """The class of an optional field: `X | None` as `X`; others as they are."""
    arguments = [one for one in get_args(kind) if one is not type(None)]
    return arguments[0] if _is_union(kind) and len(arguments) == 1 else kind


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def item_type(kind: Any) -> Any:
    """The class of the items of a tuple, or of the values of a map."""
    arguments = get_args(kind)
    return arguments[1] if is_map(kind) else arguments[0]


def is_list(kind: Any) -> bool:
    """Whether a field holds several values."""
    return get_origin(kind) is tuple


def is_map(kind: Any) -> bool:
    """Whether a field holds a map."""
    return get_origin(kind) in (Mapping, dict)
