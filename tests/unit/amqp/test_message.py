"""Messages built from their meaning are the reference's octets; messages of any peer are read or refused."""

import dataclasses
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.amqp import codec
from skrouter.amqp.annotations import RouterAnnotations
from skrouter.amqp.codec import COMPACT, COMPOSER, REFERENCE
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import (
    CONTROL_HEADER,
    BodyKind,
    Header,
    Message,
    Properties,
    decode_head,
    decode_message,
    encode_message,
)
from skrouter.amqp.types import Decimal64, Described, Int, Long, Symbol, UByte, UInt, ULong

FROM_A = RouterAnnotations(ingress="0/A", trace=("0/A",))
FROM_B = RouterAnnotations(ingress="0/B", trace=("0/B",))

ANNOTATIONS_A = "0080534b50522d2d5241d000000019000000044340a103302f41d00000000900000001a103302f41"
HEADER = "005370d0000000050000000142"


def symbols(**items: object) -> dict[object, object]:
    """A map with symbol keys."""
    return {Symbol(key): value for key, value in items.items()}


def python_control(to: str, opcode: str, body: dict[str, object]) -> Message:
    """HELLO, RA, LSR, LSU: string keys, properties up to a null correlation-id."""
    return Message(
        body,
        header=CONTROL_HEADER,
        properties=Properties(to=to, on_wire=6),
        application_properties={"opcode": opcode},
        router_annotations=FROM_A,
    )


def composed_control(to: str, opcode: str, body: dict[object, object]) -> Message:
    """MAU and MAR: symbol keys, properties up to the address."""
    return Message(
        body,
        header=CONTROL_HEADER,
        properties=Properties(to=to),
        application_properties={Symbol("opcode"): opcode},
        router_annotations=FROM_A,
    )


def stream_head(
    annotations: RouterAnnotations, to: str, reply_to: str | None = None, flow: str | None = None
) -> Message:
    """What goes before the octets of a TCP connection."""
    return Message(
        None,
        properties=Properties(
            to=to, reply_to=reply_to, correlation_id=flow, content_type="application/octet-stream"
        ),
        application_properties={"V": UInt(1)},
        router_annotations=dataclasses.replace(annotations, flags=5),
    )


HELLO = python_control(
    "amqp:/_local/qdhello",
    "HELLO",
    {"id": "A", "pv": 1, "area": "0", "instance": 1700000000, "seen": ["B"]},
)
FIRST_HELLO = python_control(
    "amqp:/_local/qdhello", "HELLO", {"id": "A", "pv": 1, "area": "0", "instance": 1795397545, "seen": []}
)
RA = python_control(
    "amqp:/_topo/0/all/qdrouter",
    "RA",
    {"id": "A", "pv": 1, "area": "0", "instance": 1795397545, "ls_seq": 1, "mobile_seq": 1},
)
LSU = python_control(
    "amqp:/_topo/0/B/qdrouter",
    "LSU",
    {
        "id": "A",
        "pv": 1,
        "area": "0",
        "instance": 1795397545,
        "ls_seq": 1,
        "ls": {"id": "A", "area": "0", "ls_seq": 1, "peers": {"B": 1}},
    },
)
LSR = python_control("amqp:/_topo/0/B/qdrouter", "LSR", {"id": "A", "pv": 1, "area": "0"})
DIFFERENTIAL_MAU = composed_control(
    "_topo/0/all/qdrouter.ma",
    "MAU",
    symbols(id="A", pv=Long(2), area="0", mobile_seq=Long(1), add=[["Mfoo", Int(3), Int(0)]], **{"del": []}),
)
ABSOLUTE_MAU = composed_control(
    "amqp:/_topo/0/B/qdrouter.ma",
    "MAU",
    symbols(
        id="A",
        pv=Long(2),
        area="0",
        mobile_seq=Long(1),
        exist=[["Msfe.XmHCr:0", Int(2), Int(0)], ["Mvfcr.XmHCr:0", Int(2), Int(0)]],
    ),
)
MAR = composed_control(
    "amqp:/_topo/0/B/qdrouter.ma", "MAR", symbols(id="A", pv=Long(2), area="0", have_seq=Long(0))
)
CLIENT_STREAM = stream_head(FROM_A, "svc", "amqp:/_topo/0/A/temp.qUwdGkvnH34Gs7G", "_HODq:5")
SERVER_STREAM = stream_head(FROM_B, "amqp:/_topo/0/A/temp.qUwdGkvnH34Gs7G")
NOT_FOUND_RESPONSE = Message(
    None,
    header=CONTROL_HEADER,
    properties=Properties(to="amqp:/_topo/0/A/temp.x", correlation_id=ULong(3)),
    application_properties={"statusDescription": "Not Found", "statusCode": 404},
)

