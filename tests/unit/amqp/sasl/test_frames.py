"""SASL frames: real octets, all fields, and what is no SASL frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp import codec
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.sasl import frames
from skrouter.amqp.sasl.frames import (
    Challenge,
    Frame,
    HeaderKind,
    Init,
    Mechanisms,
    Outcome,
    OutcomeCode,
    Response,
    decode_frame,
    encode_frame,
    frame_size,
    sniff_header,
)
from skrouter.amqp.types import Described, Symbol, UByte, ULong
from skrouter_testing import captures
from skrouter_testing import frames as raw
from skrouter_testing.captures import CapturedFrame

REAL = captures.frames("sasl-mechanisms", "sasl-init", "sasl-outcome")


@pytest.mark.parametrize("frame", REAL, ids=lambda frame: frame.source)
def test_real_frames_are_read_and_written_again(frame: CapturedFrame) -> None:
    assert encode_frame(decode_frame(frame.octets)) == frame.octets


@pytest.mark.parametrize(
    ("frame", "octets"),
    [
        (Mechanisms(("ANONYMOUS",)), "0000001c02010000005340c00f01e00c01a309414e4f4e594d4f5553"),
        (
            Init("ANONYMOUS", b"anonymous@vm"),
            "0000002702010000005341c01a02a309414e4f4e594d4f5553a00c616e6f6e796d6f757340766d",
        ),
        (Init("PLAIN", b"\0a\0b"), "0000001b02010000005341c00e02a305504c41494ea00400610062"),
        (Outcome(OutcomeCode.OK), "0000001002010000005344c003015000"),
        (Outcome(OutcomeCode.AUTH), "0000001002010000005344c003015001"),
    ],
)
def test_the_octets_are_those_of_the_reference(frame: Frame, octets: str) -> None:
    assert encode_frame(frame).hex() == octets


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
DATA = st.binary(max_size=300)
FRAMES = st.one_of(
    st.lists(NAMES, max_size=5).map(lambda names: Mechanisms(tuple(names))),
    st.builds(Init, NAMES, st.none() | DATA, st.none() | NAMES),
    st.builds(Challenge, DATA),
    st.builds(Response, DATA),
    st.builds(Outcome, st.sampled_from(OutcomeCode), st.none() | DATA),
)


@given(FRAMES)
def test_whatever_is_written_can_be_read(frame: Frame) -> None:
    octets = encode_frame(frame)
    assert frame_size(octets) == len(octets)
    assert decode_frame(octets) == frame


@given(st.binary(max_size=80))
def test_any_body_is_a_frame_or_a_decode_error(body: bytes) -> None:
    try:
        decode_frame(raw.raw_frame(body, frame_type=raw.SASL_TYPE))
    except DecodeError as error:
        assert error.description


def test_passwords_do_not_show() -> None:
    for frame in (Init("PLAIN", b"\0a\0secret"), Response(b"secret"), Challenge(b"secret")):
        assert "secret" not in repr(frame)


def body(code: object, fields: object) -> bytes:
    """A SASL frame of any content."""
    return raw.raw_frame(codec.encode(Described(code, fields), codec.COMPACT), frame_type=raw.SASL_TYPE)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (raw.raw_frame(b"", frame_type=raw.SASL_TYPE), "a value is missing"),
        (raw.amqp_frame("open", container_id="x"), "frame of type 0 inside the SASL layer"),
        (raw.raw_frame(b"\x40", frame_type=raw.SASL_TYPE), "no described list"),
        (raw.raw_frame(b"\x40", frame_type=raw.SASL_TYPE, offset=1), "data offset 1"),
        (raw.raw_frame(b"\x40", frame_type=raw.SASL_TYPE, offset=200), "data offset 200"),
        (raw.raw_frame(b"\x40", frame_type=raw.SASL_TYPE, size=10), "does not have the size it states"),
        (raw.sasl_frame("sasl-outcome", code=UByte(0)) + b"\0", "does not have the size it states"),
        (body(ULong(0x41), {}), "no described list"),
        (body(ULong(0x41), []), "mechanism must be a symbol"),
        (body(ULong(0x41), ["PLAIN"]), "mechanism must be a symbol"),
        (body(ULong(0x41), [Symbol("PLAIN"), "a"]), "initial-response must be binary, not str"),
        (body(ULong(0x41), [Symbol("PLAIN"), b"a", b"h"]), "hostname must be a string"),
        (body(ULong(0x42), []), "challenge must not be null"),
        (body(ULong(0x43), ["x"]), "response must be binary"),
        (body(ULong(0x44), []), "outcome code must be a ubyte"),
        (body(ULong(0x44), [UByte(5)]), "outcome code must be a ubyte from 0 to 4"),
        (body(ULong(0x44), [0]), "outcome code must be a ubyte"),
        (body(ULong(0x40), ["x"]), "must hold symbols"),
        (body(ULong(0x45), []), "unknown SASL frame"),
        (body(Symbol("amqp:open:list"), []), "unknown SASL frame"),
        (body("x", []), "unknown SASL frame"),
    ],
)
def test_wrong_frames_are_refused(octets: bytes, text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        decode_frame(octets)


def test_symbolic_descriptors_and_a_single_mechanism_are_read() -> None:
    assert decode_frame(body(Symbol("amqp:sasl-mechanisms:list"), [Symbol("PLAIN")])) == Mechanisms(
        ("PLAIN",)
    )


def test_an_extended_header_is_skipped() -> None:
    content = codec.encode(Described(ULong(0x44), [UByte(0)]), codec.COMPACT)
    octets = raw.raw_frame(b"more" + content, frame_type=raw.SASL_TYPE, offset=3)
    assert decode_frame(octets) == Outcome(OutcomeCode.OK)


@pytest.mark.parametrize("size", [0, 7, frames.MAX_FRAME + 1, 0x7FFFFFFF, 0x41414141])
def test_impossible_sizes_are_refused_before_a_body_arrives(size: int) -> None:
    with pytest.raises(DecodeError, match=f"SASL frame of {size} octets"):
        frame_size(size.to_bytes(4))


def test_a_frame_may_be_as_large_as_the_limit_and_not_larger() -> None:
    room = frames.MAX_FRAME - len(encode_frame(Response(b"x" * 256))) + 256
    assert len(encode_frame(Response(b"x" * room))) == frames.MAX_FRAME
    with pytest.raises(ValueError, match="at most 16384 are allowed"):
        encode_frame(Response(b"x" * (room + 1)))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", None),
        (b"AMQP\0\1\0", None),
        (b"AMQP\3\1\0\0", HeaderKind.SASL),
        (b"AMQP\0\1\0\0", HeaderKind.AMQP),
        (b"AMQP\2\1\0\0rest", HeaderKind.TLS),
        (b"AMQP\3\1\0\1", HeaderKind.OTHER),
        (b"AMQP\0\0\x09\1", HeaderKind.OTHER),
        (b"GET / HT", HeaderKind.OTHER),
    ],
)
def test_headers_are_told_apart(data: bytes, kind: HeaderKind | None) -> None:
    assert sniff_header(data) is kind
