"""The type system: every encoding is read, what is written can be read, and hostile octets are refused."""

import math
import struct
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp import codec
from skrouter.amqp import types as t
from skrouter.amqp.codec import COMPACT, COMPOSER, REFERENCE, Conventions, decode, decode_one, encode
from skrouter.amqp.errors import DecodeError
from skrouter_testing import frames

UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")

ENCODINGS = [
    ("40", None),
    ("41", True),
    ("42", False),
    ("5601", True),
    ("5600", False),
    ("50ff", t.UByte(255)),
    ("60ffff", t.UShort(65535)),
    ("43", t.UInt(0)),
    ("52ff", t.UInt(255)),
    ("70ffffffff", t.UInt(4294967295)),
    ("44", t.ULong(0)),
    ("53ff", t.ULong(255)),
    ("80ffffffffffffffff", t.ULong(18446744073709551615)),
    ("5180", t.Byte(-128)),
    ("618000", t.Short(-32768)),
    ("5480", t.Int(-128)),
    ("7180000000", t.Int(-2147483648)),
    ("5580", t.Long(-128)),
    ("818000000000000000", t.Long(-9223372036854775808)),
    ("723fc00000", t.Float32(1.5)),
    ("823ff8000000000000", 1.5),
    ("7401020304", t.Decimal32(bytes([1, 2, 3, 4]))),
    ("84" + "07" * 8, t.Decimal64(b"\7" * 8)),
    ("94" + "07" * 16, t.Decimal128(b"\7" * 16)),
    ("7300002603", t.Char("☃")),
    ("83fffffffffffffff6", t.Timestamp(-10)),
    ("98" + UUID.hex, UUID),
    ("a003010203", b"\1\2\3"),
    ("b000000003010203", b"\1\2\3"),
    ("a103e29883", "☃"),
    ("b100000003e29883", "☃"),
    ("a3026162", t.Symbol("ab")),
    ("b3000000026162", t.Symbol("ab")),
    ("45", []),
    ("c00100", []),
    ("c003024142", [True, False]),
    ("d000000006000000024142", [True, False]),
    ("c10100", {}),
    ("c10502a1016141", {"a": True}),
    ("d10000000800000002a1016141", {"a": True}),
    ("e004025001ff", t.Array(0x50, (t.UByte(1), t.UByte(255)))),
    ("f00000000700000002500102", t.Array(0x50, (t.UByte(1), t.UByte(2)))),
    ("e0020241", t.Array(0x41, (True, True))),
    ("e00701005301a00161", t.Array(0xA0, (b"a",), t.ULong(1))),
    ("005324c00100", t.Described(t.ULong(0x24), [])),
    ("00a3026162a10163", t.Described(t.Symbol("ab"), "c")),
]


def same(left: object, right: object) -> bool:
    """Equal, and of the same AMQP type all the way down."""
    if type(left) is not type(right):
        return False
    match left, right:
        case list(), list():
            return len(left) == len(right) and all(map(same, left, right))
        case dict(), dict():
            return same([*left.items()], [*right.items()])
        case tuple(), tuple():
            return same(list(left), list(right))
        case t.Array(), t.Array():
            return left.code == right.code and same(
                [left.descriptor, *left.values], [right.descriptor, *right.values]
            )
        case t.Described(), t.Described():
            return same([left.descriptor, left.value], [right.descriptor, right.value])
        case float(), float():
            return left == right or (math.isnan(left) and math.isnan(right))
        case _:
            return left == right


@pytest.mark.parametrize(("octets", "value"), ENCODINGS, ids=[octets[:20] for octets, _ in ENCODINGS])
def test_every_encoding_is_read(octets: str, value: object) -> None:
    data = bytes.fromhex(octets)
    decoded, end = decode(b"\xff" + data + b"\xff", 1)
    assert same(decoded, value)
    assert end == len(data) + 1


def test_every_format_code_of_the_standard_is_in_the_table_above() -> None:
    codes = {int(octets[:2], 16) for octets, _ in ENCODINGS}
    standard = "00 40 41 42 43 44 45 50 51 52 53 54 55 56 60 61 70 71 72 73 74 80 81 82 83 84 94 98"
    variable = "a0 a1 a3 b0 b1 b3 c0 c1 d0 d1 e0 f0"
    assert codes == {int(code, 16) for code in (standard + " " + variable).split()}


@pytest.mark.parametrize(("octets", "value"), ENCODINGS, ids=[octets[:20] for octets, _ in ENCODINGS])
@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_truncated_value_is_refused(octets: str, value: object, cut: int) -> None:
    data = bytes.fromhex(octets)
    if cut <= len(data):
        with pytest.raises(DecodeError):
            decode(data[:-cut])


