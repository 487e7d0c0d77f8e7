"""Conversion of one attribute value to its type (spec: router-config.md §2). Knows types, not entities."""

import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

Value: TypeAlias = "str | int | float | bool | dict[str, Value] | list[Value] | None"

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_LONG_MIN, _LONG_MAX = -(1 << 63), (1 << 63) - 1
_BOOLEAN_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class InvalidValueError(ValueError):
    """A value that is not of its attribute's type; `str()` is the text for the user."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


def to_string(value: object) -> str:
    """Text as it is; a number as its decimal text, because clients send ports as integers."""
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidValueError(f"Invalid string value: {value!r}", "leave out the null character")
        return value
    if isinstance(value, int | float):
        return str(value)
    raise InvalidValueError(f"Invalid string value: {value!r}", "give text")


def to_integer(value: object) -> int:
    """A whole number of at most 64 bits, or its decimal text."""
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _LONG_MIN <= value <= _LONG_MAX:
        return value
    raise InvalidValueError(f"Invalid integer value: {value!r}", "give a whole number of at most 64 bits")


def to_boolean(value: object) -> bool:
    """True or false, 1 or 0, or one of yes, true, on, no, false, off in any case."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _BOOLEAN_WORDS:
        return _BOOLEAN_WORDS[value.strip().lower()]
    raise InvalidValueError(f"Invalid boolean value: {value!r}", "give yes, true, on, no, false or off")


def to_map(value: object) -> dict[str, Value]:
    """A map with string keys, or its JSON text."""
    parsed = _parse_json(value)
    if isinstance(parsed, Mapping) and all(isinstance(key, str) for key in parsed):
        return dict(parsed)
    raise InvalidValueError(f"Invalid map value: {value!r}", "give a JSON map with text as keys")


def to_list(value: object) -> list[Value]:
    """A list, or its JSON text."""
    parsed = _parse_json(value)
    if isinstance(parsed, list | tuple):
        return list(parsed)
    raise InvalidValueError(f"Invalid list value: {value!r}", "give a JSON list")


def to_enum(choices: tuple[str, ...], value: object) -> str:
    """One of the names, or its index counted from 0."""
    if isinstance(value, str) and value in choices:
        return value
    index = _enum_index(value)
    if index is not None and 0 <= index < len(choices):
        return choices[index]
    raise InvalidValueError(
        f"Invalid value for enum{list(choices)!r}: {value!r}", f"give one of {', '.join(choices)}"
    )


CONVERTERS: dict[str, Callable[[object], Value]] = {
    "string": to_string,
    "path": to_string,
    "entityId": to_string,
    "integer": to_integer,
    "boolean": to_boolean,
    "map": to_map,
    "properties": to_map,
    "list": to_list,
}


def _enum_index(value: object) -> int | None:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _parse_json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
