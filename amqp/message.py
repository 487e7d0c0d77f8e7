"""A whole control or management message, read and built (AMQP 1.0 §3.2).

Belongs here: sections, their order and fields. Does not: what a body means; messages that only pass through.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final

from skrouter.amqp import codec, conditions
from skrouter.amqp.annotations import RouterAnnotations, decode_annotations, encode_annotations
from skrouter.amqp.codec import REFERENCE, Conventions
from skrouter.amqp.errors import DecodeError, shown
from skrouter.amqp.types import Described, SizedInt, Symbol, Timestamp, UByte, UInt, ULong

__all__ = ["BodyKind", "Header", "Message", "Properties", "decode_head", "decode_message", "encode_message"]


class BodyKind(Enum):
    """Which sections are the body (§3.2.6–3.2.8), and the Python shape of `Message.body`."""

    NONE = "none"
    """No body section; `body` is None. Not legal by the standard; edge routers send it."""
    VALUE = "amqp-value"
    """One value."""
    DATA = "data"
    """A tuple of bytes, one for each data section."""
    SEQUENCE = "amqp-sequence"
    """A tuple of lists, one for each sequence section."""


@dataclass(frozen=True, slots=True)
class Header:
    """Section header (§3.2.1). None: left to the default; `ttl` in milliseconds."""

    durable: bool | None = None
    priority: int | None = None
    ttl: int | None = None
    first_acquirer: bool | None = None
    delivery_count: int | None = None
    on_wire: int = field(default=0, compare=False, repr=False)
    """Fields to write at least, trailing nulls included; in a message read: fields that were there."""


@dataclass(frozen=True, slots=True)
class Properties:
    """Section properties (§3.2.4), the 13 fields in order; None: absent. Times in ms since the epoch."""

    message_id: object = None
    """ulong, uuid, binary or string (§3.2.11); the reference also answers with `int`: any scalar is kept."""
    user_id: bytes | None = None
    to: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    correlation_id: object = None
    """As `message_id`; a reply repeats the request's value."""
    content_type: str | None = None
    """A Symbol by the standard; the reference's TCP adaptor sends a string: the Python type tells which."""
    content_encoding: str | None = None
    absolute_expiry_time: int | None = None
    creation_time: int | None = None
    group_id: str | None = None
    group_sequence: int | None = None
    reply_to_group_id: str | None = None
    on_wire: int = field(default=0, compare=False, repr=False)
    """Fields to write at least, trailing nulls included; in a message read: fields that were there."""


@dataclass(frozen=True, slots=True)
class Message:
    """All sections of a message; None: section absent (body: see BodyKind)."""

    body: object = None
    body_kind: BodyKind = BodyKind.VALUE
    header: Header | None = None
    delivery_annotations: Mapping[object, object] | None = None
    message_annotations: Mapping[object, object] | None = None
    properties: Properties | None = None
    application_properties: Mapping[str, object] | None = None
    footer: Mapping[object, object] | None = None
    router_annotations: RouterAnnotations | None = None


CONTROL_HEADER: Final = Header(durable=False)
"""The header of every message the reference composes itself."""


# --- sections: code, symbolic descriptor, and the place in the order of §3.2 ---------------------------


class Section(Enum):
    """Descriptor codes of the sections."""

    HEADER = 0x70
    DELIVERY_ANNOTATIONS = 0x71
    MESSAGE_ANNOTATIONS = 0x72
    PROPERTIES = 0x73
    APPLICATION_PROPERTIES = 0x74
    DATA = 0x75
    SEQUENCE = 0x76
    VALUE = 0x77
    FOOTER = 0x78


_NAMES: Final = {
    "amqp:header:list": Section.HEADER,
    "amqp:delivery-annotations:map": Section.DELIVERY_ANNOTATIONS,
    "amqp:message-annotations:map": Section.MESSAGE_ANNOTATIONS,
    "amqp:properties:list": Section.PROPERTIES,
    "amqp:application-properties:map": Section.APPLICATION_PROPERTIES,
    "amqp:data:binary": Section.DATA,
    "amqp:amqp-sequence:list": Section.SEQUENCE,
    "amqp:amqp-value:*": Section.VALUE,
    "amqp:footer:map": Section.FOOTER,
}

_BODY: Final = {
    Section.DATA: BodyKind.DATA,
    Section.SEQUENCE: BodyKind.SEQUENCE,
    Section.VALUE: BodyKind.VALUE,
}

_REPEATED: Final = frozenset({Section.DATA, Section.SEQUENCE})

