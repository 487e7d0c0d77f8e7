"""AMQP 1.0 type system to and from octets (AMQP 1.0 §1.6), for control and management messages.

Belongs here: single values. Does not: sections and messages (message.py), frames, the data plane.

Reading accepts every legal encoding. A map becomes a dict, so its keys must be hashable, and keys that Python
holds equal (a symbol and a string of one text, 1 and true) count as the same key; twice is a DecodeError.
Writing follows one of three conventions: compounds always with 4-octet sizes as the reference writes them
(REFERENCE; COMPOSER where empty lists have a size too), or the shortest form (COMPACT).
"""

from typing import Final

from skrouter.amqp._reader import MAX_DEPTH, MAX_ZERO_WIDTH, read_value
from skrouter.amqp._writer import Conventions, write_value
from skrouter.amqp.errors import DecodeError

__all__ = [
    "COMPACT",
    "COMPOSER",
    "MAX_DEPTH",
    "MAX_ZERO_WIDTH",
    "REFERENCE",
    "Conventions",
    "decode",
    "decode_one",
    "encode",
]

REFERENCE: Final = Conventions()
COMPOSER: Final = Conventions(list0=False)
COMPACT: Final = Conventions(wide=False)


def encode(value: object, conventions: Conventions = REFERENCE) -> bytes:
    """Octets of one value. TypeError: no AMQP type; ValueError: out of range, not ASCII, too deep."""
    out = bytearray()
    write_value(out, value, conventions, 0)
    return bytes(out)


def decode(data: bytes, offset: int = 0) -> tuple[object, int]:
    """The value that begins at `offset`, and the offset after it; DecodeError for anything else."""
    return read_value(data, offset, len(data), 0)


def decode_one(data: bytes) -> object:
    """The only value in `data`; octets after it are a DecodeError."""
    value, end = decode(data)
    if end != len(data):
        raise DecodeError(f"{len(data) - end} octets follow the value that ends at offset {end}")
    return value
