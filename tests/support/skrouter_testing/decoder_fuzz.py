"""Octets for the decoders of control messages, and what must be true of every answer.

Belongs here: cases, drawn from real messages and from the type system, and a judge for each decoder. Does
not: how many cases are tried (tests/fuzz, and property tests with a few).
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Final

from skrouter.amqp import codec, conditions
from skrouter.amqp.annotations import DESCRIPTOR, decode_annotations, encode_annotations
from skrouter.amqp.capabilities import decode_symbols, offered_capabilities, open_properties
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import decode_head, decode_message, encode_message
from skrouter.amqp.types import Described, Long, Symbol, UByte, UInt, ULong
from skrouter.router.mesh import wire
from skrouter.router.mesh.messages import MessageError, UnsupportedMessage

from skrouter_testing import agent_campaign, captures
from skrouter_testing.amqp_octets import TELLING, any_value, damaged
from skrouter_testing.heads import check_against_pure

Judge = Callable[[bytes], None]
Case = Callable[[Random], bytes]


# --- any legal encoding of a value ----------------------------------------------------------------------


def any_form(value: object, source: Random, *, loose: bool = False) -> bytes:
    """A legal encoding of the value, any of those there are; `loose`: integers and texts of any type too.

    A value of a typed class keeps its type, but for `loose`. Knows what control messages are made of.
    """
    match value:
        case None:
            return b"\x40"
        case bool():
            return source.choice((b"\x41", b"\x56\x01") if value else (b"\x42", b"\x56\x00"))
        case int():
            return source.choice(_integers(value, loose=loose))
        case str():
            return _text(value, source, loose=loose)
        case bytes():
            return _sized(0xA0, value, source)
        case Described():
            return b"\x00" + any_form(value.descriptor, source) + any_form(value.value, source, loose=loose)
        case list() | tuple():
            return _compound(0xC0, [any_form(item, source, loose=loose) for item in value], source)
        case Mapping():
            flat = [item for pair in value.items() for item in pair]
            return _compound(0xC1, [any_form(item, source, loose=loose) for item in flat], source)
    raise TypeError(f"no encodings known for {value!r}")


_INTEGERS: Final = (
    (0x50, ">B"), (0x51, ">b"), (0x52, ">B"), (0x53, ">B"), (0x54, ">b"), (0x55, ">b"), (0x60, ">H"),
    (0x61, ">h"), (0x70, ">I"), (0x71, ">i"), (0x80, ">Q"), (0x81, ">q"),
)  # fmt: skip
_OF_TYPE: Final[Mapping[type, tuple[int, ...]]] = {
    UByte: (0x50,),
    UInt: (0x52, 0x70),
    ULong: (0x53, 0x80),
    Long: (0x55, 0x81),
}


def _integers(value: int, *, loose: bool) -> list[bytes]:
    """All encodings of an integer, of all types or of its own."""
    codes = None if loose else _OF_TYPE.get(type(value))
    forms = [b"\x43"] if value == 0 and (codes is None or 0x70 in codes) else []
    forms += [b"\x44"] if value == 0 and (codes is None or 0x80 in codes) else []
    for code, layout in _INTEGERS:
        if codes is not None and code not in codes:
            continue
        try:
            forms.append(bytes((code,)) + struct.pack(layout, value))
        except struct.error:
            continue
    return forms


def _text(value: str, source: Random, *, loose: bool) -> bytes:
    symbol = isinstance(value, Symbol)
    if loose and value.isascii():
        symbol = source.random() < 0.5
    return _sized(0xA3 if symbol else 0xA1, value.encode(), source)


def _sized(code: int, octets: bytes, source: Random) -> bytes:
    if len(octets) < 256 and source.random() < 0.5:
        return bytes((code, len(octets))) + octets
    return bytes((code + 0x10,)) + struct.pack(">I", len(octets)) + octets


def _compound(code: int, items: list[bytes], source: Random) -> bytes:
    if not items and code == 0xC0 and source.random() < 0.3:
        return b"\x45"
    body = b"".join(items)
    if len(body) < 255 and len(items) < 256 and source.random() < 0.5:
        return bytes((code, len(body) + 1, len(items))) + body
    return bytes((code + 0x10,)) + struct.pack(">II", len(body) + 4, len(items)) + body


# --- cases ----------------------------------------------------------------------------------------------


@cache
def real_messages() -> tuple[bytes, ...]:
    """Every message of the recorded connections that is small enough to be damaged often."""
    found = {
        delivery.content: None
        for file in captures.CONNECTION_FILES
        for delivery in captures.deliveries(captures.connection_frames(file))
        if delivery.complete and len(delivery.content) < 2000
    }
    return tuple(found)


@cache
def control_messages() -> tuple[bytes, ...]:
    """Those of the routing protocol."""
    return tuple(octets for octets in real_messages() if b"\x06opcode" in octets)


@cache
def real_values() -> tuple[bytes, ...]:
    """Performatives of the recorded connections, and the properties of their opens."""
    found: dict[bytes, None] = {}
    for file in captures.CONNECTION_FILES:
        for frame in captures.connection_frames(file):
            if frame.name in ("protocol-header", "empty"):
                continue
            value, end = codec.decode(frame.octets, 8)
            found[frame.octets[8:end]] = None
            if frame.name == "open" and isinstance(value, Described) and isinstance(value.value, list):
                found.update({codec.encode(item): None for item in value.value[7:]})
    return tuple(found)


def mutated(seeds: tuple[bytes, ...], source: Random) -> bytes:
    """A real one, damaged in up to four octets, cut, grown by any value, or joined with another."""
    octets = source.choice(seeds)
    match source.randrange(6):
        case 0:
            return octets[: source.randrange(len(octets) + 1)]
        case 1:
            at = source.randrange(len(octets) + 1)
            return octets[:at] + any_value(source) + octets[at + source.randrange(8) :]
        case 2:
            other = source.choice(seeds)
            return octets[: source.randrange(len(octets) + 1)] + other[source.randrange(len(other) + 1) :]
        case _:
            # The four octets in front take the frame size that `damaged` may write.
            return damaged(bytes(4) + octets, source)[4:]


def structured_value(source: Random) -> bytes:
    """Any value by the type system, sometimes with one telling octet changed."""
    octets = bytearray(any_value(source, depth=5))
    if source.random() < 0.3:
        octets[source.randrange(len(octets))] = source.choice(TELLING)
    return bytes(octets)


def structured_annotations(source: Random) -> bytes:
    """A section of plausible or implausible fields, in any encoding."""

    def text() -> bytes:
        return source.choice(
            (b"\x40", any_form(source.choice(("", "0/A", "x" * 300)), source), any_value(source, depth=1))
        )

    trace = any_form(["0/A"] * source.randrange(4), source) if source.random() < 0.8 else any_value(source)
    flags = any_form(UInt(source.choice((0, 1, 7, 2**32 - 1))), source, loose=source.random() < 0.2)
    fields = [flags, text(), text(), trace, text()][: source.choice((3, 4, 4, 5, 5, 5))]
    return DESCRIPTOR + _compound(0xC0, fields, source) + source.choice((b"", source.choice(real_messages())))


def structured_message(source: Random) -> bytes:
    """Sections in or out of order, with plausible or implausible content, in any encoding."""
    parts = [structured_annotations(source)] if source.random() < 0.3 else []
    codes = sorted(source.sample(range(0x70, 0x79), source.randrange(5)))
    if source.random() < 0.1:
        source.shuffle(codes)
    for code in codes:
        content = _section_content(code, source) if source.random() < 0.8 else any_value(source)
        parts.append(b"\x00" + any_form(ULong(code), source) + content)
    return b"".join(parts)


def _section_content(code: int, source: Random) -> bytes:
    if code in (0x71, 0x72, 0x74, 0x78):
        keys = source.sample(("opcode", "V", "meshid", "x-opt", ""), source.randrange(3))
        return any_form({key: source.choice((None, 1, "HELLO", b"")) for key in keys}, source, loose=True)
    if code == 0x75:
        return any_form(source.randbytes(source.randrange(5)), source)
    if code in (0x70, 0x73):
        items = [b"\x40" if source.random() < 0.5 else any_value(source, depth=0) for _ in range(7)]
        return _compound(0xC0, items[: source.randrange(8)], source)
    return any_form([source.choice((None, 0, "a"))], source)


def structured_control(source: Random) -> bytes:
    """A real protocol message with a field of its body left out or of another value, in any encoding."""
    message = decode_message(source.choice(control_messages()))
    body = dict(message.body) if isinstance(message.body, dict) else {}
    key = source.choice(list(body))
    other: object = source.choice(
        (None, -1, 0, 2**31, 2**63, 2**64 - 1, "", "B", [], [[]], ["Mfoo"], [["Mfoo", 9]], {}, {"B": 0}, True)
    )
    match source.randrange(4):
        case 0:
            del body[key]
        case 1:
            body[key] = other
        case 2 if isinstance(body[key], dict):
            inner = dict(body[key])
            inner[source.choice(list(inner))] = other
            body[key] = inner
        case _:
            body[source.choice(("hints", "pv", "ls", "exist", "add"))] = other
    sections = encode_message(replace(message, body=None, router_annotations=None))
    return sections.removesuffix(b"\x00\x53\x77\x40") + b"\x00\x53\x77" + any_form(body, source, loose=True)


def structured_capabilities(source: Random) -> bytes:
    """A properties map or a field of symbols with values of any type."""
    keys = source.sample(
        ("product", "version", "qd.conn-id", "qd.inter-router-cost", "qd.inter-router-role",
         "qd.group-correlator", "qd.group-ordinal", "qd.access-id", "failover-server-list", "x"),
        source.randrange(6),
    )  # fmt: skip
    failover = any_form([{"network-host": "a", "port": source.choice(("1", 1, None))}, 7], source, loose=True)
    parts = []
    for key in keys:
        parts.append(any_form(Symbol(key), source, loose=source.random() < 0.1))
        parts.append(
            source.choice(
                (any_value(source), any_form(source.choice((1, 4, -1, "x" * 16)), source), failover)
            )
        )
    return _compound(0xC1, parts, source) if source.random() < 0.7 else any_value(source)


# --- judges ---------------------------------------------------------------------------------------------


def judge_codec(octets: bytes) -> None:
    """A value whose encodings are read back the same, or a DecodeError."""
    try:
        value, end = codec.decode(octets)
    except DecodeError:
        return
    assert 0 < end <= len(octets)
    for way in (codec.REFERENCE, codec.COMPACT):
        again = codec.encode(value, way)
        assert codec.encode(codec.decode_one(again), way) == again


def judge_message(octets: bytes) -> None:
    """A message that is read back the same, or a DecodeError; the head agrees with the whole."""
    try:
        head, end = decode_head(octets)
        assert end <= len(octets)
        whole = decode_message(octets)
    except DecodeError:
        return
    for message in (head, whole):
        again = encode_message(message)
        assert encode_message(decode_message(again)) == again
    assert (head.properties, head.header, head.body_kind) == (whole.properties, whole.header, whole.body_kind)


def judge_annotations(octets: bytes) -> None:
    """Annotations that are read back the same, none, or an invalid field."""
    try:
        found, end = decode_annotations(octets)
    except DecodeError as error:
        assert error.condition == conditions.INVALID_FIELD
        return
    assert (found is None) == (end == 0) == (not octets.startswith(DESCRIPTOR))
    if found is not None:
        again = encode_annotations(found)
        assert decode_annotations(again) == (found, len(again))


def judge_mesh(octets: bytes) -> None:
    """A protocol message that is read back the same, or one of the two documented errors."""
    try:
        message = wire.decode(octets)
    except (DecodeError, MessageError):
        return
    if not isinstance(message, UnsupportedMessage):
        assert wire.decode(wire.encode(message)) == message


def judge_capabilities(octets: bytes) -> None:
    """What a peer's open means, or a DecodeError."""
    try:
        value, _ = codec.decode(octets)
    except DecodeError:
        return
    fields = value.value if isinstance(value, Described) and isinstance(value.value, list) else [value]
    for item in fields:
        for read in (open_properties, lambda item: offered_capabilities(decode_symbols(item, "offered"))):
            try:
                read(item)
            except DecodeError as error:
                assert error.condition == conditions.INVALID_FIELD


