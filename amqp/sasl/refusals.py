"""How the two sides refuse a peer: the texts, and the little AMQP that tells an unknown protocol why.

Belongs here: effects of refusal. Does not: when to refuse (server.py, client.py).
"""

from typing import Final

from skrouter.amqp import codec, conditions
from skrouter.amqp.sasl.effects import Refused
from skrouter.amqp.sasl.frames import AMQP_HEADER
from skrouter.amqp.types import Described, Symbol, ULong

_QUOTED: Final = 64
"""Octets of an unknown protocol that are shown."""


def refused(condition: str, description: str, detail: str = "") -> Refused:
    """The effect; `detail` goes to the log only."""
    more = f": {detail}" if detail else ""
    return Refused(condition, description, f"{condition} {description}{more}")


def not_authenticated(mechanism: str, detail: str = "") -> Refused:
    """The peer did not prove who it is, or we did not convince it."""
    return refused(conditions.UNAUTHORIZED_ACCESS, f"Authentication failed [mech={mechanism}]", detail)


def not_offered(mechanism: str) -> Refused:
    """The client chose what the server did not list."""
    return refused(
        conditions.UNAUTHORIZED_ACCESS,
        "Client mechanism not in mechanism inclusion list. "
        f"(Failed to authenticate client [mech={quote(mechanism.encode())}])",
    )


def skipped() -> Refused:
    """The client began without SASL where it must authenticate."""
    return refused(conditions.CONNECTION_POLICY_ERROR, "Client skipped authentication - forbidden")


def unknown_protocol(data: bytes) -> tuple[Refused, bytes]:
    """Octets that begin no known protocol, and the answer: header, open, and a close that quotes them."""
    description = f"Unknown protocol detected: '{quote(data)}'"
    error = Described(ULong(0x1D), [Symbol(conditions.FRAMING_ERROR), description])
    reply = AMQP_HEADER + _amqp_frame(0x10, [""]) + _amqp_frame(0x18, [error])
    return refused(conditions.FRAMING_ERROR, description), reply


def too_slow(timeout: float) -> Refused:
    """The handshake did not finish in time; `timeout` in seconds."""
    return refused(
        conditions.RESOURCE_LIMIT_EXCEEDED, f"SASL handshake not finished within {timeout:g} seconds"
    )


def too_much(limit: int) -> Refused:
    """The peer sent more than is kept for it; `limit` in octets."""
    return refused(conditions.RESOURCE_LIMIT_EXCEEDED, f"more than {limit} octets sent before authentication")


def malformed(detail: str) -> Refused:
    """The peer broke the framing or the order of frames."""
    return refused(conditions.FRAMING_ERROR, "malformed SASL exchange", detail)


def _amqp_frame(code: int, fields: list[object]) -> bytes:
    body = codec.encode(Described(ULong(code), fields), codec.COMPACT)
    return (8 + len(body)).to_bytes(4) + b"\x02\x00\x00\x00" + body


def quote(data: bytes) -> str:
    """Octets of a peer as text that is safe to log: printable ASCII, `\\xNN`, at most the first 64."""
    shown = "".join(chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}" for octet in data[:_QUOTED])
    return shown if len(data) <= _QUOTED else f"{shown}..."
