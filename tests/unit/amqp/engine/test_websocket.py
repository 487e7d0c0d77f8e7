"""WebSocket framing: the native code against the model, and RFC 6455 case by case."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.engine.websocket import WebSocket
from skrouter_testing.websocket_model import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    cut,
    frame,
    judge,
)
from websockets.frames import Frame
from websockets.frames import Opcode as ForeignOpcode

RESERVED_OPCODES = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)


def feed(pieces: list[bytes]) -> tuple[WebSocket, bytes]:
    socket = WebSocket()
    return socket, b"".join(socket.decode(piece) for piece in pieces)


def compare(stream: bytes, pieces: list[bytes]) -> None:
    verdict = judge(stream)
    socket, data = feed(pieces)
    code, error = socket.end
    assert data == verdict.data
    assert socket.ended == verdict.ended
    if verdict.ended:
        assert (code, error is not None) == (verdict.code, verdict.is_error)
    expected = b"" if verdict.ping is None else bytes([0x8A, len(verdict.ping)]) + verdict.ping
    assert socket.pong() == expected


# --- what passes

masks = st.binary(min_size=4, max_size=4)
data_frames = st.builds(
    frame,
    st.one_of(st.binary(max_size=40), st.integers(120, 300).map(bytes), st.just(b"x" * 65536)),
    mask=masks,
    fin=st.booleans(),
    opcode=st.sampled_from((BINARY, CONTINUATION)),
)
control_frames = st.builds(frame, st.binary(max_size=125), st.sampled_from((PING, PONG)), mask=masks)
closes = st.builds(
    lambda code, reason, mask: frame(code.to_bytes(2, "big") + reason, CLOSE, mask=mask),
    st.integers(990, 5010),
    st.one_of(st.text(max_size=20).map(str.encode), st.binary(max_size=20)),
    masks,
)
odd_frames = st.builds(
    frame,
    st.binary(max_size=200),
    st.integers(0, 15),
    fin=st.booleans(),
    reserved=st.sampled_from((0, 0, 0, 1, 2, 4)),
    mask=st.one_of(masks, masks, masks, st.none()),
)
streams = st.lists(
    st.one_of(data_frames, control_frames, closes, odd_frames, st.binary(max_size=20)), max_size=8
)


@given(streams.map(b"".join), st.lists(st.integers(0, 400), max_size=10))
def test_any_stream_in_any_pieces_is_what_the_model_says(stream: bytes, places: list[int]) -> None:
    compare(stream, cut(stream, places))


@given(st.lists(st.one_of(data_frames, control_frames), max_size=3).map(b"".join))
def test_octet_by_octet_is_the_same_as_at_once(stream: bytes) -> None:
    short = stream[:400]
    compare(short, cut(short, range(len(short))))


@given(st.binary(max_size=300), masks, st.booleans())
def test_frames_of_a_foreign_library_are_understood(payload: bytes, mask: bytes, fin: bool) -> None:
    made = Frame(ForeignOpcode.BINARY, payload, fin=fin).serialize(mask=True)
    assert feed([made])[1] == payload


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 200_000])
def test_a_frame_of_ours_is_read_by_a_foreign_library(length: int) -> None:
    payload = bytes(i & 0xFF for i in range(length))
    made = WebSocket().frame(payload)
    assert made == Frame(ForeignOpcode.BINARY, payload).serialize(mask=False)


def test_every_cut_of_frames_of_all_kinds_gives_the_same() -> None:
    stream = b"".join(
        (
            frame(b"one", fin=False),
            frame(b"ping me", PING),
            frame(b"", CONTINUATION, fin=False),
            frame(b"z" * 130, CONTINUATION),
            frame(b"two"),
            frame((1000).to_bytes(2, "big") + b"bye", CLOSE),
        )
    )
    for first, second in itertools.combinations(range(0, len(stream), 3), 2):
        compare(stream, cut(stream, (first, second)))


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("length", range(20))
def test_the_mask_goes_on_where_the_last_piece_ended(at: int, length: int) -> None:
    payload = bytes(range(at + length))
    stream = frame(payload, mask=b"\x01\x80\xff\x7f")
    assert feed([stream[: 6 + at], stream[6 + at :]])[1] == payload


# --- what does not


@pytest.mark.parametrize(
    ("stream", "code", "word"),
    [
        (frame(b"a", mask=None), 1002, "not masked"),
        (frame(b"a", reserved=4), 1002, "reserved bits"),
        (frame(b"a", reserved=1), 1002, "reserved bits"),
        *((frame(b"a", opcode), 1002, "reserved opcode") for opcode in RESERVED_OPCODES),
        (frame(b"hello", TEXT), 1003, "text"),
        (frame(b"a", CONTINUATION), 1002, "out of order"),
        (frame(b"a", fin=False) + frame(b"b"), 1002, "out of order"),
        (frame(b"a", fin=False) + frame(b"b", TEXT), 1002, "out of order"),
        (frame(b"a", PING, fin=False), 1002, "control frame"),
        (frame(b"a" * 126, PING), 1002, "control frame"),
        (frame(b"a", width=2), 1002, "shortest form"),
        (frame(b"a", width=8), 1002, "shortest form"),
        (frame(b"a" * 200, width=8), 1002, "shortest form"),
        (frame(width=8, length=1 << 63), 1002, "shortest form"),
        (frame(width=8, length=1 << 31), 1009, "longer than"),
        (frame(b"\x03", CLOSE), 1002, "half a code"),
        (frame((1005).to_bytes(2, "big"), CLOSE), 1002, "may not be sent"),
        (frame((999).to_bytes(2, "big"), CLOSE), 1002, "may not be sent"),
        (frame((5000).to_bytes(2, "big"), CLOSE), 1002, "may not be sent"),
        (frame((1000).to_bytes(2, "big") + b"\xff", CLOSE), 1007, "UTF-8"),
        (frame((1000).to_bytes(2, "big") + b"\xed\xa0\x80", CLOSE), 1007, "UTF-8"),
    ],
)
def test_what_a_peer_may_not_do_ends_the_stream_with_a_code(stream: bytes, code: int, word: str) -> None:
    compare(stream, [stream])
    socket, _ = feed(cut(stream, range(len(stream))))
    assert socket.ended
    found, error = socket.end
    assert found == code
    assert word in (error or "")
    assert socket.close(1000) == bytes([0x88, 2]) + code.to_bytes(2, "big")


def test_a_text_frame_is_refused_before_its_length_has_come() -> None:
    socket, _ = feed([frame(b"x", TEXT)[:2]])
    assert socket.ended


def test_nothing_after_the_end_is_looked_at() -> None:
    socket, data = feed([frame(b"", CLOSE) + frame(b"late")])
    assert (data, socket.decode(frame(b"later"))) == (b"", b"")


@given(st.one_of(st.text(max_size=40).map(str.encode), st.binary(max_size=40)))
def test_the_reason_of_a_close_must_be_text(reason: bytes) -> None:
    stream = frame((1000).to_bytes(2, "big") + reason, CLOSE)
    compare(stream, [stream])


# --- what we say


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_a_close_is_answered_with_its_code(code: int) -> None:
    socket, _ = feed([frame(code.to_bytes(2, "big") + b"why", CLOSE)])
    assert socket.close(1001) == bytes([0x88, 2]) + code.to_bytes(2, "big")


def test_a_close_without_code_is_answered_without() -> None:
    socket, _ = feed([frame(b"", CLOSE)])
    assert socket.close(1001) == b"\x88\x00"


def test_our_own_close_has_our_code() -> None:
    assert WebSocket().close(1001) == bytes([0x88, 2]) + (1001).to_bytes(2, "big")


def test_of_many_pings_the_latest_is_answered_once() -> None:
    socket, _ = feed([b"".join(frame(bytes([i]), PING) for i in range(200))])
    assert socket.pong() == b"\x8a\x01\xc7"
    assert socket.pong() == b""


def test_a_pong_is_not_answered() -> None:
    assert feed([frame(b"x", PONG)])[0].pong() == b""


def test_no_pong_follows_our_close() -> None:
    socket, _ = feed([frame(b"x", PING)])
    socket.close(1000)
    assert socket.pong() == b""
