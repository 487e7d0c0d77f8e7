"""AMQP 1.0 types that Python has no equal for (AMQP 1.0 part 1).

Belongs here: immutable values with their wire type. Does not: octets (codec.py).
None, bool, float (double), str (string), bytes (binary), list, dict (map) and uuid.UUID stand for themselves.
A plain int is written as `int` if it fits 32 bits, else as `long`; the classes below fix the width.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

__all__ = [
    "Array",
    "Byte",
    "Char",
    "Decimal32",
    "Decimal64",
    "Decimal128",
    "Described",
    "Float32",
    "Int",
    "Long",
    "Opaque",
    "Short",
    "SizedInt",
    "Symbol",
    "Timestamp",
    "UByte",
    "UInt",
    "ULong",
    "UShort",
]


class Symbol(str):
    """A symbol (§1.6.21): ASCII text. Equal to the string of the same text: either can be a map key."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show as `Symbol('x')`: the difference from a string matters on the wire."""
        return f"Symbol({str.__repr__(self)})"


class Char(str):
    """One Unicode character (§1.6.16)."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        """Take exactly one character that is not half of a surrogate pair, else ValueError."""
        if len(value) != 1 or 0xD800 <= ord(value) <= 0xDFFF:
            raise ValueError(f"char must be one Unicode character, not {value!r}")
        return super().__new__(cls, value)


class Float32(float):
    """A `float` of 32 bits (§1.6.12); a Python float is a `double`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Opaque:
    """A decimal number carried, not understood: its octets as on the wire (§1.6.13–1.6.15)."""

    octets: bytes
    WIDTH: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Take exactly WIDTH octets, else ValueError."""
        if len(self.octets) != self.WIDTH:
            raise ValueError(f"{type(self).__name__} must have {self.WIDTH} octets, not {len(self.octets)}")

    def __bytes__(self) -> bytes:
        """The octets."""
        return self.octets

    def __str__(self) -> str:
        """In hexadecimal digits, for logs and texts."""
        return f"0x{self.octets.hex()}"


class Decimal32(Opaque):
    """decimal32, 4 octets."""

    __slots__ = ()
    WIDTH = 4


class Decimal64(Opaque):
    """decimal64, 8 octets."""

    __slots__ = ()
    WIDTH = 8


class Decimal128(Opaque):
    """decimal128, 16 octets."""

    __slots__ = ()
    WIDTH = 16


class SizedInt(int):
    """An integer whose wire type is fixed; a value out of its range is a ValueError."""

    __slots__ = ()
    LOW: ClassVar[int] = 0
    HIGH: ClassVar[int] = 0

    def __new__(cls, value: int) -> Self:
        """Check the range of the wire type."""
        if not cls.LOW <= value <= cls.HIGH:
            raise ValueError(f"{cls.__name__} must be {cls.LOW}..{cls.HIGH}, not {value}")
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        """Show as `UInt(5)`: the type matters on the wire."""
        return f"{type(self).__name__}({int(self)})"

    def __str__(self) -> str:
        """Only the number, for logs and texts."""
        return int.__repr__(self)


class UByte(SizedInt):
    """ubyte, 0..255."""

    __slots__ = ()
    HIGH = 0xFF


class UShort(SizedInt):
    """ushort, 16 bits."""

    __slots__ = ()
    HIGH = 0xFFFF


class UInt(SizedInt):
    """uint, 32 bits."""

    __slots__ = ()
    HIGH = 0xFFFFFFFF


class ULong(SizedInt):
    """ulong, 64 bits."""

    __slots__ = ()
    HIGH = 0xFFFFFFFFFFFFFFFF


class Byte(SizedInt):
    """byte, -128..127."""

    __slots__ = ()
    LOW, HIGH = -0x80, 0x7F


class Short(SizedInt):
    """short, 16 bits."""

    __slots__ = ()
    LOW, HIGH = -0x8000, 0x7FFF


class Int(SizedInt):
    """int, 32 bits."""

    __slots__ = ()
    LOW, HIGH = -0x80000000, 0x7FFFFFFF


class Long(SizedInt):
    """long, 64 bits."""

    __slots__ = ()
    LOW, HIGH = -0x8000000000000000, 0x7FFFFFFFFFFFFFFF


class Timestamp(SizedInt):
    """Milliseconds since the Unix epoch, UTC (§1.6.17)."""

    __slots__ = ()
    LOW, HIGH = Long.LOW, Long.HIGH


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor, symbol or ulong (§1.1.2)."""

    descriptor: object
    value: object


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one type (§1.6.24). `code` is the format code all elements share on the wire."""

    code: int
    values: tuple[object, ...]
    descriptor: object | None = None