CONTENT_TYPE = "a1186170706c69636174696f6e2f6f637465742d73747265616d"
STREAM_END = "005374d10000000900000002a10156520100537740"

REAL = {
    "HELLO with a neighbour": (
        HELLO,
        REFERENCE,
        ANNOTATIONS_A
        + HEADER
        + "005373d00000001f000000064040a114616d71703a2f5f6c6f63616c2f716468656c6c6f404040"
        "005374d10000001300000002a1066f70636f6465a10548454c4c4f"
        "005377d10000003b0000000aa1026964a10141a10270765401a10461726561a10130"
        "a108696e7374616e6365716553f100a1047365656ed00000000700000001a10142",
    ),
    "first HELLO": (
        FIRST_HELLO,
        REFERENCE,
        ANNOTATIONS_A
        + HEADER
        + "005373d00000001f000000064040a114616d71703a2f5f6c6f63616c2f716468656c6c6f404040"
        "005374d10000001300000002a1066f70636f6465a10548454c4c4f"
        "005377d1000000300000000aa1026964a10141a10270765401a10461726561a10130"
        "a108696e7374616e6365716b0397a9a1047365656e45",
    ),
    "RA": (
        RA,
        REFERENCE,
        ANNOTATIONS_A
        + HEADER
        + "005373d000000025000000064040a11a616d71703a2f5f746f706f2f302f616c6c2f7164726f75746572404040"
        "005374d10000001000000002a1066f70636f6465a1025241"
        "005377d1000000410000000ca1026964a10141a10270765401a10461726561a10130"
        "a108696e7374616e6365716b0397a9a1066c735f7365715401a10a6d6f62696c655f7365715401",
    ),
    "LSU": (
        LSU,
        REFERENCE,
        ANNOTATIONS_A
        + HEADER
        + "005373d000000023000000064040a118616d71703a2f5f746f706f2f302f422f7164726f75746572404040"
        "005374d10000001100000002a1066f70636f6465a1034c5355"
        "005377d10000006f0000000ca1026964a10141a10270765401a10461726561a10130"
        "a108696e7374616e6365716b0397a9a1066c735f7365715401a1026c73d10000003300000008"
        "a1026964a10141a10461726561a10130a1066c735f7365715401a1057065657273d10000000900000002a101425401",
    ),
    "LSR": (
        LSR,
        REFERENCE,
        ANNOTATIONS_A
        + HEADER
        + "005373d000000023000000064040a118616d71703a2f5f746f706f2f302f422f7164726f75746572404040"
        "005374d10000001100000002a1066f70636f6465a1034c5352"
        "005377d10000001a00000006a1026964a10141a10270765401a10461726561a10130",
    ),
    "differential MAU": (
        DIFFERENTIAL_MAU,
        COMPOSER,
        ANNOTATIONS_A
        + HEADER
        + "005373d00000001f000000034040a1175f746f706f2f302f616c6c2f7164726f757465722e6d61"
        "005374d10000001100000002a3066f70636f6465a1034d4155"
        "005377d1000000570000000ca3026964a10141a30270765502a30461726561a10130"
        "a30a6d6f62696c655f7365715501a303616464d00000001700000001"
        "d00000000e00000003a1044d666f6f54035400a30364656cd00000000400000000",
    ),
    "absolute MAU": (
        ABSOLUTE_MAU,
        COMPOSER,
        ANNOTATIONS_A
        + HEADER
        + "005373d000000023000000034040a11b616d71703a2f5f746f706f2f302f422f7164726f757465722e6d61"
        "005374d10000001100000002a3066f70636f6465a1034d4155"
        "005377d10000006f0000000aa3026964a10141a30270765502a30461726561a10130"
        "a30a6d6f62696c655f7365715501a3056578697374d00000003b00000002"
        "d00000001600000003a10c4d7366652e586d4843723a3054025400"
        "d00000001700000003a10d4d766663722e586d4843723a3054025400",
    ),
    "MAR": (
        MAR,
        COMPOSER,
        ANNOTATIONS_A
        + HEADER
        + "005373d000000023000000034040a11b616d71703a2f5f746f706f2f302f422f7164726f757465722e6d61"
        "005374d10000001100000002a3066f70636f6465a1034d4152"
        "005377d10000002600000008a3026964a10141a30270765502a30461726561a10130a308686176655f7365715500",
    ),
    "TCP client stream": (
        CLIENT_STREAM,
        REFERENCE,
        "0080534b50522d2d5241d00000001a00000004520540a103302f41d00000000900000001a103302f41"
        "005373d000000055000000074040a10373766340"
        "a124616d71703a2f5f746f706f2f302f412f74656d702e71557764476b766e48333447733747"
        "a1075f484f44713a35" + CONTENT_TYPE + STREAM_END,
    ),
    "TCP server stream": (
        SERVER_STREAM,
        REFERENCE,
        "0080534b50522d2d5241d00000001a00000004520540a103302f42d00000000900000001a103302f42"
        "005373d000000049000000074040"
        "a124616d71703a2f5f746f706f2f302f412f74656d702e71557764476b766e48333447733747404040"
        + CONTENT_TYPE
        + STREAM_END,
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_a_message_built_from_its_meaning_is_the_reference_s(name: str) -> None:
    meaning, conventions, octets = REAL[name]
    assert encode_message(meaning, conventions).hex() == octets


@pytest.mark.parametrize("name", REAL)
def test_the_reference_s_octets_are_read_as_their_meaning(name: str) -> None:
    meaning, _, octets = REAL[name]
    assert decode_message(bytes.fromhex(octets)) == meaning


def test_a_management_response_is_read_back() -> None:
    assert decode_message(encode_message(NOT_FOUND_RESPONSE)) == NOT_FOUND_RESPONSE


def test_the_head_ends_before_raw_payload_that_looks_like_a_section() -> None:
    head = encode_message(CLIENT_STREAM)
    payload = bytes.fromhex("00537541") + b"GET / HTTP/1.1"
    assert decode_head(head + payload) == (CLIENT_STREAM, len(head))


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
IDS = st.one_of(st.none(), TEXTS, st.binary(max_size=9), st.uuids(), st.integers(0, 2**64 - 1).map(ULong))
MAPS = st.none() | st.dictionaries(TEXTS.map(str), st.integers(-9, 9) | TEXTS | st.none(), max_size=3)
BODIES = st.one_of(
    st.tuples(st.just(BodyKind.NONE), st.none()),
    st.tuples(st.just(BodyKind.VALUE), st.none() | TEXTS | st.binary(max_size=300) | st.lists(st.booleans())),
    st.tuples(st.just(BodyKind.DATA), st.lists(st.binary(max_size=300), min_size=1, max_size=3).map(tuple)),
    st.tuples(
        st.just(BodyKind.SEQUENCE),
        st.lists(st.lists(st.booleans(), max_size=3), min_size=1, max_size=3).map(tuple),
    ),
)
MAYBE = st.none() | TEXTS
WHEN = st.none() | st.integers(-(2**63), 2**63 - 1)
WORD = st.none() | st.integers(0, 2**32 - 1)

MESSAGES = st.builds(
    lambda kind_and_body, **sections: Message(body_kind=kind_and_body[0], body=kind_and_body[1], **sections),
    BODIES,
    header=st.none()
    | st.builds(
        Header,
        st.none() | st.booleans(),
        st.none() | st.integers(0, 255),
        WORD,
        st.none() | st.booleans(),
        WORD,
    ),
    delivery_annotations=MAPS,
    message_annotations=MAPS,
    properties=st.none()
    | st.builds(
        Properties,
        message_id=IDS,
        user_id=st.none() | st.binary(max_size=9),
        to=MAYBE,
        subject=MAYBE,
        reply_to=MAYBE,
        correlation_id=IDS,
        content_type=MAYBE,
        content_encoding=MAYBE,
        absolute_expiry_time=WHEN,
        creation_time=WHEN,
        group_id=MAYBE,
        group_sequence=WORD,
        reply_to_group_id=MAYBE,
    ),
    application_properties=MAPS,
    footer=MAPS,
    router_annotations=st.none() | st.just(FROM_A),
)


@settings(max_examples=50)
@given(MESSAGES, st.sampled_from([REFERENCE, COMPOSER, COMPACT]))
def test_whatever_is_written_can_be_read(item: Message, conventions: codec.Conventions) -> None:
    octets = encode_message(item, conventions)
    decoded = decode_message(octets)
    assert decoded == item
    assert encode_message(decoded, conventions) == octets


@settings(max_examples=50)
@given(MESSAGES, st.data())
def test_damaged_messages_are_read_or_refused(item: Message, data: st.DataObject) -> None:
    octets = bytearray(encode_message(item))
    for _ in range(data.draw(st.integers(1, 3)) if octets else 0):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_message(bytes(octets))
    except DecodeError as error:
        assert error.condition in ("amqp:decode-error", "amqp:invalid-field")


@given(st.binary(max_size=100))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    try:
        decode_message(data)
    except DecodeError as error:
        assert error.description


def section(descriptor: object, value: object) -> bytes:
    """Any section."""
    return codec.encode(Described(descriptor, value))


VALUE = section(ULong(0x77), None)


@pytest.mark.parametrize(
    ("descriptor", "value"),
    [
        ("amqp:header:list", [True]),
        ("amqp:delivery-annotations:map", {"a": 1}),
        ("amqp:message-annotations:map", {"a": 1}),
        ("amqp:properties:list", ["id"]),
        ("amqp:application-properties:map", {"a": 1}),
        ("amqp:amqp-value:*", "x"),
        ("amqp:footer:map", {"a": 1}),
    ],
)
def test_symbolic_descriptors_mean_the_same(descriptor: str, value: object) -> None:
    codes = {
        "amqp:header:list": 0x70,
        "amqp:delivery-annotations:map": 0x71,
        "amqp:message-annotations:map": 0x72,
        "amqp:properties:list": 0x73,
        "amqp:application-properties:map": 0x74,
        "amqp:amqp-value:*": 0x77,
        "amqp:footer:map": 0x78,
    }
    by_name = decode_message(section(Symbol(descriptor), value))
    assert by_name == decode_message(section(ULong(codes[descriptor]), value))
    assert by_name != Message(body_kind=BodyKind.NONE)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (VALUE + VALUE, "value is there twice"),
        (VALUE + section(ULong(0x70), []), "header is out of order"),
        (section(ULong(0x74), {}) + section(ULong(0x73), []), "properties is out of order"),
        (section(ULong(0x75), b"") + VALUE, "value follows a body of another kind"),
        (section(ULong(0x70), {}), "header must be a list"),
        (section(ULong(0x70), [None] * 6), "header has 6 fields, at most 5 exist"),
        (section(ULong(0x70), [UByte(1)]), "header.durable must be a bool"),
        (section(ULong(0x70), [None, UInt(1)]), "header.priority must be a ubyte"),
        (section(ULong(0x73), [None] * 14), "properties has 14 fields, at most 13 exist"),
        (section(ULong(0x73), [None, None, b"x"]), "properties.to must be a str"),
        (section(ULong(0x73), [[]]), "properties.message_id must be a scalar"),
        (section(ULong(0x73), [None, "user"]), "properties.user_id must be a bytes"),
        (section(ULong(0x73), [None, Decimal64(bytes(8))]), "properties.user_id must be a bytes"),
        (section(ULong(0x74), [1]), "application-properties must be a map"),
        (section(ULong(0x74), {1: 1}), "keys of application-properties must be strings"),
        (section(ULong(0x71), "x"), "delivery-annotations must be a map"),
        (section(ULong(0x78), "x"), "footer must be a map"),
        (section(ULong(0x75), "x"), "must hold a binary"),
        (section(ULong(0x76), "x"), "must hold a list"),
        (section(ULong(0x79), "x"), "unknown message section"),
        (section(ULong(0x6F), "x"), "unknown message section"),
        (section(Int(0x77), "x"), "unknown message section"),
        (section(Symbol("amqp:else:list"), "x"), "unknown message section"),
        (codec.encode("x"), "a message section is needed at offset 0"),
        (VALUE + b"raw", "a message section is needed at offset 4"),
    ],
)
def test_wrong_messages_are_refused_with_the_place(octets: bytes, text: str) -> None:
    with pytest.raises(DecodeError, match=text):
        decode_message(octets)


def test_a_long_wrong_value_is_not_repeated_in_the_error() -> None:
    with pytest.raises(DecodeError) as caught:
        decode_message(section(ULong(0x73), [None, None, b"\n" * 100_000]))
    assert len(caught.value.description) < 200
    assert "\n" not in caught.value.description


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (Message(b"x", BodyKind.DATA), TypeError),
        (Message([1], BodyKind.SEQUENCE), TypeError),
        (Message(header=Header(priority=256)), ValueError),
        (Message(header=Header(ttl=-1)), ValueError),
        (Message(properties=Properties(group_sequence=2**32)), ValueError),
    ],
)
def test_what_no_message_can_hold_is_refused_when_written(item: Message, error: type[Exception]) -> None:
    with pytest.raises(error):
        encode_message(item)


def test_ids_keep_their_type() -> None:
    for identity in (ULong(1), "1", b"1", uuid.UUID(int=1), Int(1), Long(1)):
        decoded = decode_message(encode_message(Message(properties=Properties(correlation_id=identity))))
        assert decoded.properties is not None
        assert type(decoded.properties.correlation_id) is type(identity)