# The type each field has on the wire; `object` stands for any scalar. A plain int is widened on the way out.
_HEADER_TYPES: Final[tuple[type, ...]] = (bool, UByte, UInt, bool, UInt)
_PROPERTY_TYPES: Final[tuple[type, ...]] = (
    object,
    bytes,
    str,
    str,
    str,
    object,
    str,
    str,
    Timestamp,
    Timestamp,
    str,
    UInt,
    str,
)

_ADDRESSES: Final = frozenset({"to", "reply_to"})
"""Fields that must be strings: forwarding reads no symbol as an address, so a reply to one would be lost."""

_HEADER_NAMES: Final = tuple(f.name for f in fields(Header))[:-1]
_PROPERTY_NAMES: Final = tuple(f.name for f in fields(Properties))[:-1]


# --- writing --------------------------------------------------------------------------------------------


def encode_message(message: Message, conventions: Conventions = REFERENCE) -> bytes:
    """Octets of the message; lists end with the last field that is not null, or at `on_wire`."""
    out = bytearray()
    if message.router_annotations is not None:
        out += encode_annotations(message.router_annotations)
    for section, value in _sections(message):
        out += codec.encode(Described(ULong(section.value), value), conventions)
    return bytes(out)


def _sections(message: Message) -> list[tuple[Section, object]]:
    head: list[tuple[Section, object]] = [
        (Section.HEADER, _header_fields(message.header)),
        (Section.DELIVERY_ANNOTATIONS, message.delivery_annotations),
        (Section.MESSAGE_ANNOTATIONS, message.message_annotations),
        (Section.PROPERTIES, _property_fields(message.properties)),
        (Section.APPLICATION_PROPERTIES, message.application_properties),
    ]
    present = [(section, dict(value) if isinstance(value, Mapping) else value) for section, value in head]
    present = [(section, value) for section, value in present if value is not None]
    present += _body_sections(message)
    if message.footer is not None:
        present.append((Section.FOOTER, dict(message.footer)))
    return present


def _body_sections(message: Message) -> list[tuple[Section, object]]:
    if message.body_kind is BodyKind.VALUE:
        return [(Section.VALUE, message.body)]
    if message.body_kind is BodyKind.NONE:
        return []
    if not isinstance(message.body, tuple):
        raise TypeError(f"a {message.body_kind.value} body is a tuple of sections, not {message.body!r}")
    section = Section.DATA if message.body_kind is BodyKind.DATA else Section.SEQUENCE
    return [(section, part) for part in message.body]


def _header_fields(header: Header | None) -> list[object] | None:
    return None if header is None else _fields(header, _HEADER_NAMES, _HEADER_TYPES, header.on_wire)


def _property_fields(properties: Properties | None) -> list[object] | None:
    if properties is None:
        return None
    return _fields(properties, _PROPERTY_NAMES, _PROPERTY_TYPES, properties.on_wire)


def _fields(section: object, names: tuple[str, ...], types: tuple[type, ...], at_least: int) -> list[object]:
    values = [_sized(getattr(section, name), cls) for name, cls in zip(names, types, strict=True)]
    while len(values) > at_least and values[-1] is None:
        values.pop()
    return values


def _sized(value: object, cls: type) -> object:
    return cls(value) if isinstance(value, int) and issubclass(cls, SizedInt) else value


# --- reading --------------------------------------------------------------------------------------------


def decode_message(data: bytes) -> Message:
    """All of `data` as one message; DecodeError if it is not."""
    return _collect(data, head_only=False)[0]


def decode_head(data: bytes) -> tuple[Message, int]:
    """The message up to and with its first body section, and the offset after it.

    For a TCP stream, where raw payload follows that section without any framing (spec/tcp-adaptor.md §3.1).
    """
    return _collect(data, head_only=True)


def _collect(data: bytes, *, head_only: bool) -> tuple[Message, int]:
    annotations, offset = decode_annotations(data)
    found: dict[Section, list[object]] = {}
    last = 0
    while offset < len(data):
        section, value, offset = _section(data, offset)
        _check_order(section, last, found)
        last = section.value
        found.setdefault(section, []).append(value)
        if head_only and section in _BODY:
            break
    return _message(annotations, found), offset


