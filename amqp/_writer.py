"""Values to octets: the type chooses the format code, the format code the octets after it.

The face is codec.py. Compounds are put together inside out, because their size comes first.
"""

import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from skrouter.amqp import types as t
from skrouter.amqp._reader import MAX_DEPTH, MAX_ZERO_WIDTH, ZERO_WIDTH


@dataclass(frozen=True, slots=True)
class Conventions:
    """How a writer chooses among encodings of the same value."""

    wide: bool = True
    """Lists and maps with 4-octet size and count even where one octet would do."""
    list0: bool = True
    """An empty list is the single octet 0x45."""


def write_value(out: bytearray, value: object, conventions: Conventions, depth: int) -> None:
    """Append the value; `depth` values are around it."""
    for cls in type(value).__mro__:
        if cls in _CODES:
            code = _CODES[cls](value)
            out.append(code)
            return _CONTENTS[code](out, value, conventions, depth)
        if cls in _COMPOUNDS:
            return _COMPOUNDS[cls](out, value, conventions, depth)
    raise TypeError(f"{type(value).__name__} has no AMQP type: {value!r}")


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise ValueError(f"a value is nested deeper than {MAX_DEPTH}; readers refuse it")
    return depth + 1


def _signed(value: int, small: int, full: int) -> int:
    return small if -128 <= value <= 127 else full


def _unsigned(value: int, zero: int, small: int, full: int) -> int:
    if value == 0:
        return zero
    return small if value <= 255 else full


def _int_code(value: int) -> int:
    if t.Int.LOW <= value <= t.Int.HIGH:
        return _signed(value, 0x54, 0x71)
    if t.Long.LOW <= value <= t.Long.HIGH:
        return 0x81
    raise ValueError(f"{value} does not fit in 64 bits with a sign; say ULong if it is unsigned")


_CODES: Final[dict[type, Callable[[Any], int]]] = {
    type(None): lambda _: 0x40,
    bool: lambda value: 0x41 if value else 0x42,
    t.UByte: lambda _: 0x50,
    t.UShort: lambda _: 0x60,
    t.UInt: lambda value: _unsigned(value, 0x43, 0x52, 0x70),
    t.ULong: lambda value: _unsigned(value, 0x44, 0x53, 0x80),
    t.Byte: lambda _: 0x51,
    t.Short: lambda _: 0x61,
    t.Int: lambda value: _signed(value, 0x54, 0x71),
    t.Long: lambda value: _signed(value, 0x55, 0x81),
    t.Timestamp: lambda _: 0x83,
    int: _int_code,
    t.Float32: lambda _: 0x72,
    float: lambda _: 0x82,
    t.Decimal32: lambda _: 0x74,
    t.Decimal64: lambda _: 0x84,
    t.Decimal128: lambda _: 0x94,
    t.Char: lambda _: 0x73,
    uuid.UUID: lambda _: 0x98,
    bytes: lambda value: 0xA0 if len(value) <= 255 else 0xB0,
    t.Symbol: lambda value: 0xA3 if len(value) <= 255 else 0xB3,
    str: lambda value: 0xA1 if len(value.encode()) <= 255 else 0xB1,
}