WRITTEN = [
    (None, "40"),
    (True, "41"),
    (0, "5400"),
    (127, "547f"),
    (128, "7100000080"),
    (-129, "71ffffff7f"),
    (2**31, "810000000080000000"),
    (-(2**63), "818000000000000000"),
    (t.UInt(0), "43"),
    (t.UInt(255), "52ff"),
    (t.UInt(256), "7000000100"),
    (t.ULong(0), "44"),
    (t.ULong(256), "800000000000000100"),
    (t.Long(0), "5500"),
    (t.Long(-129), "81ffffffffffffff7f"),
    (1.5, "823ff8000000000000"),
    ("", "a100"),
    ("é" * 127, "a1fe" + "c3a9" * 127),
    ("é" * 128, "b100000100" + "c3a9" * 128),
    (b"x" * 256, "b000000100" + "78" * 256),
    (t.Symbol("a"), "a30161"),
]


@pytest.mark.parametrize(("value", "octets"), WRITTEN, ids=[octets[:16] for _, octets in WRITTEN])
def test_scalars_are_written_in_the_shortest_form(value: object, octets: str) -> None:
    assert encode(value).hex() == octets


@pytest.mark.parametrize(
    ("conventions", "empty", "one"),
    [
        (REFERENCE, "45", "d0000000050000000141"),
        (COMPOSER, "d00000000400000000", "d0000000050000000141"),
        (COMPACT, "45", "c0020141"),
        (Conventions(wide=False, list0=False), "c00100", "c0020141"),
    ],
)
def test_conventions_decide_about_lists(conventions: Conventions, empty: str, one: str) -> None:
    assert encode([], conventions).hex() == empty
    assert encode([True], conventions).hex() == one
    assert encode((True,), conventions).hex() == one


@pytest.mark.parametrize("length", [252, 253, 254, 255, 256])
def test_compact_compounds_grow_when_one_octet_is_too_few(length: int) -> None:
    octets = encode([b"\0" * (length - 2)], COMPACT)
    assert octets[0] == (0xC0 if length < 255 else 0xD0)
    assert decode_one(octets) == [b"\0" * (length - 2)]


def test_a_compact_list_of_many_empty_elements_grows() -> None:
    octets = encode([None] * 300, COMPACT)
    assert octets[0] == 0xD0
    assert decode_one(octets) == [None] * 300


INTEGERS = (t.UByte, t.UShort, t.UInt, t.ULong, t.Byte, t.Short, t.Int, t.Long, t.Timestamp)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    *[st.integers(cls.LOW, cls.HIGH).map(cls) for cls in INTEGERS],
    st.floats(),
    st.floats(width=32).map(t.Float32),
    st.binary(min_size=4, max_size=4).map(t.Decimal32),
    st.binary(min_size=8, max_size=8).map(t.Decimal64),
    st.binary(min_size=16, max_size=16).map(t.Decimal128),
    st.characters(exclude_categories=["Cs"]).map(t.Char),
    st.uuids(),
    st.binary(max_size=300),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.text(st.characters(max_codepoint=127), max_size=300).map(t.Symbol),
)
arrays = st.one_of(
    st.lists(st.integers(0, 255).map(t.UByte), max_size=300).map(lambda v: t.Array(0x50, tuple(v))),
    st.lists(st.text(st.characters(max_codepoint=127)).map(t.Symbol)).map(
        lambda v: t.Array(0xB3, tuple(v), t.Symbol("d"))
    ),
    st.lists(st.lists(st.booleans())).map(lambda v: t.Array(0xD0, tuple(v))),
    st.lists(st.dictionaries(st.text(max_size=3), st.booleans(), max_size=3)).map(
        lambda v: t.Array(0xD1, tuple(v))
    ),
    st.lists(st.just(t.Array(0x41, (True, True)))).map(lambda v: t.Array(0xE0, tuple(v))),
)
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=6)
        | st.builds(t.Described, scalars, inner)
    ),
    max_leaves=20,
)


@given(values, st.sampled_from([REFERENCE, COMPOSER, COMPACT]))
def test_whatever_is_written_can_be_read(value: object, conventions: Conventions) -> None:
    assert same(decode_one(encode(value, conventions)), value)


@given(st.binary(max_size=200))
def test_any_octets_give_a_value_or_a_decode_error(data: bytes) -> None:
    try:
        value, end = decode(data)
    except DecodeError as error:
        assert error.condition == "amqp:decode-error"
    else:
        assert 0 < end <= len(data)
        encode(value)


@given(values, st.data())
def test_damaged_octets_give_a_value_or_a_decode_error(value: object, data: st.DataObject) -> None:
    octets = bytearray(encode(value, data.draw(st.sampled_from([REFERENCE, COMPACT]))))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(octets))
    except DecodeError as error:
        assert error.description


