"""The frame guard: real frames pass however cut, each broken rule is refused, an independent judge agrees."""

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.amqp.engine.guard import NAMES, Guard, describe
from skrouter_testing.amqp_octets import (
    ATTACH,
    BEGIN,
    CLOSE,
    FLOW,
    OPEN,
    TRANSFER,
    array32,
    damaged,
    frame,
    list8,
    list32,
    nested,
    performative,
)
from skrouter_testing.guard_oracle import HEADER, Oracle

MAX_FRAME_SIZE = 16384
CHANNEL_MAX = 3
OPENED = HEADER + frame(performative(OPEN, b"\xa1\x01c"))
CAPTURED = [
    (name, bytes.fromhex(octets))
    for name, octets in (
        line.split() for line in Path(__file__).with_name("captured_frames.txt").read_text().splitlines()[1:]
    )
]


def scan(stream: bytes, channel_max: int = CHANNEL_MAX) -> tuple[str, int]:
    """(name of the refusal or "OK", octets passed) when all octets are offered at once."""
    error, passed = Guard(MAX_FRAME_SIZE, channel_max).scan(stream)
    return NAMES[error], passed


def scan_in_pieces(stream: bytes, lengths: list[int], channel_max: int = CHANNEL_MAX) -> tuple[str, int]:
    """The same when they arrive in pieces of these lengths, and what did not pass is offered again."""
    guard, held, passed, error, at = Guard(MAX_FRAME_SIZE, channel_max), b"", 0, 0, 0
    for turn in range(len(stream) + 1):
        piece = stream[at : at + lengths[turn % len(lengths)]]
        at += len(piece)
        held += piece
        error, passable = guard.scan(held)
        assert passable <= len(held)
        held, passed = held[passable:], passed + passable
    return NAMES[error], passed


def refusal(field: bytes) -> str:
    """What the guard says to an attach with this one field."""
    name, passed = scan(OPENED + frame(performative(ATTACH, field)))
    assert name == "OK" or passed == len(OPENED), "the refused frame must not pass"
    return name


@pytest.mark.parametrize(("name", "octets"), CAPTURED)
def test_a_real_frame_passes(name: str, octets: bytes) -> None:
    stream = (HEADER if name == "open" else OPENED) + octets
    assert scan(stream, channel_max=32767) == ("OK", len(stream))


