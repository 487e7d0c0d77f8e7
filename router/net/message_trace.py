"""What is logged of the messages on a connection (messageLoggingComponents), from its traced frames: pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from skrouter.amqp import codec
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.types import Described
from skrouter.config.message_components import (
    APPLICATION_PROPERTIES,
    COMPONENTS,
    HEADER_FIELDS,
    PROPERTY_FIELDS,
)
from skrouter.router.net import describe

_HEADER: Final = 0x70
_PROPERTIES: Final = 0x73
_MAPPED: Final = 0x74
_BODIES: Final = frozenset({0x75, 0x76, 0x77})
_Link = tuple[bool, int, object]
"""Whether it is ours, the channel, the handle."""


class _Performative(IntEnum):
    ATTACH = 0x12
    TRANSFER = 0x14
    DETACH = 0x16


class MessageTrace:
    """Follows the links of one connection by its frames, and tells each message as its first frame passes."""

    def __init__(self, components: Iterable[str]) -> None:
        self._components = frozenset(components)
        self._links: dict[_Link, str] = {}
        self._unfinished: set[_Link] = set()

    def take(self, octets: bytes, *, outgoing: bool) -> str | None:
        """The first octets of a frame; what is to be logged of it."""
        try:
            performative, end = codec.decode(octets, octets[4] * 4)
        except (DecodeError, IndexError):
            return None  # cut, empty, or the end of the stream: nothing can be said of a message
        if not isinstance(performative, Described) or not isinstance(performative.value, list):
            return None
        fields = performative.value
        channel = int.from_bytes(octets[6:8])
        match performative.descriptor:
            case _Performative.ATTACH:
                self._links[outgoing, channel, fields[1]] = _link_text(fields)
            case _Performative.DETACH:
                self._links.pop((outgoing, channel, fields[0]), None)
            case _Performative.TRANSFER:
                return self._transfer((outgoing, channel, fields[0]), fields, octets[end:])
        return None

    def _transfer(self, link: _Link, fields: list[object], payload: bytes) -> str | None:
        is_first = link not in self._unfinished
        more, aborted = (fields[place] if len(fields) > place else False for place in (5, 9))
        (self._unfinished.add if more and not aborted else self._unfinished.discard)(link)
        if aborted or not is_first:
            return None
        shown = message_text(payload, self._components)
        verb = "Sent" if link[0] else "Received"
        return f"{verb} {shown}{self._links.get(link, '')}"


def _link_text(fields: list[object]) -> str:
    ends = (_address(fields[place] if len(fields) > place else None) for place in (5, 6))
    return f" on link '{fields[0]}' ({' -> '.join(ends)})"


def _address(terminus: object) -> str:
    if isinstance(terminus, Described) and isinstance(terminus.value, list) and terminus.value:
        return str(terminus.value[0] or "")
    return ""


def message_text(payload: bytes, components: frozenset[str]) -> str:
    """`Message{to="x", …}`: those of the components that are there, as far as the octets go."""
    found = _components_of(payload)
    names = [name for name in COMPONENTS if name in components and name in found]
    return f"Message{{{', '.join(f'{name}={describe.value(found[name])}' for name in names)}}}"


def _components_of(payload: bytes) -> dict[str, object]:
    found: dict[str, object] = {}
    at = 0
    while at < len(payload):
        try:
            section, at = codec.decode(payload, at)
        except DecodeError:
            break
        if not isinstance(section, Described) or section.descriptor in _BODIES:
            break
        found.update(_fields_of(section))
    return found


def _fields_of(section: Described) -> dict[str, object]:
    names = {_HEADER: HEADER_FIELDS, _PROPERTIES: PROPERTY_FIELDS}.get(section.descriptor)  # type: ignore[call-overload]
    if names is not None and isinstance(section.value, list):
        return {name: value for name, value in zip(names, section.value, strict=False) if value is not None}
    if section.descriptor == _MAPPED:
        return {APPLICATION_PROPERTIES: section.value}
    return {}
