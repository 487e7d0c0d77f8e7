"""AMQP octets built by hand for tests: frames, values of every form, and damaged copies of real frames."""

import random
import struct

OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)

FIXED = [
    *((code, 0) for code in range(0x40, 0x46)),
    *((code, 1) for code in range(0x50, 0x57)),
    *((code, 2) for code in (0x60, 0x61)),
    *((code, 4) for code in range(0x70, 0x75)),
    *((code, 8) for code in range(0x80, 0x85)),
    *((code, 16) for code in (0x94, 0x98)),
]  # type codes and the octets that follow

# Octets that mean something in a constructor, a size or a count.
TELLING = bytes.fromhex("0001020408101420ff7f80404145535ea0a3b0c0c1d0d1e0f0")


def frame(body: bytes, channel: int = 0, kind: int = 0, offset: int = 2) -> bytes:
    """A frame with a right size; the extended header is `offset` x 4 - 8 zero octets."""
    extended = bytes(max(offset * 4 - 8, 0))
    size = 8 + len(extended) + len(body)
    return struct.pack(">IBBH", size, offset, kind, channel) + extended + body


def list8(*items: bytes) -> bytes:
    body = b"".join(items)
    return bytes((0xC0, len(body) + 1, len(items))) + body


def list32(*items: bytes) -> bytes:
    body = b"".join(items)
    return b"\xd0" + struct.pack(">II", len(body) + 4, len(items)) + body


def performative(code: int, *fields: bytes) -> bytes:
    """A performative as most senders write it."""
    return bytes((0x00, 0x53, code)) + list32(*fields)


def array32(count: int, constructor: bytes, elements: bytes) -> bytes:
    body = constructor + elements
    return b"\xf0" + struct.pack(">II", len(body) + 4, count) + body


def nested(levels: int) -> bytes:
    """A list in a list, `levels` deep; the innermost is empty."""
    value = b"\x45"
    for _ in range(levels - 1):
        value = list32(value)
    return value


def any_value(source: random.Random, depth: int = 4) -> bytes:
    """A legal value of any type, with at most `depth` levels of values inside."""
    kinds = 6 if depth else 3
    match source.randrange(kinds):
        case 0 | 1:
            code, width = source.choice(FIXED)
            return bytes((code,)) + source.randbytes(width)
        case 2:
            text = source.choice((b"", b"abc", b"amqp:accepted:list", b"q" * 100))
            return bytes((source.choice(b"\xa0\xa1\xa3"), len(text))) + text
        case 3:
            return (
                b"\x00"
                + source.choice((b"\x53\x28", b"\x53\x1d", b"\xa3\x03a:b"))
                + any_value(source, depth - 1)
            )
        case 4:
            code, width = source.choice(FIXED)
            count = source.randrange(5)
            return array32(count, bytes((code,)), source.randbytes(width * count))
        case _:
            items = [any_value(source, depth - 1) for _ in range(2 * source.randrange(4))]
            kind = source.choice(b"\xd0\xd1")
            return bytes((kind,)) + list32(*items)[1:]


def damaged(octets: bytes, source: random.Random) -> bytes:
    """A copy with one to four octets changed, put in or left out; half of them with a right frame size."""
    copy = bytearray(octets)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(copy)) if copy else 0
        octet = source.choice(TELLING) if source.random() < 0.7 else source.randrange(256)
        match source.randrange(4):
            case 0 | 1 if copy:
                copy[at] = octet
            case 2:
                copy.insert(at, octet)
            case _ if copy:
                del copy[at]
    if len(copy) >= 8 and source.random() < 0.5:
        copy[:4] = struct.pack(">I", len(copy))
    return bytes(copy)