def _section(data: bytes, offset: int) -> tuple[Section, object, int]:
    # Told apart first: octets that are no section at all deserve no error about their inside.
    described, end = codec.decode(data, offset) if data[offset] == 0x00 else (None, offset)
    if not isinstance(described, Described):
        raise DecodeError(f"a message section is needed at offset {offset}")
    descriptor = described.descriptor
    if isinstance(descriptor, ULong) and Section.HEADER.value <= descriptor <= Section.FOOTER.value:
        return Section(int(descriptor)), described.value, end
    if isinstance(descriptor, Symbol) and descriptor in _NAMES:
        return _NAMES[descriptor], described.value, end
    raise DecodeError(f"unknown message section {shown(descriptor)} at offset {offset}")


def _check_order(section: Section, last: int, found: Mapping[Section, object]) -> None:
    if section in found and section not in _REPEATED:
        raise DecodeError(f"section {_name(section)} is there twice")
    if section.value < last:
        raise DecodeError(f"section {_name(section)} is out of order")
    if section in _BODY and any(other in _BODY for other in found if other is not section):
        raise DecodeError(f"section {_name(section)} follows a body of another kind")


def _name(section: Section) -> str:
    return section.name.lower().replace("_", "-")


def _message(annotations: RouterAnnotations | None, found: Mapping[Section, list[object]]) -> Message:
    body, kind = _body(found)
    return Message(
        body=body,
        body_kind=kind,
        header=_header(found),
        delivery_annotations=_map(found, Section.DELIVERY_ANNOTATIONS),
        message_annotations=_map(found, Section.MESSAGE_ANNOTATIONS),
        properties=_properties(found),
        application_properties=_application_properties(found),
        footer=_map(found, Section.FOOTER),
        router_annotations=annotations,
    )


def _body(found: Mapping[Section, list[object]]) -> tuple[object, BodyKind]:
    section = next((section for section in _BODY if section in found), None)
    if section is None:
        return None, BodyKind.NONE
    parts, kind = found[section], _BODY[section]
    if kind is BodyKind.VALUE:
        return parts[0], kind
    needed = bytes if kind is BodyKind.DATA else list
    if not all(type(part) is needed for part in parts):
        raise DecodeError(f"a {kind.value} section must hold a {'binary' if needed is bytes else 'list'}")
    return tuple(parts), kind


def _map(found: Mapping[Section, list[object]], section: Section) -> dict[object, object] | None:
    if section not in found:
        return None
    value = found[section][0]
    if not isinstance(value, dict):
        raise DecodeError(f"section {_name(section)} must be a map, not {shown(value)}")
    return value


def _application_properties(found: Mapping[Section, list[object]]) -> dict[str, object] | None:
    section = Section.APPLICATION_PROPERTIES
    value = _map(found, section)
    if value is None:
        return None
    checked: dict[str, object] = {}
    for key, property_value in value.items():
        if not isinstance(key, str):
            raise DecodeError(f"keys of application-properties must be strings, not {shown(key)}")
        checked[key] = property_value
    return checked


def _header(found: Mapping[Section, list[object]]) -> Header | None:
    if Section.HEADER not in found:
        return None
    values = _field_values(found[Section.HEADER][0], Section.HEADER, _HEADER_NAMES, _HEADER_TYPES)
    present: dict[str, Any] = dict(zip(_HEADER_NAMES, values, strict=False))
    return Header(**present, on_wire=len(values))


def _properties(found: Mapping[Section, list[object]]) -> Properties | None:
    if Section.PROPERTIES not in found:
        return None
    values = _field_values(found[Section.PROPERTIES][0], Section.PROPERTIES, _PROPERTY_NAMES, _PROPERTY_TYPES)
    present: dict[str, Any] = dict(zip(_PROPERTY_NAMES, values, strict=False))
    return Properties(**present, on_wire=len(values))


def _field_values(
    value: object, section: Section, names: tuple[str, ...], types: tuple[type, ...]
) -> list[object]:
    if not isinstance(value, list):
        raise DecodeError(f"section {_name(section)} must be a list, not {shown(value)}")
    if len(value) > len(names):
        raise DecodeError(f"section {_name(section)} has {len(value)} fields, at most {len(names)} exist")
    for name, cls, element in zip(names, types, value, strict=False):
        _check_field(section, name, cls, element)
    return value


def _check_field(section: Section, name: str, cls: type, value: object) -> None:
    if value is None:
        return
    right = not isinstance(value, list | dict | Described) if cls is object else isinstance(value, cls)
    if not right or (name in _ADDRESSES and isinstance(value, Symbol)):
        wanted = "scalar" if cls is object else cls.__name__.lower()
        raise DecodeError(
            f"{_name(section)}.{name} must be a {wanted}, not {shown(value)}", conditions.INVALID_FIELD
        )