@given(order=st.permutations(CAPTURED), lengths=st.lists(st.integers(1, 700), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_real_frames_pass_in_whatever_pieces_they_arrive(
    order: list[tuple[str, bytes]], lengths: list[int]
) -> None:
    stream = OPENED + b"".join(octets for _, octets in order)
    assert scan_in_pieces(stream, lengths, channel_max=32767) == ("OK", len(stream))


def test_real_frames_pass_octet_by_octet() -> None:
    stream = OPENED + b"".join(octets for _, octets in CAPTURED)
    assert scan_in_pieces(stream, [1], channel_max=32767) == ("OK", len(stream))


FRAMES = [
    ("MALFORMED_FRAME", struct.pack(">IBBH", 0, 2, 0, 0)),
    ("MALFORMED_FRAME", struct.pack(">IBBH", 7, 2, 0, 0)),
    ("MALFORMED_FRAME", struct.pack(">IBBH", 8, 1, 0, 0)),
    ("MALFORMED_FRAME", struct.pack(">IBBH", 8, 0, 0, 0)),
    ("MALFORMED_FRAME", struct.pack(">IBBH", 8, 3, 0, 0)),
    ("MALFORMED_FRAME", struct.pack(">IBBH", 1000, 255, 0, 0)),
    ("FRAME_TOO_LARGE", struct.pack(">IBBH", MAX_FRAME_SIZE + 1, 2, 0, 0)),
    ("FRAME_TOO_LARGE", struct.pack(">IBBH", 0x7FFFFFFF, 2, 0, 0)),
    ("FRAME_TOO_LARGE", struct.pack(">IBBH", 0xFFFFFFFF, 2, 0, 0)),
    ("SASL_FRAME", frame(b"\x00\x53\x40\xc0\x01\x00", kind=1)),
    ("FRAME_TYPE", frame(performative(BEGIN), kind=5)),
    ("CHANNEL", frame(performative(BEGIN), channel=4)),
    ("NO_SUCH_CHANNEL", frame(performative(FLOW), channel=4)),
    ("NO_SUCH_CHANNEL", frame(performative(TRANSFER), channel=0xFFFF)),
    ("NOT_A_PERFORMATIVE", frame(b"\x45")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00\x53")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00\x53\x11")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00\x80\x00\x00\x00\x00\x00\x00\x00")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00\x54\x11\x45")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00\x53\x11\x40")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00\x53\x11\xc1\x01\x00")),
    ("NOT_A_PERFORMATIVE", frame(b"\x00\x53\x11\x00\x53\x11\x45")),
    ("SYMBOLIC_PERFORMATIVE", frame(b"\x00\xa3\x0famqp:begin:list\x45")),
    ("SYMBOLIC_PERFORMATIVE", frame(b"\x00\xb3\x00\x00\x00\x0famqp:begin:list\x45")),
    ("UNKNOWN_PERFORMATIVE", frame(b"\x00\x53\x0f\x45")),
    ("UNKNOWN_PERFORMATIVE", frame(b"\x00\x53\x19\x45")),
    ("UNKNOWN_PERFORMATIVE", frame(b"\x00\x53\x1f\x45")),
    ("UNKNOWN_PERFORMATIVE", frame(b"\x00\x44\x45")),
    ("UNKNOWN_PERFORMATIVE", frame(b"\x00\x80\x00\x00\x00\x01\x00\x00\x00\x11\x45")),
    ("TRAILING_OCTETS", frame(performative(BEGIN) + b"\x40")),
    ("SIZE", frame(b"\x00\x53\x11\xc0\x02\x00")),
    ("SIZE", frame(b"\x00\x53\x14\xc0\x00")),
    ("SIZE", frame(b"\x00\x53\x14\xd0\x00\x00\x00\x03\x00\x00\x00")),
    ("SIZE", frame(b"\x00\x53\x11\xd0\xff\xff\xff\xff\x00\x00\x00\x00")),
    ("SIZE", frame(b"\x00\x53\x11\xd0\x00\x00")),
]


@pytest.mark.parametrize(("name", "octets"), FRAMES)
def test_a_broken_frame_is_refused_and_the_good_octets_before_it_pass(name: str, octets: bytes) -> None:
    assert scan(OPENED + octets) == (name, len(OPENED))


@pytest.mark.parametrize(("name", "octets"), [row for row in FRAMES if len(row[1]) == 8])
def test_a_bad_frame_header_is_refused_before_the_body_arrives(name: str, octets: bytes) -> None:
    guard = Guard(MAX_FRAME_SIZE, CHANNEL_MAX)
    guard.scan(OPENED)
    assert guard.scan(octets[:7]) == (0, 0)
    assert NAMES[guard.scan(octets)[0]] == name


ACCEPTED_FIELDS = [
    *(bytes((code,)) for code in range(0x40, 0x46)),
    *(bytes((code, 0)) for code in range(0x50, 0x57)),
    *(bytes((code,)) + bytes(2) for code in (0x60, 0x61)),
    *(bytes((code,)) + bytes(4) for code in range(0x70, 0x75)),
    *(bytes((code,)) + bytes(8) for code in range(0x80, 0x85)),
    *(bytes((code,)) + bytes(16) for code in (0x94, 0x98)),
    *(bytes((code, 3)) + b"abc" for code in (0xA0, 0xA1, 0xA3)),
    *(bytes((code, 0)) for code in (0xA0, 0xA1, 0xA3)),
    *(bytes((code, 0, 0, 0, 3)) + b"abc" for code in (0xB0, 0xB1, 0xB3)),
    list8(),
    list8(b"\x40", b"\x52\x07"),
    list32(list8(b"\x45")),
    b"\xc1\x01\x00",
    b"\xc1\x05\x02\xa3\x01k\x40",
    b"\xd1\x00\x00\x00\x08\x00\x00\x00\x02\xa3\x01k\x40",
    b"\xe0\x05\x03\x50\x01\x02\x03",
    b"\xe0\x02\x00\xa3",
    array32(2, b"\xa3", b"\x01a\x02bc"),
    array32(2, b"\xc0", b"\x01\x00" + b"\x02\x01\x40"),
    array32(2, b"\xe0", b"\x03\x01\x50\x07" + b"\x02\x00\x50"),
    array32(2, b"\x00\x53\x28\xc0", b"\x01\x00" * 2),
    array32(2, b"\x00\xa3\x01a\x00\x80" + bytes(8) + b"\x50", b"\x01\x02"),
    array32(256, b"\x40", b""),
    array32(256, b"\x45", b""),
    array32(1000, b"\x50", bytes(1000)),
    b"\x00\x53\x28\xc0\x01\x00",
    b"\x00\xa3\x09x:y:z:lst\x45",
    b"\x00\x00\x40\x40\x40",
]