@dataclass(frozen=True, slots=True)
class Campaign:
    """One decoder: where its cases come from, and who judges it."""

    cases: tuple[Case, ...]
    judge: Judge

    def case(self, source: Random) -> bytes:
        """One case."""
        return source.choice(self.cases)(source)


CAMPAIGNS: Final[Mapping[str, Campaign]] = {
    "codec": Campaign((structured_value, lambda source: mutated(real_values(), source)), judge_codec),
    "message": Campaign((structured_message, lambda source: mutated(real_messages(), source)), judge_message),
    "annotations": Campaign(
        (structured_annotations, lambda source: mutated(real_messages(), source)), judge_annotations
    ),
    "mesh": Campaign((structured_control, lambda source: mutated(control_messages(), source)), judge_mesh),
    "capabilities": Campaign(
        (structured_capabilities, lambda source: mutated(real_values(), source)), judge_capabilities
    ),
    "native-head": Campaign(
        (structured_message, structured_annotations, lambda source: mutated(real_messages(), source)),
        check_against_pure,
    ),
    "agent": Campaign((agent_campaign.case,), agent_campaign.judge),
}
"""By the decoder's name."""


# --- the same message in another encoding ---------------------------------------------------------------


def reencoded(octets: bytes, source: Random) -> bytes:
    """A real message with the same meaning, every value in any encoding that AMQP has for it.

    Integers of the body and keys of maps may have any type; other values keep theirs, as the sections demand.
    """
    annotations, offset = decode_annotations(octets)
    out = b""
    if annotations is not None:
        fields, _ = codec.decode(octets, len(DESCRIPTOR))
        out = DESCRIPTOR + _no_empty_list(any_form(fields, source))
    while offset < len(octets):
        section, offset = codec.decode(octets, offset)
        assert isinstance(section, Described)
        loose = section.descriptor in (0x74, 0x77)
        out += b"\x00" + any_form(section.descriptor, source) + any_form(section.value, source, loose=loose)
    return out


def _no_empty_list(octets: bytes) -> bytes:
    assert octets[0] in (0xC0, 0xD0), "annotations have four fields at least"
    return octets
