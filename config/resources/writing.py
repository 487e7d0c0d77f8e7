"""Objects to documents: without what is empty, keys sorted where they are printed (skupper-cli.md §1.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from skrouter.config.resources.shape import fields_of, is_list, is_map, without_none

EMPTY: Final[tuple[object, ...]] = ("", 0, False, None, [], {})


def write(value: Any) -> dict[str, Any]:
    """The document of an object of a shape, without what is empty or zero, unless the default is true."""
    document: dict[str, Any] = {}
    for one in fields_of(type(value)):
        found = _plain(getattr(value, one.attribute_name), without_none(one.type))
        if found not in EMPTY or (found is False and one.default is True):
            document[one.name] = found
    return document


def _plain(value: Any, kind: Any) -> Any:
    if value is None or isinstance(value, str | int | bool):
        return value
    if is_list(kind):
        return [item if isinstance(item, str | int) else write(item) for item in value]
    if is_map(kind):
        return dict(value)
    return write(value)


def pruned(document: Any) -> Any:
    """A document without empty and zero values, through maps and not into lists. A false has its reason."""
    if not isinstance(document, Mapping):
        return document
    found = {key: pruned(value) for key, value in document.items()}
    return {key: value for key, value in found.items() if value is False or value not in EMPTY}