@pytest.mark.parametrize("field", ACCEPTED_FIELDS)
def test_a_legal_value_of_every_type_passes(field: bytes) -> None:
    assert refusal(field) == "OK"


@pytest.mark.parametrize("field", ACCEPTED_FIELDS)
def test_a_legal_value_passes_in_every_octet_length_of_pieces(field: bytes) -> None:
    stream = OPENED + frame(performative(ATTACH, field))
    assert scan_in_pieces(stream, [1, 3, 2]) == ("OK", len(stream))


@pytest.mark.parametrize("field", ACCEPTED_FIELDS)
def test_a_value_cut_off_by_its_list_is_refused(field: bytes) -> None:
    for length in range(1, len(field)):
        assert refusal(field[:length]) != "OK", f"first {length} octets"


REFUSED_FIELDS = [
    ("SIZE", b"\xa1\x05abcd"),
    ("SIZE", b"\xb1\xff\xff\xff\xffabc"),
    ("SIZE", b"\xb1\x00\x00\x00"),
    ("SIZE", b"\xc0\x00"),
    ("SIZE", b"\xc0\x03\x01\x40\x40"),
    ("SIZE", b"\xd0\x00\x00\x00\x03\x00\x00\x00"),
    ("SIZE", b"\xd0\xff\xff\xff\xff\x00\x00\x00\x00"),
    ("SIZE", b"\xc0\x03\x01\x52\x00\x52"),
    ("SIZE", b"\xc0\x03\x02\x52\x00"),
    ("COUNT", b"\xc0\x02\x02\x40"),
    ("COUNT", b"\xd0\x00\x00\x00\x04\xff\xff\xff\xff"),
    ("COUNT", b"\xd1\x00\x00\x00\x04\xff\xff\xff\xfe"),
    ("MAP_COUNT", b"\xc1\x02\x01\x40"),
    ("MAP_COUNT", b"\xd1\x00\x00\x00\x07\x00\x00\x00\x03\x40\x40\x40"),
    ("SIZE", b"\xe0\x01\x00"),
    ("SIZE", b"\xe0\x04\x01\x50\x01\x02"),
    ("COUNT", b"\xe0\x03\x02\x50\x01"),
    ("COUNT", array32(0xFFFFFFFF, b"\x98", bytes(16))),
    ("COUNT", array32(0x20000000, b"\x80", b"")),
    ("COUNT", array32(257, b"\x40", b"")),
    ("COUNT", array32(0xFFFFFFFF, b"\x45", b"")),
    ("COUNT", array32(0xFFFFFFFF, b"\xa3", b"\x00")),
    ("COUNT", array32(3, b"\xa3", b"\x00\x00")),
    ("SIZE", array32(2, b"\xa3", b"\x00\x05")),
    ("SIZE", array32(1, b"\xa3", b"\x00\x00")),
    ("SIZE", array32(1, b"\x00\x53", b"")),
    ("TYPE_CODE", array32(1, b"\x3f", b"")),
    ("TYPE_CODE", array32(1, b"\xff", b"\x00")),
    ("TYPE_CODE", b"\x00\x53\x28\xff"),
    ("SIZE", b"\x00\x53\x28"),
]


