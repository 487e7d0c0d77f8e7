"""Router annotations, version 2: the first section of every message between routers.

Source: spec/routing-protocol.md §7.

Belongs here: names, limits, and the pure reader and writer. Does not: the native ones on a delivery's path
(router/forwarder/sections.pyx), which are tested against these.
"""

from dataclasses import dataclass
from typing import Final

from skrouter.amqp import codec, conditions
from skrouter.amqp.errors import DecodeError, shown
from skrouter.amqp.types import UInt

DESCRIPTOR: Final = bytes.fromhex("0080534b50522d2d5241")
"""The ulong descriptor `SKPR--RA`; matched as exactly these octets, in no other encoding."""

VERSION: Final = 2

FLAG_STREAMING: Final = 0x01
FLAG_RESEND_RELEASED: Final = 0x02
FLAG_Q2_DISABLED: Final = 0x04

MIN_FIELDS: Final = 4
MAX_SECTION: Final = 65536
"""Octets: two addresses and the node ids of a long way; longer sections are refused, not buffered."""
MAX_TRACE: Final = 4096
"""Routers on the way."""


@dataclass(frozen=True, slots=True)
class RouterAnnotations:
    """What routers tell each other about a message; node ids are `0/<router id>`."""

    flags: int = 0
    """FLAG_* bits; unknown bits are forwarded unchanged."""
    to_override: str | None = None
    """Address that goes before the message's own `to`."""
    ingress: str | None = None
    """Node id of the first interior router; None from an edge or another network."""
    trace: tuple[str, ...] = ()
    """Node id of each interior router passed, the sender of the message last."""
    ingress_mesh: str | None = None
    """Id of the edge mesh the message came from."""


def encode_annotations(annotations: RouterAnnotations) -> bytes:
    """The whole section, as the reference writes it."""
    fields: list[object] = [
        UInt(annotations.flags),
        annotations.to_override,
        annotations.ingress,
        annotations.trace,
    ]
    if annotations.ingress_mesh is not None:
        fields.append(annotations.ingress_mesh)
    return DESCRIPTOR + codec.encode(fields)


def decode_annotations(data: bytes) -> tuple[RouterAnnotations | None, int]:
    """The section in front of `data` and the offset after it; (None, 0) if there is no such section.

    A section that is there but wrong is a DecodeError with condition amqp:invalid-field.
    """
    if not data.startswith(DESCRIPTOR):
        return None, 0
    try:
        fields, end = codec.decode(data, len(DESCRIPTOR))
    except DecodeError as error:
        raise _invalid(f"cannot be read: {error.description}") from error
    if end > MAX_SECTION:
        raise _invalid(f"have {end} octets, at most {MAX_SECTION} are allowed")
    if not isinstance(fields, list):
        raise _invalid("are no list")
    return _from_fields(fields), end


def _from_fields(fields: list[object]) -> RouterAnnotations:
    if len(fields) < MIN_FIELDS:
        raise _invalid(f"have {len(fields)} fields, at least {MIN_FIELDS} are needed")
    flags, to_override, ingress, trace = fields[:MIN_FIELDS]
    if not isinstance(flags, UInt):
        raise _invalid(f"need a uint as flags, not {shown(flags)}")
    return RouterAnnotations(
        int(flags),
        _text(to_override, "to-override"),
        _text(ingress, "ingress-router"),
        _trace(trace),
        _text(fields[4], "ingress-mesh") if len(fields) > MIN_FIELDS else None,
    )


def _text(value: object, name: str) -> str | None:
    if value is None or type(value) is str:
        return value
    raise _invalid(f"need a string or null as {name}, not {shown(value)}")


def _trace(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _invalid(f"need a list as trace, not {shown(value)}")
    if len(value) > MAX_TRACE:
        raise _invalid(f"have {len(value)} routers in their trace, at most {MAX_TRACE} are allowed")
    for node in value:
        if type(node) is not str:
            raise _invalid(f"need strings in their trace, not {shown(node)}")
    return tuple(value)


def _invalid(what: str) -> DecodeError:
    return DecodeError(f"router annotations {what}", conditions.INVALID_FIELD)
