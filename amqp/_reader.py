"""Octets to values: one reader for each format code (AMQP 1.0 §1.6). The face is codec.py.

Nothing is allocated on the word of a count: elements, sizes and nesting are checked against the octets that
remain, and all that is wrong is a DecodeError. A reader is called with the offset after its format code.
"""

import struct
import uuid
from collections.abc import Callable
from typing import Final

from skrouter.amqp import types as t
from skrouter.amqp.errors import DecodeError

MAX_DEPTH: Final = 32
"""Compounds, arrays and described values inside each other; management bodies need 6."""

MAX_ZERO_WIDTH: Final = 64
"""Elements of an array whose encoding has no octets (null, true, …): no octet count bounds them."""

ZERO_WIDTH: Final = frozenset({0x40, 0x41, 0x42, 0x43, 0x44, 0x45})
"""Format codes that say the whole value."""

_Reader = Callable[[bytes, int, int, int], tuple[object, int]]


def read_value(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:
    """The value at `offset`; nothing at or after `end` belongs to it; `depth` values are around it."""
    if offset >= end:
        raise DecodeError(f"a value is missing at offset {offset}")
    reader = _READERS.get(data[offset])
    if reader is None:
        raise DecodeError(f"unknown format code 0x{data[offset]:02x} at offset {offset}")
    return reader(data, offset + 1, end, depth)


def _constant(value: object) -> _Reader:
    def read(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:  # noqa: ARG001
        return value, offset

    return read


def _number(layout: str, make: Callable[[int], object]) -> _Reader:
    unpack, width = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def read(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:  # noqa: ARG001
        _need(width, offset, end)
        return make(unpack(data, offset)[0]), offset + width

    return read


def _sized(cls: type[t.SizedInt]) -> Callable[[int], object]:
    # The width of the encoding is at most the type's: no range check needed.
    return lambda number: int.__new__(cls, number)


def _octets(width: int, make: Callable[[bytes], object]) -> _Reader:
    def read(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:  # noqa: ARG001
        _need(width, offset, end)
        return make(data[offset : offset + width]), offset + width

    return read


def _variable(width: int, make: Callable[[bytes], object]) -> _Reader:
    def read(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:  # noqa: ARG001
        _need(width, offset, end)
        start = offset + width
        size = int.from_bytes(data[offset:start])
        _need(size, start, end)
        return make(data[start : start + size]), start + size

    return read


def _need(width: int, offset: int, end: int) -> None:
    if end - offset < width:
        raise DecodeError(f"{width} octets are needed at offset {offset}, {max(end - offset, 0)} remain")


def _boolean(octet: int) -> bool:
    if octet > 1:
        raise DecodeError(f"boolean octet must be 0 or 1, not {octet}")
    return octet == 1


def _char(code: int) -> t.Char:
    try:
        return t.Char(chr(code))
    except (ValueError, OverflowError) as error:
        raise DecodeError(f"char 0x{code:x} is no Unicode character") from error


def _string(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"string is not UTF-8: {error.reason} at octet {error.start}") from error


def _symbol(octets: bytes) -> t.Symbol:
    try:
        return t.Symbol(octets.decode("ascii"))
    except UnicodeDecodeError as error:
        raise DecodeError(f"symbol is not ASCII at octet {error.start}") from error


def _extent(data: bytes, offset: int, end: int, width: int, depth: int) -> tuple[int, int, int]:
    """Count, offset of the content, and its end, of a compound or array with fields of `width` octets."""
    if depth >= MAX_DEPTH:
        raise DecodeError(f"values are nested deeper than {MAX_DEPTH} at offset {offset}")
    _need(2 * width, offset, end)
    start = offset + width
    size = int.from_bytes(data[offset:start])
    if size < width:
        raise DecodeError(f"size {size} at offset {offset} leaves no room for the count")
    _need(size, start, end)
    return int.from_bytes(data[start : start + width]), start + width, start + size


def _list(width: int) -> _Reader:
    def read(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:
        count, at, stop = _extent(data, offset, end, width, depth)
        return _elements(data, at, stop, count, depth), stop

    return read


def _map(width: int) -> _Reader:
    def read(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:
        count, at, stop = _extent(data, offset, end, width, depth)
        if count % 2:
            raise DecodeError(f"map at offset {offset} has an odd number of elements, {count}")
        flat = _elements(data, at, stop, count, depth)
        return _pairs(flat, offset), stop

    return read


def _elements(data: bytes, at: int, stop: int, count: int, depth: int) -> list[object]:
    if count > stop - at:
        raise DecodeError(f"{count} elements cannot fit in {stop - at} octets at offset {at}")
    values = []
    for _ in range(count):
        value, at = read_value(data, at, stop, depth + 1)
        values.append(value)
    _finish(at, stop)
    return values


def _pairs(flat: list[object], offset: int) -> dict[object, object]:
    try:
        result = dict(zip(flat[::2], flat[1::2], strict=True))
    except TypeError as error:
        raise DecodeError(f"map at offset {offset} has a list, map or array as key") from error
    if 2 * len(result) != len(flat):
        raise DecodeError(f"map at offset {offset} has a key twice")
    return result


def _finish(at: int, stop: int) -> None:
    if at != stop:
        raise DecodeError(f"{stop - at} octets are left over inside the value that ends at offset {stop}")


def _array(width: int) -> _Reader:
    def read(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:
        count, at, stop = _extent(data, offset, end, width, depth)
        descriptor, code, at = _constructor(data, at, stop, depth)
        reader = _READERS.get(code)
        if reader is None or code == 0x00:
            raise DecodeError(f"unknown format code 0x{code:02x} of array elements at offset {at - 1}")
        if count > (MAX_ZERO_WIDTH if code in ZERO_WIDTH else stop - at):
            raise DecodeError(f"{count} array elements cannot fit in {stop - at} octets at offset {at}")
        values = []
        for _ in range(count):
            value, at = reader(data, at, stop, depth + 1)
            values.append(value)
        _finish(at, stop)
        return t.Array(code, tuple(values), descriptor), stop

    return read


def _constructor(data: bytes, at: int, stop: int, depth: int) -> tuple[object | None, int, int]:
    """Descriptor or None, format code, and the offset after it."""
    _need(1, at, stop)
    descriptor = None
    if data[at] == 0x00:
        descriptor, at = read_value(data, at + 1, stop, depth + 1)
        _need(1, at, stop)
    return descriptor, data[at], at + 1


def _described(data: bytes, offset: int, end: int, depth: int) -> tuple[object, int]:
    if depth >= MAX_DEPTH:
        raise DecodeError(f"values are nested deeper than {MAX_DEPTH} at offset {offset}")
    descriptor, offset = read_value(data, offset, end, depth + 1)
    value, offset = read_value(data, offset, end, depth + 1)
    return t.Described(descriptor, value), offset


_READERS: Final[dict[int, _Reader]] = {
    0x00: _described,
    0x40: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(t.UInt(0)),
    0x44: _constant(t.ULong(0)),
    0x45: lambda data, offset, end, depth: ([], offset),  # noqa: ARG005
    0x50: _number(">B", _sized(t.UByte)),
    0x51: _number(">b", _sized(t.Byte)),
    0x52: _number(">B", _sized(t.UInt)),
    0x53: _number(">B", _sized(t.ULong)),
    0x54: _number(">b", _sized(t.Int)),
    0x55: _number(">b", _sized(t.Long)),
    0x56: _number(">B", _boolean),
    0x60: _number(">H", _sized(t.UShort)),
    0x61: _number(">h", _sized(t.Short)),
    0x70: _number(">I", _sized(t.UInt)),
    0x71: _number(">i", _sized(t.Int)),
    0x72: _number(">f", t.Float32),
    0x73: _number(">I", _char),
    0x74: _octets(4, t.Decimal32),
    0x80: _number(">Q", _sized(t.ULong)),
    0x81: _number(">q", _sized(t.Long)),
    0x82: _number(">d", float),
    0x83: _number(">q", _sized(t.Timestamp)),
    0x84: _octets(8, t.Decimal64),
    0x94: _octets(16, t.Decimal128),
    0x98: _octets(16, lambda octets: uuid.UUID(bytes=octets)),
    0xA0: _variable(1, bytes),
    0xA1: _variable(1, _string),
    0xA3: _variable(1, _symbol),
    0xB0: _variable(4, bytes),
    0xB1: _variable(4, _string),
    0xB3: _variable(4, _symbol),
    0xC0: _list(1),
    0xC1: _map(1),
    0xD0: _list(4),
    0xD1: _map(4),
    0xE0: _array(1),
    0xF0: _array(4),
}