@pytest.mark.parametrize(("name", "field"), REFUSED_FIELDS)
def test_a_broken_value_is_refused(name: str, field: bytes) -> None:
    assert refusal(field) == name


LEGAL_CODES = {field[0] for field in ACCEPTED_FIELDS} | {0xD1, 0xE0, 0xF0}


@pytest.mark.parametrize("code", sorted(set(range(256)) - LEGAL_CODES))
def test_an_undefined_type_code_is_refused(code: int) -> None:
    assert refusal(bytes((code,)) + bytes(20)) == "TYPE_CODE"


def test_the_table_of_legal_codes_is_that_of_the_standard() -> None:
    assert len(LEGAL_CODES) == 1 + 6 + 7 + 2 + 5 + 5 + 2 + 3 + 3 + 2 + 2 + 1 + 1


DEEP = [
    ("OK", nested(32)),
    ("DEPTH", nested(33)),
    ("DEPTH", nested(1000)),
    ("OK", b"\x00\x53\x28" * 31 + b"\x40"),
    ("DEPTH", b"\x00\x53\x28" * 32 + b"\x40"),
    ("DEPTH", b"\x00" * 5000),
    ("OK", array32(1, b"\x00\x53\x28" * 30 + b"\x40", b"")),
    ("DEPTH", array32(1, b"\x00\x53\x28" * 32 + b"\x40", b"")),
]


@pytest.mark.parametrize(("name", "field"), DEEP)
def test_nesting_ends_at_32_levels(name: str, field: bytes) -> None:
    assert refusal(field) == name


def test_arrays_in_arrays_count_as_levels() -> None:
    value = b"\x50\x00"  # constructor and one element
    for _ in range(31):
        value = b"\xf0" + struct.pack(">II", len(value) + 4, 1) + value
    assert refusal(b"\xf0" + struct.pack(">II", len(value) + 4, 1) + value) == "DEPTH"
    assert refusal(value) == "OK"


def test_an_empty_frame_passes_on_any_channel() -> None:
    stream = OPENED + frame(b"", channel=9) + frame(b"", offset=255)
    assert scan(stream) == ("OK", len(stream))


def test_an_extended_header_is_skipped() -> None:
    stream = OPENED + frame(performative(BEGIN), offset=7)
    assert scan(stream) == ("OK", len(stream))


@pytest.mark.parametrize("descriptor", [b"\x00\x53\x11", b"\x00\x80" + bytes(7) + b"\x11"])
@pytest.mark.parametrize("fields", [b"\x45", list8(), list32(), list8(b"\x40"), list32(b"\x40")])
def test_every_form_of_a_performative_passes(descriptor: bytes, fields: bytes) -> None:
    stream = OPENED + frame(descriptor + fields)
    assert scan(stream) == ("OK", len(stream))


@pytest.mark.parametrize("code", range(0x11, 0x19))
def test_a_performative_before_open_is_refused(code: int) -> None:
    assert scan(HEADER + frame(performative(code))) == ("BEFORE_OPEN", 8)


@pytest.mark.parametrize(
    "octets", [b"B", b"AMQX", b"AMQP\x03\x01\x00\x00", b"AMQP\x00\x00\x09\x01", b"GET / HTTP/1.1"]
)
def test_another_protocol_header_is_refused(octets: bytes) -> None:
    assert scan(octets) == ("PROTOCOL_HEADER", 0)


def test_the_protocol_header_passes_once() -> None:
    assert scan(HEADER + HEADER) == ("MALFORMED_FRAME", 8)


def test_a_transfer_passes_payload_in_parts_after_its_performative() -> None:
    head = performative(TRANSFER, b"\x43", b"\x43", b"\xa0\x04abcd")
    whole = frame(head + bytes(5000))
    guard = Guard(MAX_FRAME_SIZE, CHANNEL_MAX)
    guard.scan(OPENED)
    assert guard.scan(whole[: 8 + len(head) - 1]) == (0, 0)
    assert guard.wanted == 8 + len(head)
    assert guard.scan(whole[: 8 + len(head) + 10]) == (0, 8 + len(head) + 10)
    assert guard.scan(whole[8 + len(head) + 10 :] + b"\x00") == (0, 4990)


