"""AMQP and SASL frames made by hand: what a peer sends, well-behaved or not.

Belongs here: any frame, right or wrong, from names and values. Does not: conversations.
"""

from typing import Final

from skrouter.amqp import codec
from skrouter.amqp.types import Described, ULong

AMQP_TYPE: Final = 0
SASL_TYPE: Final = 1

FIELDS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "open": (
        0x10,
        (
            "container-id",
            "hostname",
            "max-frame-size",
            "channel-max",
            "idle-time-out",
            "outgoing-locales",
            "incoming-locales",
            "offered-capabilities",
            "desired-capabilities",
            "properties",
        ),
    ),
    "begin": (
        0x11,
        (
            "remote-channel",
            "next-outgoing-id",
            "incoming-window",
            "outgoing-window",
            "handle-max",
            "offered-capabilities",
            "desired-capabilities",
            "properties",
        ),
    ),
    "attach": (
        0x12,
        (
            "name",
            "handle",
            "role",
            "snd-settle-mode",
            "rcv-settle-mode",
            "source",
            "target",
            "unsettled",
            "incomplete-unsettled",
            "initial-delivery-count",
            "max-message-size",
            "offered-capabilities",
            "desired-capabilities",
            "properties",
        ),
    ),
    "flow": (
        0x13,
        (
            "next-incoming-id",
            "incoming-window",
            "next-outgoing-id",
            "outgoing-window",
            "handle",
            "delivery-count",
            "link-credit",
            "available",
            "drain",
            "echo",
            "properties",
        ),
    ),
    "transfer": (
        0x14,
        (
            "handle",
            "delivery-id",
            "delivery-tag",
            "message-format",
            "settled",
            "more",
            "rcv-settle-mode",
            "state",
            "resume",
            "aborted",
            "batchable",
        ),
    ),
    "disposition": (0x15, ("role", "first", "last", "settled", "state", "batchable")),
    "detach": (0x16, ("handle", "closed", "error")),
    "end": (0x17, ("error",)),
    "close": (0x18, ("error",)),
    "error": (0x1D, ("condition", "description", "info")),
    "received": (0x23, ("section-number", "section-offset")),
    "accepted": (0x24, ()),
    "rejected": (0x25, ("error",)),
    "released": (0x26, ()),
    "modified": (0x27, ("delivery-failed", "undeliverable-here", "message-annotations")),
    "source": (
        0x28,
        (
            "address",
            "durable",
            "expiry-policy",
            "timeout",
            "dynamic",
            "dynamic-node-properties",
            "distribution-mode",
            "filter",
            "default-outcome",
            "outcomes",
            "capabilities",
        ),
    ),
    "target": (
        0x29,
        (
            "address",
            "durable",
            "expiry-policy",
            "timeout",
            "dynamic",
            "dynamic-node-properties",
            "capabilities",
        ),
    ),
    "sasl-mechanisms": (0x40, ("sasl-server-mechanisms",)),
    "sasl-init": (0x41, ("mechanism", "initial-response", "hostname")),
    "sasl-challenge": (0x42, ("challenge",)),
    "sasl-response": (0x43, ("response",)),
    "sasl-outcome": (0x44, ("code", "additional-data")),
}
"""Descriptor code and field names of performatives and composite types (AMQP 1.0 §2.7, §3.4, §3.5, §5.3)."""

NAMES: Final = {code: name for name, (code, _) in FIELDS.items()}


def composite(name: str, **fields: object) -> Described:
    """A composite value; fields by name with `_` for `-`, up to the last given. KeyError: no such field."""
    code, names = FIELDS[name]
    given = {key.replace("_", "-"): value for key, value in fields.items()}
    if unknown := set(given) - set(names):
        raise KeyError(f"{name} has no field {', '.join(sorted(unknown))}")
    last = max((names.index(key) for key in given), default=-1)
    return Described(ULong(code), [given.get(key) for key in names[: last + 1]])


def raw_frame(
    body: bytes, *, frame_type: int = AMQP_TYPE, channel: int = 0, offset: int = 2, size: int | None = None
) -> bytes:
    """A frame around any body; `offset` and `size` may lie."""
    stated = 8 + len(body) if size is None else size
    return stated.to_bytes(4) + bytes((offset, frame_type)) + channel.to_bytes(2) + body


def amqp_frame(name: str, *, channel: int = 0, payload: bytes = b"", **fields: object) -> bytes:
    """One performative; `payload` only for a transfer."""
    return raw_frame(codec.encode(composite(name, **fields), codec.COMPACT) + payload, channel=channel)


def sasl_frame(name: str, **fields: object) -> bytes:
    """One SASL frame."""
    return raw_frame(codec.encode(composite(name, **fields), codec.COMPACT), frame_type=SASL_TYPE)


EMPTY_FRAME: Final = raw_frame(b"")
"""A keep-alive."""


def nested_lists(depth: int) -> bytes:
    """A list in a list in a list …, `depth` of them, without the codec's limit."""
    octets = b""
    for level in range(depth):
        octets = b"\xd0" + (4 + len(octets)).to_bytes(4) + (level > 0).to_bytes(4) + octets
    return octets


def nested_descriptors(depth: int) -> bytes:
    """A described value whose value is described …, `depth` of them."""
    return b"\x00\x53\x01" * depth + b"\x40"


def list_that_claims(count: int, content: bytes = b"") -> bytes:
    """A list32 with any element count over its content."""
    return b"\xd0" + (4 + len(content)).to_bytes(4) + count.to_bytes(4) + content


def array_that_claims(count: int, code: int, content: bytes = b"") -> bytes:
    """An array32 with any element count over its content."""
    return b"\xf0" + (5 + len(content)).to_bytes(4) + count.to_bytes(4) + bytes((code,)) + content


def frame_header_that_announces(size: int, frame_type: int = AMQP_TYPE) -> bytes:
    """The first 8 octets of a frame whose body never comes."""
    return raw_frame(b"", frame_type=frame_type, size=size)