HOSTILE = {
    "lists nested too deep": frames.nested_lists(codec.MAX_DEPTH + 1),
    "lists nested far too deep": frames.nested_lists(2000),
    "descriptors nested far too deep": frames.nested_descriptors(100_000),
    "descriptors of descriptors": b"\x00" * 100_000,
    "arrays nested far too deep": b"\xf0\x00\x01\x00\x00\x00\x00\x00\x01" * 5000,
    "a list of 4 billion": frames.list_that_claims(0xFFFFFFFF, b"\x40"),
    "an array of 4 billion nulls": frames.array_that_claims(0xFFFFFFFF, 0x40),
    "an array of 4 billion empty lists": frames.array_that_claims(0xFFFFFFFF, 0x45),
    "an array of 4 billion octets": frames.array_that_claims(0xFFFFFFFF, 0x50, b"\x01"),
    "an array of more nulls than allowed": frames.array_that_claims(codec.MAX_ZERO_WIDTH + 1, 0x40),
    "an array of described elements inside": frames.array_that_claims(1, 0x00, b"\x40"),
    "an array of an unknown code": frames.array_that_claims(1, 0x99, b"\x40"),
    "a list with too few elements": frames.list_that_claims(0, b"\x40"),
    "a list whose size leaves out the count": b"\xc0\x00",
    "a list32 whose size leaves out the count": b"\xd0\x00\x00\x00\x03\x00\x00\x00",
    "a map of an odd count": b"\xc1\x02\x01\x40",
    "a map with a key twice": b"\xc1\x05\x04\x43\x40\x43\x40",
    "a map with a list as key": b"\xc1\x03\x02\x45\x40",
    "a map with a described list as key": b"\xc1\x06\x02\x00\x53\x01\x45\x40",
    "a boolean of 2": b"\x56\x02",
    "a char beyond Unicode": b"\x73\x00\x11\x00\x00",
    "a char of 4 billion": b"\x73\xff\xff\xff\xff",
    "half a surrogate pair": b"\x73\x00\x00\xd8\x00",
    "a string that is not UTF-8": b"\xa1\x01\xff",
    "a symbol that is not ASCII": b"\xa3\x01\xff",
    "an unknown code": b"\x99",
    "nothing": b"",
    "an array without a constructor": b"\xe0\x01\x00",
    "an array with half a constructor": b"\xe0\x02\x00\x00",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_octets_are_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        decode(HOSTILE[name])


def test_the_depth_limit_is_exact() -> None:
    assert decode(frames.nested_lists(codec.MAX_DEPTH))[1] > 0
    value: object = None
    for _ in range(codec.MAX_DEPTH):
        value = [value]
    assert same(decode_one(encode(value)), value)
    with pytest.raises(ValueError, match="nested deeper"):
        encode([value])


def test_a_large_hostile_message_is_read_in_linear_time() -> None:
    data = frames.list_that_claims(200_000, b"\x40" * 200_000)
    began = time.perf_counter()
    decode(data)
    assert time.perf_counter() - began < 5


def test_octets_after_the_only_value_are_refused() -> None:
    with pytest.raises(DecodeError, match="1 octets follow the value that ends at offset 1"):
        decode_one(b"\x40\x40")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (2**63, ValueError),
        (-(2**63) - 1, ValueError),
        (object(), TypeError),
        ({1, 2}, TypeError),
        ([object()], TypeError),
        (t.Symbol("é"), ValueError),
        ("\ud800", ValueError),
        (t.Array(0x99, ()), ValueError),
        (t.Array(0x50, (256,)), ValueError),
        (t.Array(0x50, ("x",)), ValueError),
        (t.Array(0x40, (1,)), ValueError),
        (t.Array(0xA1, ("x" * 256,)), ValueError),
        (t.Array(0xC0, ([b"x" * 256],)), ValueError),
        (t.Array(0x98, (uuid.UUID(int=1),) * 2, object()), TypeError),
        (t.Array(0x41, (True,) * (codec.MAX_ZERO_WIDTH + 1)), ValueError),
    ],
)
def test_what_cannot_be_written_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        encode(value)


def test_floats_keep_their_width() -> None:
    assert encode(t.Float32(0.1)) == b"\x72" + struct.pack(">f", 0.1)
    assert encode(0.1) == b"\x82" + struct.pack(">d", 0.1)


def test_a_symbol_and_a_string_of_one_text_are_one_key() -> None:
    decoded = decode_one(encode({t.Symbol("id"): 1}))
    assert isinstance(decoded, dict)
    assert decoded["id"] == 1
