"""The text of a frame in a trace, in the notation of the reference's AMQP engine (spec: texts.md §1).

    0 -> @attach(18) [name="x", handle=0x0, role=true, …]        sent on channel 0; `<-` received
    0 <- @transfer(20) [handle=0x0, …] (5) \\x00SpE@               the payload's size, and its octets

Belongs here: octets to one line, whatever they are and wherever they are cut. Responses and challenges of
SASL are never shown. Does not: which frames are traced.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from typing import Final

MAX_TEXT: Final = 1023
"""Characters of a line, as in the engine."""

CUT: Final = " ... (truncated)"
HIDDEN: Final = "(hidden)"
_DEPTH: Final = 32
_HEADERS: Final = {
    b"AMQP\x00\x01\x00\x00": "AMQP",
    b"AMQP\x03\x01\x00\x00": "SASL",
    b"AMQP\x02\x01\x00\x00": "TLS",
}

_ERROR = ("error",)
_TERMINUS = ("address", "durable", "expiry-policy", "timeout", "dynamic", "dynamic-node-properties")
_OPEN_END = ("offered-capabilities", "desired-capabilities", "properties")
_NAMED: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    0x10: (
        "open",
        (
            "container-id",
            "hostname",
            "max-frame-size",
            "channel-max",
            "idle-time-out",
            "outgoing-locales",
            "incoming-locales",
            *_OPEN_END,
        ),
    ),
    0x11: (
        "begin",
        (
            "remote-channel",
            "next-outgoing-id",
            "incoming-window",
            "outgoing-window",
            "handle-max",
            *_OPEN_END,
        ),
    ),
    0x12: (
        "attach",
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
            *_OPEN_END,
        ),
    ),
    0x13: (
        "flow",
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
    0x14: (
        "transfer",
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
    0x15: ("disposition", ("role", "first", "last", "settled", "state", "batchable")),
    0x16: ("detach", ("handle", "closed", *_ERROR)),
    0x17: ("end", _ERROR),
    0x18: ("close", _ERROR),
    0x1D: ("error", ("condition", "description", "info")),
    0x23: ("received", ("section-number", "section-offset")),
    0x24: ("accepted", ()),
    0x25: ("rejected", _ERROR),
    0x26: ("released", ()),
    0x27: ("modified", ("delivery-failed", "undeliverable-here", "message-annotations")),
    0x28: (
        "source",
        (*_TERMINUS, "distribution-mode", "filter", "default-outcome", "outcomes", "capabilities"),
    ),
    0x29: ("target", (*_TERMINUS, "capabilities")),
    0x2B: ("delete-on-close", ()),
    0x2C: ("delete-on-no-links", ()),
    0x2D: ("delete-on-no-messages", ()),
    0x2E: ("delete-on-no-links-or-messages", ()),
    0x30: ("coordinator", ("capabilities",)),
    0x40: ("sasl-mechanisms", ("sasl-server-mechanisms",)),
    0x41: ("sasl-init", ("mechanism", "initial-response", "hostname")),
    0x42: ("sasl-challenge", ("challenge",)),
    0x43: ("sasl-response", ("response",)),
    0x44: ("sasl-outcome", ("code", "additional-data")),
}
"""Descriptor to name and fields (AMQP 1.0 §2.7, §3.4, §3.5, §5.3.3)."""

_SECRETS: Final = frozenset({"initial-response", "challenge", "response", "additional-data"})


def frame_text(octets: bytes, size: int, *, outgoing: bool) -> str:
    """A frame's line; `octets` are the first of its `size`. An empty `octets`: the end of the stream."""
    arrow = "->" if outgoing else "<-"
    if not octets:
        return f"  {arrow} EOS"
    if octets[:4] == b"AMQP":
        return f"  {arrow} {_HEADERS.get(octets, escaped(octets))}"
    writer = _Writer(octets, size)
    begin = octets[4] * 4 if len(octets) >= 8 else size
    channel = int.from_bytes(octets[6:8])
    writer.write(f"{channel} {arrow} ")
    if begin >= size:
        writer.write("(EMPTY FRAME)")
    else:
        writer.body(begin)
    return writer.text()


def escaped(octets: bytes) -> str:
    """Printable ASCII as it is, all else as `\\x0a`; so are quotes and the backslash."""
    return "".join(
        chr(octet) if 0x20 <= octet < 0x7F and octet not in b"\"'\\" else f"\\x{octet:02x}"
        for octet in octets
    )