def _write_list(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:
    if not value and conventions.list0:
        out.append(0x45)
        return
    _write_compound(out, (0xC0, 0xD0), _list_content(value, conventions, depth), conventions)


def _write_map(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:
    _write_compound(out, (0xC1, 0xD1), _map_content(value, conventions, depth), conventions)


def _write_compound(
    out: bytearray, codes: tuple[int, int], content: tuple[int, bytes], conventions: Conventions
) -> None:
    narrow = not conventions.wide and len(content[1]) < 255
    out.append(codes[0] if narrow else codes[1])
    _put_sized(out, *content, 1 if narrow else 4)


def _write_array(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:
    content = _array_content(value, conventions, depth)
    narrow = len(content[1]) < 255 and content[0] <= 255
    out.append(0xE0 if narrow else 0xF0)
    _put_sized(out, *content, 1 if narrow else 4)


def _write_described(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:
    inside = _deeper(depth)
    out.append(0x00)
    write_value(out, value.descriptor, conventions, inside)
    write_value(out, value.value, conventions, inside)


_COMPOUNDS: Final[dict[type, Callable[[bytearray, Any, Conventions, int], None]]] = {
    list: _write_list,
    tuple: _write_list,
    dict: _write_map,
    t.Array: _write_array,
    t.Described: _write_described,
}


def _list_content(value: Any, conventions: Conventions, depth: int) -> tuple[int, bytes]:
    content = bytearray()
    inside = _deeper(depth)
    for element in value:
        write_value(content, element, conventions, inside)
    return len(value), bytes(content)


def _map_content(value: Any, conventions: Conventions, depth: int) -> tuple[int, bytes]:
    count, content = _list_content([part for pair in value.items() for part in pair], conventions, depth)
    return count, content


def _array_content(value: Any, conventions: Conventions, depth: int) -> tuple[int, bytes]:
    content = bytearray()
    inside = _deeper(depth)
    if value.descriptor is not None:
        content.append(0x00)
        write_value(content, value.descriptor, conventions, inside)
    if value.code not in _CONTENTS:
        raise ValueError(f"0x{value.code:02x} is no format code of array elements")
    if value.code in ZERO_WIDTH and len(value.values) > MAX_ZERO_WIDTH:
        raise ValueError(f"an array of {len(value.values)} elements without octets; readers refuse it")
    content.append(value.code)
    put = _CONTENTS[value.code]
    for element in value.values:
        put(content, element, conventions, inside)
    return len(value.values), bytes(content)


def _put_sized(out: bytearray, count: int, content: bytes, width: int) -> None:
    try:
        out += (len(content) + width).to_bytes(width) + count.to_bytes(width)
    except OverflowError as error:
        raise ValueError(f"{len(content)} octets do not fit a size of {width} octets") from error
    out += content


_Content = Callable[[bytearray, Any, Conventions, int], None]


def _put_number(layout: str) -> _Content:
    pack = struct.Struct(layout).pack

    def put(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:  # noqa: ARG001
        try:
            out += pack(value)
        except struct.error as error:
            raise ValueError(f"{value!r} does not fit its format code: {error}") from error

    return put


def _put_constant(only: object) -> _Content:
    def put(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:  # noqa: ARG001
        if value != only:
            raise ValueError(f"{value!r} cannot be an array element with the format code of {only!r}")

    return put


def _put_octets(width: int, octets: Callable[[Any], bytes]) -> _Content:
    def put(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:  # noqa: ARG001
        data = octets(value)
        if len(data) != width:
            raise ValueError(f"{value!r} must have {width} octets")
        out += data

    return put


def _put_variable(width: int, octets: Callable[[Any], bytes]) -> _Content:
    def put(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:  # noqa: ARG001
        data = octets(value)
        try:
            out += len(data).to_bytes(width)
        except OverflowError as error:
            raise ValueError(f"{len(data)} octets do not fit a size of {width} octets") from error
        out += data

    return put


def _put_compound(width: int, content: Callable[[Any, Conventions, int], tuple[int, bytes]]) -> _Content:
    def put(out: bytearray, value: Any, conventions: Conventions, depth: int) -> None:
        _put_sized(out, *content(value, conventions, depth), width)

    return put


_CONTENTS: Final[dict[int, _Content]] = {
    0x40: _put_constant(None),
    0x41: _put_constant(True),
    0x42: _put_constant(False),
    0x43: _put_constant(0),
    0x44: _put_constant(0),
    0x45: _put_constant([]),
    **{code: _put_number(">B") for code in (0x50, 0x52, 0x53, 0x56)},
    **{code: _put_number(">b") for code in (0x51, 0x54, 0x55)},
    0x60: _put_number(">H"),
    0x61: _put_number(">h"),
    0x70: _put_number(">I"),
    0x71: _put_number(">i"),
    0x72: _put_number(">f"),
    0x73: _put_octets(4, lambda value: ord(value).to_bytes(4)),
    0x74: _put_octets(4, bytes),
    0x80: _put_number(">Q"),
    0x81: _put_number(">q"),
    0x82: _put_number(">d"),
    0x83: _put_number(">q"),
    0x84: _put_octets(8, bytes),
    0x94: _put_octets(16, bytes),
    0x98: _put_octets(16, lambda value: bytes(value.bytes)),
    0xA0: _put_variable(1, bytes),
    0xA1: _put_variable(1, lambda value: bytes(value.encode())),
    0xA3: _put_variable(1, lambda value: bytes(value.encode("ascii"))),
    0xB0: _put_variable(4, bytes),
    0xB1: _put_variable(4, lambda value: bytes(value.encode())),
    0xB3: _put_variable(4, lambda value: bytes(value.encode("ascii"))),
    0xC0: _put_compound(1, _list_content),
    0xC1: _put_compound(1, _map_content),
    0xD0: _put_compound(4, _list_content),
    0xD1: _put_compound(4, _map_content),
    0xE0: _put_compound(1, _array_content),
    0xF0: _put_compound(4, _array_content),
}