@pytest.mark.parametrize("cut", range(1, 40))
def test_wanted_octets_are_enough_to_go_on(cut: int) -> None:
    octets = frame(performative(ATTACH, *[b"\xa1\x03abc"] * 6))
    guard = Guard(MAX_FRAME_SIZE, CHANNEL_MAX)
    guard.scan(OPENED)
    assert guard.scan(octets[:cut]) == (0, 0)
    assert cut < guard.wanted <= len(octets)


def test_a_refusal_stands() -> None:
    guard = Guard(MAX_FRAME_SIZE, CHANNEL_MAX)
    error, _ = guard.scan(OPENED + frame(b"\x45"))
    assert guard.scan(frame(performative(CLOSE))) == (error, 0)


def test_no_octets_are_no_error() -> None:
    assert Guard(MAX_FRAME_SIZE, CHANNEL_MAX).scan(b"") == (0, 0)


EXPLAINED = [
    (
        frame(performative(BEGIN), channel=9),
        "amqp:connection:framing-error",
        "remote channel 9 is above negotiated channel_max 3.",
    ),
    (frame(performative(FLOW), channel=9), "amqp:not-allowed", "no such channel: 9"),
    (struct.pack(">IBBH", 4, 2, 0, 0), "amqp:connection:framing-error", "malformed frame"),
    (
        struct.pack(">IBBH", 20000, 2, 0, 0),
        "amqp:connection:framing-error",
        "malformed frame: larger than max-frame-size (20000 octets, 16384 allowed)",
    ),
    (frame(b"\x00\x53\x1f\x45"), "amqp:not-implemented", "unknown performative"),
    (
        frame(performative(ATTACH, nested(40))),
        "amqp:decode-error",
        "values nested deeper than 32 levels (performative 0x12, channel 0, frame of 372 octets)",
    ),
]


@pytest.mark.parametrize(("octets", "condition", "text"), EXPLAINED)
def test_a_refusal_is_explained_with_its_numbers(octets: bytes, condition: str, text: str) -> None:
    guard = Guard(MAX_FRAME_SIZE, CHANNEL_MAX)
    error, _ = guard.scan(OPENED + octets)
    assert (describe(error)[1], guard.explain()) == (condition, text)


def test_every_error_has_a_name_a_condition_and_a_description() -> None:
    faces = [describe(error) for error in range(1, len(NAMES))]
    assert all(
        condition.startswith("amqp:") and text and text != "unknown error" for _, condition, text in faces
    )
    assert len({text for _, _, text in faces}) == len(faces)


@given(
    source=st.randoms(use_true_random=False),
    chosen=st.lists(st.sampled_from(CAPTURED), min_size=1, max_size=4),
)
@settings(max_examples=1500, deadline=None)
def test_the_guard_and_an_independent_judge_agree_on_damaged_frames(
    source: random.Random, chosen: list[tuple[str, bytes]]
) -> None:
    stream = OPENED + b"".join(damaged(octets, source) for _, octets in chosen)
    assert scan(stream) == Oracle(MAX_FRAME_SIZE, CHANNEL_MAX).judge(stream)


@given(
    source=st.randoms(use_true_random=False),
    chosen=st.sampled_from(CAPTURED),
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_frame_gets_the_same_answer_in_whatever_pieces(
    source: random.Random, chosen: tuple[str, bytes], lengths: list[int]
) -> None:
    stream = OPENED + damaged(chosen[1], source) + frame(performative(BEGIN))
    assert scan_in_pieces(stream, lengths) == scan(stream)


@given(body=st.binary(max_size=80))
@settings(max_examples=500, deadline=None)
def test_the_guard_and_an_independent_judge_agree_on_any_fields(body: bytes) -> None:
    stream = OPENED + frame(b"\x00\x53\x12\xd0" + struct.pack(">II", len(body) + 4, len(body) // 2) + body)
    assert scan(stream) == Oracle(MAX_FRAME_SIZE, CHANNEL_MAX).judge(stream)
