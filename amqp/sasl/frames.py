"""Protocol headers and the SASL frames to and from octets (AMQP 1.0 §2.2, §5.3).

Belongs here: octets of one header or frame, with limits. Does not: what may come when (server, client).
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from skrouter.amqp import codec
from skrouter.amqp.capabilities import decode_symbols
from skrouter.amqp.errors import DecodeError, shown
from skrouter.amqp.types import Array, Described, Symbol, UByte, ULong

SASL_HEADER: Final = b"AMQP\x03\x01\x00\x00"
AMQP_HEADER: Final = b"AMQP\x00\x01\x00\x00"
TLS_HEADER: Final = b"AMQP\x02\x01\x00\x00"
HEADER_SIZE: Final = 8

MAX_FRAME: Final = 16384
"""Octets. §5.3.1 allows 512; GSSAPI tickets of real peers are longer."""

_FRAME_HEADER: Final = 8
_SASL_TYPE: Final = 1
_SYM8: Final = 0xA3
_SYM32: Final = 0xB3


class HeaderKind(Enum):
    """What the first 8 octets of a layer are."""

    SASL = "SASL header"
    AMQP = "AMQP header"
    TLS = "TLS header"
    OTHER = "other octets"


_HEADERS: Final = {
    SASL_HEADER: HeaderKind.SASL,
    AMQP_HEADER: HeaderKind.AMQP,
    TLS_HEADER: HeaderKind.TLS,
}


class OutcomeCode(Enum):
    """sasl-code (§5.3.3.6)."""

    OK = 0
    AUTH = 1
    SYS = 2
    SYS_PERM = 3
    SYS_TEMP = 4


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """sasl-mechanisms (§5.3.3.1): what the server offers."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Init:
    """sasl-init (§5.3.3.2): what the client chose. None and empty responses differ."""

    mechanism: str
    initial_response: bytes | None = field(default=None, repr=False)
    hostname: str | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """sasl-challenge (§5.3.3.3)."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """sasl-response (§5.3.3.4)."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """sasl-outcome (§5.3.3.5)."""

    code: OutcomeCode
    additional_data: bytes | None = field(default=None, repr=False)


Frame = Mechanisms | Init | Challenge | Response | Outcome


def sniff_header(data: bytes) -> HeaderKind | None:
    """What `data` begins with; None while fewer than 8 octets are there."""
    return None if len(data) < HEADER_SIZE else _HEADERS.get(data[:HEADER_SIZE], HeaderKind.OTHER)


def encode_frame(frame: Frame) -> bytes:
    """A whole frame; ValueError if it would exceed MAX_FRAME."""
    code, fields = _to_fields(frame)
    while fields and fields[-1] is None:
        fields.pop()
    body = codec.encode(Described(ULong(code), fields), codec.COMPACT)
    size = _FRAME_HEADER + len(body)
    if size > MAX_FRAME:
        raise ValueError(f"a SASL frame of {size} octets; at most {MAX_FRAME} are allowed")
    return size.to_bytes(4) + bytes((2, _SASL_TYPE, 0, 0)) + body


def _to_fields(frame: Frame) -> tuple[int, list[object]]:
    match frame:
        case Mechanisms(names):
            code = _SYM8 if all(len(name) < 256 for name in names) else _SYM32
            return 0x40, [Array(code, tuple(Symbol(name) for name in names))]
        case Init(mechanism, response, hostname):
            return 0x41, [Symbol(mechanism), response, hostname]
        case Challenge(data):
            return 0x42, [data]
        case Response(data):
            return 0x43, [data]
        case Outcome(outcome, data):
            return 0x44, [UByte(outcome.value), data]


def frame_size(data: bytes) -> int | None:
    """Size of the frame at the start of `data`, from its first 4 octets; None while they are not there.

    Checked before a body arrives: DecodeError for a size no SASL frame can have.
    """
    if len(data) < 4:
        return None
    size = int.from_bytes(data[:4])
    if not _FRAME_HEADER <= size <= MAX_FRAME:
        raise DecodeError(f"SASL frame of {size} octets; {_FRAME_HEADER} to {MAX_FRAME} are allowed")
    return size


def decode_frame(data: bytes) -> Frame:
    """The one frame that `data` is, exactly; DecodeError for anything else."""
    if frame_size(data) != len(data):
        raise DecodeError(f"SASL frame of {len(data)} octets does not have the size it states")
    start = 4 * data[4]
    if data[5] != _SASL_TYPE:
        raise DecodeError(f"frame of type {data[5]} inside the SASL layer; it must be {_SASL_TYPE}")
    if not _FRAME_HEADER <= start <= len(data):
        raise DecodeError(f"SASL frame with data offset {data[4]}")
    body = codec.decode_one(data[start:])
    if not isinstance(body, Described) or not isinstance(body.value, list):
        raise DecodeError("SASL frame body is no described list")
    return _from_fields(body.descriptor, body.value)


_NAMES: Final = {
    "amqp:sasl-mechanisms:list": 0x40,
    "amqp:sasl-init:list": 0x41,
    "amqp:sasl-challenge:list": 0x42,
    "amqp:sasl-response:list": 0x43,
    "amqp:sasl-outcome:list": 0x44,
}


def _from_fields(descriptor: object, fields: list[object]) -> Frame:
    code = descriptor if isinstance(descriptor, ULong) else None
    if isinstance(descriptor, Symbol):
        code = ULong(_NAMES.get(descriptor, 0))
    get = dict(enumerate(fields)).get
    match code:
        case 0x40:
            return Mechanisms(decode_symbols(get(0), "sasl-server-mechanisms"))
        case 0x41:
            return Init(
                _symbol(get(0), "mechanism"),
                _binary(get(1), "initial-response"),
                _string(get(2), "hostname"),
            )
        case 0x42:
            return Challenge(_required(_binary(get(0), "challenge"), "challenge"))
        case 0x43:
            return Response(_required(_binary(get(0), "response"), "response"))
        case 0x44:
            return Outcome(_outcome(get(0)), _binary(get(1), "additional-data"))
        case _:
            raise DecodeError(f"unknown SASL frame {shown(descriptor)}")


def _symbol(value: object, name: str) -> str:
    if not isinstance(value, Symbol):
        raise DecodeError(f"SASL {name} must be a symbol, not {shown(value)}")
    return str(value)


def _binary(value: object, name: str) -> bytes | None:
    # The value itself stays out of the message: it may be a password.
    if value is None or type(value) is bytes:
        return value
    raise DecodeError(f"SASL {name} must be binary, not {type(value).__name__}")


def _string(value: object, name: str) -> str | None:
    if value is None or type(value) is str:
        return value
    raise DecodeError(f"SASL {name} must be a string, not {shown(value)}")


def _required(value: bytes | None, name: str) -> bytes:
    if value is None:
        raise DecodeError(f"SASL {name} must not be null")
    return value


def _outcome(value: object) -> OutcomeCode:
    if not isinstance(value, UByte) or value > OutcomeCode.SYS_TEMP.value:
        raise DecodeError(f"SASL outcome code must be a ubyte from 0 to 4, not {shown(value)}")
    return OutcomeCode(int(value))