def value_text(encoded: bytes) -> str:
    """One encoded AMQP value in the same notation; what is cut or wrong ends with `CUT`."""
    writer = _Writer(encoded, len(encoded))
    writer.value_at_start()
    return writer.text()


class _EndError(Exception):
    """Octets or room are at an end."""


class _Writer:
    """Walks through octets and collects their text; `_at` is the next octet."""

    def __init__(self, octets: bytes, size: int) -> None:
        self._octets = octets
        self._size = size
        self._at = 0
        self._parts: list[str] = []
        self._room = MAX_TEXT - len(CUT)
        self._is_cut = False

    def text(self) -> str:
        """What has been collected."""
        whole = "".join(self._parts)
        if not self._is_cut and len(whole) <= MAX_TEXT:
            return whole
        return whole[: MAX_TEXT - len(CUT)] + CUT

    def write(self, text: str) -> None:
        """Add to the line."""
        self._parts.append(text)
        self._room -= len(text)
        if self._room < -len(CUT):
            raise _EndError

    def body(self, begin: int) -> None:
        """The performative that begins there, and its payload."""
        self._at = begin
        try:
            self._value(0)
            if (payload := self._size - self._at) > 0:
                rest = self._octets[self._at :]
                self.write(f" ({payload}) {escaped(rest[: MAX_TEXT + 1])}")
                self._is_cut = payload > len(rest)
        except _EndError:
            self._is_cut = True

    def value_at_start(self) -> None:
        """The whole is one value."""
        try:
            self._value(0)
        except _EndError:
            self._is_cut = True

    # --- octets

    def _take(self, count: int) -> bytes:
        begin, self._at = self._at, self._at + count
        if self._at > len(self._octets):
            raise _EndError
        return self._octets[begin : self._at]

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width))

    # --- values

    def _value(self, depth: int) -> None:
        if depth > _DEPTH:
            raise _EndError
        code = self._number(1)
        if code == 0:
            self._described(depth)
        else:
            self._content(code, depth)

    def _content(self, code: int, depth: int) -> None:
        """What follows a code."""
        if (plain := _PLAIN.get(code)) is not None:
            width, shown = plain
            self.write(shown(self._take(width)))
        elif code in _VARIABLE:
            prefix, wide = _VARIABLE[code]
            self._variable(prefix, wide)
        elif code in {0xC0, 0xD0}:
            self._list(self._count(code), depth)
        elif code in {0xC1, 0xD1}:
            self._map(self._count(code), depth)
        elif code in {0xE0, 0xF0}:
            self._array(self._count(code), depth)
        else:
            raise _EndError

    def _variable(self, prefix: str, wide: bool) -> None:
        size = self._number(4 if wide else 1)
        there = self._octets[self._at : self._at + min(size, MAX_TEXT)]
        quoted = prefix != ":" or not _is_word(there)
        mark = '"' if quoted else ""
        self.write(f"{prefix}{mark}{escaped(there)}")
        self._take(size)
        self.write(mark)

    def _count(self, code: int) -> int:
        width = 4 if code & 0x10 else 1
        self._take(width)
        return self._number(width)

    def _list(self, count: int, depth: int) -> None:
        self.write("[")
        for place in range(count):
            self.write(", " if place else "")
            self._value(depth + 1)
        self.write("]")

    def _map(self, count: int, depth: int) -> None:
        self.write("{")
        for place in range(count // 2):
            self.write(", " if place else "")
            self._value(depth + 1)
            self.write("=")
            self._value(depth + 1)
        self.write("}")

    def _array(self, count: int, depth: int) -> None:
        code = self._number(1)
        while code == 0:
            self._skip(depth)  # the engine shows no descriptors of arrays
            code = self._number(1)
        self.write(f"@<{_TYPE_NAMES.get(code, '?')}>[")
        for place in range(count):
            self.write(", " if place else "")
            self._content(code, depth + 1)
        self.write("]")

    def _skip(self, depth: int) -> None:
        parts, room = self._parts, self._room
        self._parts = []
        self._value(depth + 1)
        self._parts, self._room = parts, room

    # --- described values

    def _described(self, depth: int) -> None:
        code = self._octets[self._at] if self._at < len(self._octets) else 0
        self.write("@")
        if code not in {0x44, 0x53, 0x80}:
            self._value(depth + 1)
            self.write(" ")
            self._value(depth + 1)
            return
        self._take(1)
        descriptor = self._number({0x44: 0, 0x53: 1, 0x80: 8}[code])
        name, fields = _NAMED.get(descriptor, ("", ()))
        self.write(f"{name}({descriptor}) " if name else f"{descriptor} ")
        follows = self._number(1)
        if follows in {0x45, 0xC0, 0xD0}:
            self._fields(0 if follows == 0x45 else self._count(follows), fields, depth)
        else:
            self._at -= 1
            self._value(depth + 1)

    def _fields(self, count: int, fields: tuple[str, ...], depth: int) -> None:
        """A list with names; what is null is left out."""
        self.write("[")
        separator = ""
        for place in range(count):
            if self._at < len(self._octets) and self._octets[self._at] == 0x40:
                self._at += 1
                continue
            name = fields[place] if place < len(fields) else ""
            self.write(f"{separator}{name}=" if name else separator)
            separator = ", "
            if name in _SECRETS:
                self._hide(depth)
            else:
                self._value(depth + 1)
        self.write("]")

    def _hide(self, depth: int) -> None:
        """Walk over a value; only that it is empty may be known."""
        begin = self._at
        self._skip(depth)
        self.write('b""' if self._octets[begin : self._at] == b"\xa0\x00" else HIDDEN)


def _is_word(octets: bytes) -> bool:
    """Whether a symbol is shown without quotes."""
    return octets[:1].isalpha() and octets.replace(b"-", b"a").isalnum()


def _constant(text: str) -> tuple[int, Callable[[bytes], str]]:
    return 0, lambda _: text


def _hex(width: int) -> tuple[int, Callable[[bytes], str]]:
    return width, lambda octets: f"0x{int.from_bytes(octets):x}"


def _signed(width: int) -> tuple[int, Callable[[bytes], str]]:
    return width, lambda octets: str(int.from_bytes(octets, signed=True))


def _float(layout: str, width: int) -> tuple[int, Callable[[bytes], str]]:
    return width, lambda octets: f"{struct.unpack(layout, octets)[0]:g}"


def _decimal(width: int) -> tuple[int, Callable[[bytes], str]]:
    return width, lambda octets: f"D{width * 8}({octets.hex()})"


def _char(octets: bytes) -> str:
    code = int.from_bytes(octets)
    return chr(code) if 0x20 <= code < 0x7F else f"\\u{code:04x}"


_PLAIN: Final[dict[int, tuple[int, Callable[[bytes], str]]]] = {
    0x40: _constant("null"),
    0x41: _constant("true"),
    0x42: _constant("false"),
    0x43: _constant("0x0"),
    0x44: _constant("0x0"),
    0x45: _constant("[]"),
    0x50: _hex(1),
    0x51: _signed(1),
    0x52: _hex(1),
    0x53: _hex(1),
    0x54: _signed(1),
    0x55: _signed(1),
    0x56: (1, lambda octets: "true" if octets[0] else "false"),
    0x60: _hex(2),
    0x61: _signed(2),
    0x70: _hex(4),
    0x71: _signed(4),
    0x72: _float(">f", 4),
    0x73: (4, _char),
    0x74: _decimal(4),
    0x80: _hex(8),
    0x81: _signed(8),
    0x82: _float(">d", 8),
    0x83: _signed(8),
    0x84: _decimal(8),
    0x94: _decimal(16),
    0x98: (16, lambda octets: f"UUID({uuid.UUID(bytes=octets)})"),
}
_VARIABLE: Final = {
    0xA0: ("b", False),
    0xA1: ("", False),
    0xA3: (":", False),
    0xB0: ("b", True),
    0xB1: ("", True),
    0xB3: (":", True),
}
_TYPE_NAMES: Final = {
    0x40: "null",
    **dict.fromkeys((0x41, 0x42, 0x56), "boolean"),
    **dict.fromkeys((0x43, 0x52, 0x70), "uint"),
    **dict.fromkeys((0x44, 0x53, 0x80), "ulong"),
    **dict.fromkeys((0x45, 0xC0, 0xD0), "list"),
    0x50: "ubyte",
    0x51: "byte",
    **dict.fromkeys((0x54, 0x71), "int"),
    **dict.fromkeys((0x55, 0x81), "long"),
    0x60: "ushort",
    0x61: "short",
    0x72: "float",
    0x73: "char",
    0x74: "decimal32",
    0x82: "double",
    0x83: "timestamp",
    0x84: "decimal64",
    0x94: "decimal128",
    0x98: "uuid",
    **dict.fromkeys((0xA0, 0xB0), "binary"),
    **dict.fromkeys((0xA1, 0xB1), "string"),
    **dict.fromkeys((0xA3, 0xB3), "symbol"),
    **dict.fromkeys((0xC1, 0xD1), "map"),
    **dict.fromkeys((0xE0, 0xF0), "array"),
}
