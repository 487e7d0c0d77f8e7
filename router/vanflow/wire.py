"""VanFlow's messages to and from octets (spec: vanflow §3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import BodyKind, Message, Properties, decode_message, encode_message
from skrouter.amqp.types import Long, Symbol, UInt, ULong
from skrouter.router.vanflow.attributes import NUMBERS, Attribute, Attributes, RecordType

ALL_SOURCES: Final = "mc/sfe.all"
MAX_RECORDS: Final = 50
"""Records in one message."""
VERSION: Final = UInt(1)
BEACON: Final = "BEACON"
HEARTBEAT: Final = "HEARTBEAT"
RECORD: Final = "RECORD"
FLUSH: Final = "FLUSH"

_KEYS: Final = {one: UInt(one) for one in Attribute}
_ATTRIBUTES: Final = {int(one): one for one in Attribute}
_TYPES: Final = {int(one): one for one in RecordType}

Told = tuple[RecordType, str, Attributes]
"""A record in a message: type, identity, attributes."""


def event_address(identity: str, suffix: str = "") -> str:
    """Where a router with this record tells: `.flows` and `.logs` have addresses of their own."""
    return f"mc/sfe.{identity}{suffix}"


def command_address(identity: str) -> str:
    """Where it takes commands."""
    return f"sfe.{identity}"


def co_record_address(source: str) -> str:
    """Where the router of a source takes what others add to its records."""
    return f"vfcr.{source}:0"


def beacon(number: int, identity: str) -> bytes:
    """Here is a source."""
    properties: dict[str, object] = {
        Symbol("v"): VERSION,
        Symbol("sourceType"): "ROUTER",
        Symbol("id"): identity,
        Symbol("address"): event_address(identity),
        Symbol("direct"): command_address(identity),
    }
    return _message(number, ALL_SOURCES, BEACON, application_properties=properties)


def heartbeat(number: int, identity: str, moment: int) -> bytes:
    """It is alive; `moment`: microseconds since 1970."""
    properties: dict[str, object] = {
        Symbol("v"): VERSION,
        Symbol("now"): ULong(moment),
        Symbol("id"): identity,
    }
    return _message(number, event_address(identity), HEARTBEAT, application_properties=properties)


def records(number: int, to: str, told: Iterable[Told]) -> bytes:
    """Records, at most MAX_RECORDS of them."""
    return _message(number, to, RECORD, [_record(*one) for one in told])


def _message(
    number: int,
    to: str,
    subject: str,
    body: object = None,
    application_properties: dict[str, object] | None = None,
) -> bytes:
    properties = Properties(message_id=Long(number), to=to, subject=subject)
    return encode_message(Message(body, properties=properties, application_properties=application_properties))


def _record(kind: RecordType, identity: str, attributes: Attributes) -> dict[UInt, object]:
    found: dict[UInt, object] = {
        _KEYS[Attribute.RECORD_TYPE]: UInt(kind),
        _KEYS[Attribute.IDENTITY]: identity,
    }
    for name in sorted(attributes):
        value = attributes[name]
        found[_KEYS[name]] = ULong(value) if isinstance(value, int) else value
    return found


# --- reading


def read_subject(content: bytes) -> str | None:
    """The subject of a message; DecodeError."""
    properties = decode_message(content).properties
    return None if properties is None else properties.subject


def read_records(content: bytes) -> Iterator[Told]:
    """The records of a message that make sense: the others are left out. DecodeError: it has none at all."""
    message = decode_message(content)
    if message.properties is None or message.properties.subject != RECORD:
        raise DecodeError("the subject of a message with records must be RECORD")
    if message.body_kind is not BodyKind.VALUE or not isinstance(message.body, list):
        raise DecodeError("the body of a message with records must be a list")
    for one in message.body:
        if (told := _read_record(one)) is not None:
            yield told


def _read_record(body: object) -> Told | None:
    if not isinstance(body, dict):
        return None
    attributes: Attributes = {}
    for key, value in body.items():
        name = _ATTRIBUTES.get(key) if isinstance(key, UInt) else None
        if name is None or not _fits(name, value):
            return None
        attributes[name] = int(value) if name in NUMBERS else value
    number = attributes.pop(Attribute.RECORD_TYPE, -1)
    kind = _TYPES.get(number) if isinstance(number, int) else None
    identity = attributes.pop(Attribute.IDENTITY, None)
    if kind is None or not isinstance(identity, str):
        return None
    return kind, identity, attributes


def _fits(name: Attribute, value: object) -> bool:
    """Numbers are unsigned, of 32 or 64 bits."""
    return isinstance(value, UInt | ULong) if name in NUMBERS else type(value) is str
