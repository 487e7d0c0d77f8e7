"""The text of frames: the same as the AMQP engine's own trace, and safe whatever the octets are."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proton import (
    UNDESCRIBED,
    Array,
    Condition,
    Connection,
    Data,
    Described,
    Endpoint,
    Transport,
    byte,
    float32,
    short,
    symbol,
    timestamp,
    ubyte,
    ulong,
    ushort,
)
from skrouter.amqp.frame_text import CUT, HIDDEN, MAX_TEXT, frame_text, value_text

SASL_INIT = bytes.fromhex("005341d00000001e00000003a305504c41494ea00e00677565737400736563726574734040")


class Traced:
    """Two engines joined by octets; the first tells the text of every frame, and its octets are kept."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.octets = {True: b"", False: b""}
        self.here, self.there = Transport(), Transport(Transport.SERVER)
        self.here.trace(Transport.TRACE_FRM)
        self.here.tracer = lambda _, text: self.texts.append(text)
        self.connection, self.peer = Connection(), Connection()
        self.here.bind(self.connection)
        self.there.bind(self.peer)

    def exchange(self) -> None:
        for _ in range(4):
            for outgoing, one, other in ((True, self.here, self.there), (False, self.there, self.here)):
                while (pending := one.pending()) > 0:
                    data = one.peek(pending)
                    one.pop(len(data))
                    self.octets[outgoing] += data
                    other.push(data)

    def frames(self) -> Iterator[str]:
        """Our texts, those sent first."""
        for outgoing, data in self.octets.items():
            at = 0
            while at < len(data):
                size = 8 if data[at : at + 4] == b"AMQP" else struct.unpack_from(">I", data, at)[0]
                yield "FRAME: " + frame_text(data[at : at + size][:2048], size, outgoing=outgoing)
                at += size

    def check(self) -> None:
        theirs = [text for text in self.texts if "EOS" not in text]
        assert sorted(self.frames()) == sorted(theirs)


def talk(properties: dict[Any, Any], name: str, payload: bytes, settle: str) -> Traced:
    """A whole life: open, begin, attach, flow, transfer, disposition, detach, end, close."""
    both = Traced()
    both.connection.container, both.connection.hostname = name, "host"
    both.connection.properties = properties
    both.connection.open()
    session = both.connection.session()
    session.open()
    sender = session.sender(name)
    sender.target.address = name
    sender.source.capabilities.put_symbol(symbol("qd.router"))
    sender.open()
    both.exchange()
    both.peer.open()
    theirs = both.peer.link_head(Endpoint.REMOTE_ACTIVE)
    theirs.session.open()
    theirs.open()
    theirs.flow(10)
    both.exchange()
    delivery = sender.delivery(name)
    sender.stream(payload)
    sender.advance()
    both.exchange()
    received = theirs.current
    if settle == "modified":
        received.local.failed = True
        received.local.annotations = {symbol("a"): 1}
    if settle == "rejected":
        received.local.condition = Condition("amqp:internal-error", name, {symbol("n"): 1})
    received.update({"modified": 0x27, "rejected": 0x25, "accepted": 0x24}[settle])
    received.settle()
    both.exchange()
    delivery.settle()
    sender.close()
    session.close()
    both.connection.condition = Condition("amqp:resource-limit-exceeded", name)
    both.connection.close()
    both.exchange()
    return both


VALUES: dict[Any, Any] = {
    symbol("a_b"): 1,
    symbol("a-b"): None,
    symbol("1a"): True,
    symbol(""): [],
    symbol("a.b"): {},
    symbol("byte"): byte(-3),
    symbol("ubyte"): ubyte(3),
    symbol("short"): short(-9),
    symbol("ushort"): ushort(9),
    symbol("long"): 1 << 40,
    symbol("ulong"): ulong(1 << 40),
    symbol("time"): timestamp(1234567),
    symbol("double"): 1e300,
    symbol("float"): float32(0.1),
    symbol("octets"): b"\x00z\"'\\\xff",
    symbol("text"): "é\n\"'\\",
    symbol("ints"): Array(UNDESCRIBED, Data.INT, 1, 2),
    symbol("symbols"): Array(UNDESCRIBED, Data.SYMBOL, symbol("a"), symbol("b.c")),
    symbol("described"): Array(symbol("y"), Data.STRING, "a", "b"),
    symbol("unknown"): Described(ulong(0x999), [1, None]),
    symbol("named"): Described(ulong(0x28), ["x"]),
    symbol("symbolic"): Described(symbol("x:y"), 1),
    symbol("nested"): {"x": [1, 2, {"y": [None, 1.5]}]},
}


@pytest.mark.parametrize("settle", ["accepted", "modified", "rejected"])
def test_a9_a_frame_reads_as_in_the_engines_own_trace(settle: str) -> None:
    talk(VALUES, "name\x01é", b"\x00SpE\x00Ss\xd0\xff\"'\\end", settle).check()


@pytest.mark.parametrize("size", [0, 1, 900, 1023, 1024, 1100, 5000])
def test_a9_a_long_line_is_cut_where_the_engine_cuts_it(size: int) -> None:
    talk({}, "name", b"q" * size, "accepted").check()


_keys = st.text("abzA19-_.:", max_size=6).map(symbol)
_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(min_codepoint=1, exclude_categories=("Cs",)), max_size=8)
    | st.binary(max_size=8)
    | _keys
)
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.dictionaries(_keys, _values, max_size=3), st.binary(max_size=60))
def test_a9_any_frame_reads_as_in_the_engines_own_trace(properties: dict[Any, Any], payload: bytes) -> None:
    talk(properties, "name", payload, "accepted").check()


@given(st.binary(max_size=80), st.integers(0, 100), st.booleans())
def test_a9_any_octets_have_a_line_of_bounded_length(body: bytes, more: int, outgoing: bool) -> None:
    octets = struct.pack(">IBBH", 8 + len(body) + more, 2, 0, 3) + body
    text = frame_text(octets, 8 + len(body) + more, outgoing=outgoing)
    assert text.startswith("3 -> " if outgoing else "3 <- ")
    assert len(text) <= MAX_TEXT
    assert text.isprintable()


@pytest.mark.parametrize("array", ["f00000000900100000" + "40", "e003ff40", "f0000000050fffffff40"])
def test_a9_a_count_of_nothings_costs_no_more_than_a_line(array: str) -> None:
    assert len(value_text(bytes.fromhex(array))) <= MAX_TEXT


def test_a9_a_frame_that_was_not_kept_whole_says_so() -> None:
    frame = bytes.fromhex("0000002602000000005310d0000000160000000aa10178a10468")
    assert frame_text(frame, 0x26, outgoing=False).endswith(CUT)


def test_a9_secrets_of_sasl_are_never_shown() -> None:
    frame = struct.pack(">IBBH", 8 + len(SASL_INIT), 2, 1, 0) + SASL_INIT
    text = frame_text(frame, len(frame), outgoing=False)
    assert text.startswith(f"0 <- @sasl-init(65) [mechanism=:PLAIN, initial-response={HIDDEN}")
    assert "guest" not in text
    assert "secret" not in text


def test_a9_the_ends_of_streams_and_headers_are_told() -> None:
    assert frame_text(b"", 0, outgoing=True) == "  -> EOS"
    assert frame_text(b"AMQP\x00\x01\x00\x00", 8, outgoing=False) == "  <- AMQP"
    assert frame_text(b"AMQP\x03\x01\x00\x00", 8, outgoing=False) == "  <- SASL"
    assert frame_text(bytes.fromhex("0000000802000007"), 8, outgoing=True) == "7 -> (EMPTY FRAME)"
