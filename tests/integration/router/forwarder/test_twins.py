"""The native readers of addresses and message heads find what the pure ones find."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.amqp.annotations import DESCRIPTOR, RouterAnnotations, decode_annotations, encode_annotations
from skrouter.amqp.codec import COMPACT, REFERENCE, Conventions
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import BodyKind, Header, Message, Properties, decode_head, encode_message
from skrouter.amqp.types import Symbol, UInt, ULong
from skrouter.router.core.address import AddressParser
from skrouter.router.forwarder.forwarder import Forwarder
from skrouter.router.forwarder.sections import parse_head
from skrouter_testing.heads import DEFAULT_PRIORITY, check_against_pure, head_of

HEAD_OF_BODY = 3
"""Octets of a body section that show that it is one."""


# --- addresses


@pytest.fixture(scope="module", params=["interior", "edge", "interior in a network", "edge in a network"])
def twins(request: pytest.FixtureRequest) -> Iterator[tuple[AddressParser, Forwarder]]:
    engine = Engine()
    interior, network = "interior" in request.param, "net" if "network" in request.param else None
    forwarder = Forwarder(engine, "A", interior, network)
    yield AddressParser("A", interior, network), forwarder
    del forwarder


PIECES = st.sampled_from(
    [
        "_local",
        "_topo",
        "_edge",
        "_xtopo",
        "_xedge",
        "net",
        "nets",
        "ne",
        "0",
        "all",
        "A",
        "B",
        "AB",
        "/",
        "//",
        ":",
        ".",
        "amqp:",
        "é",
        "x",
    ]
)
ADDRESSES = st.one_of(
    st.lists(PIECES, max_size=10).map("/".join),
    st.lists(PIECES, max_size=12).map("".join),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40),
)


@settings(max_examples=500, deadline=None)
@given(ADDRESSES)
def test_both_parsers_make_the_same_key(twins: tuple[AddressParser, Forwarder], text: str) -> None:
    parser, forwarder = twins
    assert forwarder.key_of(text) == parser.key(text)


@pytest.mark.parametrize("head", ["_xtopo", "_xedge"])
@pytest.mark.parametrize("network", ["net", "other", "0", "", "all"])
@pytest.mark.parametrize(
    "rest", ["", "/", "/0/A/x", "/0/B/x", "/A/x", "/E/x", "/0/all/x", "/all/all/x", "/7/B/x"]
)
@pytest.mark.parametrize("scheme", ["", "/", "amqp:/", "amqp://host:5672/"])
def test_both_parsers_agree_on_other_networks(
    twins: tuple[AddressParser, Forwarder], head: str, network: str, rest: str, scheme: str
) -> None:
    parser, forwarder = twins
    text = f"{scheme}{head}/{network}{rest}"
    assert forwarder.key_of(text) == parser.key(text)


@pytest.mark.parametrize("interior", [True, False])
def test_both_parsers_know_the_former_id_of_the_network(interior: bool) -> None:
    engine = Engine()
    parser, forwarder = AddressParser("A", interior, "net"), Forwarder(engine, "A", interior, "net")
    for network in ("other", "new", None, "newer"):
        parser.rename_network(network)
        forwarder.set_network(network)
        for named in ("net", "other", "new", "newer", "0"):
            for kind in ("_xtopo", "_xedge"):
                text = f"{kind}/{named}/0/A/temp.x"
                assert forwarder.key_of(text) == parser.key(text), (network, text)


def test_an_address_beyond_the_limit_has_no_key(twins: tuple[AddressParser, Forwarder]) -> None:
    _, forwarder = twins
    assert forwarder.key_of("x" * 2047) == "M" + "x" * 2047
    assert forwarder.key_of("x" * 2048) == ""


# --- heads of messages

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)
NODES = st.text("abc/0", min_size=1, max_size=8)
LONG = st.sampled_from(["n" * 255, "n" * 256, "n" * 1000])
OPTIONAL_NAMES = st.none() | NAMES | LONG
ANNOTATIONS = st.builds(
    RouterAnnotations,
    flags=st.sampled_from([0, 1, 2, 255, 256, 0xFFFFFFFF]),
    to_override=OPTIONAL_NAMES,
    ingress=OPTIONAL_NAMES,
    trace=st.lists(NODES | LONG, max_size=6).map(tuple),
    ingress_mesh=OPTIONAL_NAMES,
)
MAPS = st.dictionaries(
    NAMES.filter(str.isascii).map(Symbol), st.one_of(st.none(), NAMES, st.booleans()), max_size=3
)
MESSAGES = st.builds(
    Message,
    body=st.binary(max_size=20).map(lambda data: (data,)),
    body_kind=st.just(BodyKind.DATA),
    header=st.none()
    | st.builds(
        Header,
        durable=st.none() | st.booleans(),
        priority=st.none() | st.integers(0, 255),
        ttl=st.none() | st.just(7),
    ),
    delivery_annotations=st.none() | MAPS,
    message_annotations=st.none() | MAPS,
    properties=st.none()
    | st.builds(
        Properties,
        message_id=st.none() | NAMES | st.integers(0, 2**64 - 1).map(ULong) | st.binary(max_size=5),
        user_id=st.none() | st.binary(max_size=5),
        to=OPTIONAL_NAMES,
        subject=st.none() | NAMES,
    ),
    router_annotations=st.none() | ANNOTATIONS,
)
CONVENTIONS = st.sampled_from([COMPACT, REFERENCE])


@settings(max_examples=150, deadline=None)
@given(MESSAGES, CONVENTIONS)
def test_both_readers_find_the_same_head(message: Message, conventions: Conventions) -> None:
    data = encode_message(message, conventions)
    result, found = parse_head(data, message.router_annotations is not None)
    assert result == "done"
    expected = head_of(message, decode_annotations(data)[1])
    assert {name: found[name] for name in expected} == expected


@settings(max_examples=25, deadline=None)
@given(MESSAGES, CONVENTIONS)
def test_a_head_is_known_exactly_when_its_last_octet_is_there(
    message: Message, conventions: Conventions
) -> None:
    data = encode_message(message, conventions)
    annotated = message.router_annotations is not None
    body = len(data) - len(body_octets(data))
    enough = body if message.properties is not None else body + HEAD_OF_BODY
    for length in range(len(data) + 1):
        result, _ = parse_head(data[:length], annotated)
        assert result == ("done" if length >= enough else "more"), length


def body_octets(data: bytes) -> bytes:
    """The data section at the end."""
    message, _ = decode_head(data)
    assert isinstance(message.body, tuple)
    (octets,) = message.body
    for width in (2, 5):
        section = data[len(data) - len(octets) - width - 3 :]
        if section.startswith((b"\x00\x53\x75\xa0", b"\x00\x53\x75\xb0")):
            return section
    raise AssertionError(data)


@settings(max_examples=300, deadline=None)
@given(MESSAGES, CONVENTIONS, st.data())
def test_a_mutated_head_is_read_as_the_pure_reader_does_or_refused(
    message: Message, conventions: Conventions, data: st.DataObject
) -> None:
    octets = bytearray(encode_message(message, conventions))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(octets), 60) - 1))
        octets[place] = data.draw(
            st.sampled_from([0, 1, 0x40, 0x45, 0x53, 0x7F, 0x80, 0xA1, 0xB1, 0xC0, 0xD0, 0xFF])
        )
    check_against_pure(bytes(octets[: data.draw(st.integers(0, len(octets)))]))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_any_octets_are_read_without_harm(octets: bytes, annotated: bool) -> None:
    check_against_pure(DESCRIPTOR + octets if annotated else octets)


@pytest.mark.parametrize(
    "octets",
    [
        DESCRIPTOR + b"\xd0\xff\xff\xff\xff\x00\x00\x00\x04",
        DESCRIPTOR + b"\xc0\x02\x04\x43\x40",
        DESCRIPTOR + b"\xd0\x00\x00\x00\x08\xff\xff\xff\xff\x43\x40\x40\x45",
        DESCRIPTOR + b"\xd0\x00\x00\x00\x05\x00\x00\x00\x04\x43\x40\x40\x45",
        DESCRIPTOR + b"\xd0\x00\x00\x00\x0c\x00\x00\x00\x04\x43\x40\x40\xc0\x03\x03\xa1\x00",
        DESCRIPTOR + b"\xd0\x00\x00\x00\x0b\x00\x00\x00\x04\x43\x40\x40\xc0\x03\x01\xa1\x7f",
        DESCRIPTOR + b"\xd0\x00\x00\x00\x09\x00\x00\x00\x05\x43\x40\x40\x45\xa1\x30more",
        DESCRIPTOR + b"\xd0\x00\x00\x00\x07\x00\x00\x00\x03\x43\x40\x40" + b"\x00\x53\x75\xa0\x00",
        DESCRIPTOR + b"\x45",
        DESCRIPTOR + b"\xc1\x01\x00",
    ],
)
def test_annotations_that_lie_about_their_size_are_never_taken(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_annotations(octets)
    assert parse_head(octets, True)[0] in ("invalid", "more")
    assert parse_head(octets + bytes(200), True)[0] == "invalid" or octets[10:15] == b"\xd0\xff\xff\xff\xff"


@pytest.mark.parametrize("field", ["to", "reply_to"])
def test_a_symbol_is_no_address_to_either_reader(field: str) -> None:
    octets = encode_message(Message(properties=Properties(**{field: Symbol("x")})))
    with pytest.raises(DecodeError, match=f"properties.{field} must be a str"):
        decode_head(octets)
    # The native one does not read where the answer is to go.
    assert parse_head(octets, False)[0] == ("invalid" if field == "to" else "done")


def test_the_whole_of_a_reference_message_is_understood() -> None:
    annotations = RouterAnnotations(
        flags=UInt(1), to_override="x", ingress="0/A", trace=("0/A", "0/B"), ingress_mesh="m"
    )
    data = encode_annotations(annotations) + b"\x00\x53\x73\xc0\x06\x03\x40\x40\xa1\x01y\x00\x53\x75\xa0\x00"
    assert parse_head(data, True) == (
        "done",
        {
            "to_override": b"x",
            "ingress": b"0/A",
            "mesh": b"m",
            "trace": b"\xa1\x030/A\xa1\x030/B",
            "to": b"y",
            "user": None,
            "body": decode_annotations(data)[1],
            "flags": 1,
            "priority": DEFAULT_PRIORITY,
            "trace_count": 2,
        },
    )
    assert parse_head(data, False)[1]["to_override"] is None
