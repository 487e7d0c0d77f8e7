"""Bodies of protocol messages: written as specified, read with every field checked."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    Hello,
    KnownMessage,
    LinkStateRequest,
    LinkStateUpdate,
    MessageError,
    MobileAddressDifference,
    MobileAddressList,
    MobileAddressRequest,
    RouterAdvertisement,
    UnsupportedMessage,
    from_message,
    to_message,
)

FOO = AddressDescriptor("Mfoo", 3)
MESHED = AddressDescriptor("Mbar", 2, 1, None, "abcdefghijklmno")
HELLO = {"id": "A", "pv": 1, "area": "0", "instance": 7, "seen": ["B"]}
LSU: dict[str, Any] = {
    "id": "A",
    "pv": 1,
    "area": "0",
    "instance": 7,
    "ls_seq": 2,
    "ls": {"id": "A", "area": "0", "ls_seq": 2, "peers": {"B": 1}},
}
MAU: dict[str, Any] = {
    "id": "A",
    "pv": 2,
    "area": "0",
    "mobile_seq": 4,
    "add": [["Mfoo", 3, 0]],
    "del": [["Mbar"]],
}

WRITTEN: list[tuple[KnownMessage, str, str, dict[str, Any]]] = [
    (Hello("A", 7, ("B",)), "amqp:/_local/qdhello", "HELLO", HELLO),
    (
        RouterAdvertisement("A", 7, 2, 3),
        "amqp:/_topo/0/all/qdrouter",
        "RA",
        {"id": "A", "pv": 1, "area": "0", "instance": 7, "ls_seq": 2, "mobile_seq": 3},
    ),
    (LinkStateRequest("A", "B"), "amqp:/_topo/0/B/qdrouter", "LSR", {"id": "A", "pv": 1, "area": "0"}),
    (LinkStateUpdate("A", 7, 2, {"B": 1}, "B"), "amqp:/_topo/0/B/qdrouter", "LSU", LSU),
    (MobileAddressDifference("A", 4, (FOO,), ("Mbar",)), "_topo/0/all/qdrouter.ma", "MAU", MAU),
    (
        MobileAddressList("A", 4, (FOO, MESHED), "B"),
        "amqp:/_topo/0/B/qdrouter.ma",
        "MAU",
        {
            "id": "A",
            "pv": 2,
            "area": "0",
            "mobile_seq": 4,
            "exist": [["Mfoo", 3, 0], ["Mbar", 2, 1, None, "abcdefghijklmno"]],
        },
    ),
    (
        MobileAddressRequest("A", 3, "B"),
        "amqp:/_topo/0/B/qdrouter.ma",
        "MAR",
        {"id": "A", "pv": 2, "area": "0", "have_seq": 3},
    ),
]


@pytest.mark.parametrize(("message", "to", "opcode", "body"), WRITTEN)
def test_message_has_its_address_opcode_and_body_in_order(
    message: KnownMessage, to: str, opcode: str, body: dict[str, Any]
) -> None:
    assert to_message(message) == (to, opcode, body)
    assert list(to_message(message)[2]) == list(body)


REFUSED = [
    ("NOPE", HELLO, "opcode 'NOPE'"),
    ("HELLO", None, "HELLO body is None, must be a map"),
    ("HELLO", [1], "HELLO body"),
    ("HELLO", HELLO | {"id": ""}, "HELLO field id is ''"),
    ("HELLO", HELLO | {"id": 5}, "HELLO field id is 5"),
    ("HELLO", HELLO | {"area": "1"}, "HELLO field area is '1', must be the only area, '0'"),
    ("HELLO", HELLO | {"pv": "1"}, "HELLO field pv is '1'"),
    ("HELLO", HELLO | {"pv": -1}, "HELLO field pv is -1"),
    ("HELLO", HELLO | {"instance": True}, "HELLO field instance is True"),
    ("HELLO", HELLO | {"seen": "B"}, "HELLO field seen is 'B', must be a list"),
    ("HELLO", HELLO | {"seen": ["B", 3]}, "must be a list of router ids"),
    ("RA", HELLO, "RA field ls_seq is None"),
    ("RA", HELLO | {"ls_seq": 1, "mobile_seq": 1.5}, "RA field mobile_seq is 1.5"),
    ("LSU", LSU | {"ls": None}, "LSU link state body is None"),
    (
        "LSU",
        LSU | {"ls": LSU["ls"] | {"id": "B"}},
        "LSU link state field id is 'B', must be the sender's id, 'A'",
    ),
    ("LSU", LSU | {"ls": LSU["ls"] | {"peers": ["B"]}}, "field peers"),
    (
        "LSU",
        LSU | {"ls": LSU["ls"] | {"peers": {"B": 0}}},
        "field peers is 0, must be an integer from 1 to 2147483647",
    ),
    ("LSU", LSU | {"ls": LSU["ls"] | {"peers": {3: 1}}}, "whose keys are router ids"),
    ("MAU", {key: MAU[key] for key in MAU if key != "add"}, "MAU field add is None"),
    ("MAU", {key: MAU[key] for key in MAU if key != "del"}, "MAU field del is None"),
    ("MAU", MAU | {"mobile_seq": None}, "MAU field mobile_seq is None"),
    ("MAU", MAU | {"add": [[]]}, "begin with a hash key"),
    ("MAU", MAU | {"add": [["Mfoo", 5]]}, "MAU field add is 5, must be an integer from 0 to 4"),
    ("MAU", MAU | {"add": [["Mfoo", 3, 0, None, 1]]}, "fifth element is a mesh id"),
    ("MAU", MAU | {"exist": 1}, "MAU field exist is 1"),
    ("MAR", {"id": "A", "pv": 2, "area": "0"}, "MAR field have_seq is None"),
]


@pytest.mark.parametrize(("opcode", "body", "text"), REFUSED)
def test_wrong_body_is_refused_with_place_value_and_what_is_allowed(
    opcode: str, body: object, text: str
) -> None:
    with pytest.raises(MessageError, match=re.escape(text)):
        from_message(opcode, body)


@pytest.mark.parametrize(
    ("opcode", "version"), [("HELLO", 2), ("RA", 2), ("LSR", 9), ("LSU", 2), ("MAU", 3), ("MAR", 3)]
)
def test_later_version_is_not_read_but_its_sender_is_known(opcode: str, version: int) -> None:
    body = {"id": "A", "pv": version, "anything": [1]}
    assert from_message(opcode, body) == UnsupportedMessage("A", opcode, version)


def test_missing_version_and_instance_are_zero() -> None:
    assert from_message("HELLO", {"id": "A", "area": "0", "seen": []}) == Hello("A", 0, (), version=0)


def test_unknown_fields_are_of_no_consequence() -> None:
    assert from_message("HELLO", HELLO | {"hints": [1]}) == Hello("A", 7, ("B",))


def test_bare_keys_of_version_1_are_descriptors_without_attributes() -> None:
    body = MAU | {"pv": 1, "add": ["Mfoo"], "del": ["Mbar"]}
    expected = MobileAddressDifference("A", 4, (AddressDescriptor("Mfoo"),), ("Mbar",), version=1)
    assert from_message("MAU", body) == expected


NAMES = st.text(min_size=1, max_size=8)
NUMBERS = st.integers(0, 2**63 - 1)
DESCRIPTORS = st.builds(
    AddressDescriptor, NAMES, st.none() | st.integers(0, 4), st.integers(0, 99), st.none(), st.none() | NAMES
)
DESCRIPTOR_LISTS = st.lists(DESCRIPTORS, max_size=3).map(tuple)
MESSAGES: st.SearchStrategy[KnownMessage] = st.one_of(
    st.builds(Hello, NAMES, NUMBERS, st.lists(NAMES, max_size=3).map(tuple)),
    st.builds(RouterAdvertisement, NAMES, NUMBERS, NUMBERS, NUMBERS),
    st.builds(LinkStateRequest, NAMES),
    st.builds(
        LinkStateUpdate,
        NAMES,
        NUMBERS,
        NUMBERS,
        st.dictionaries(NAMES, st.integers(1, 2**31 - 1), max_size=3),
    ),
    st.builds(
        MobileAddressDifference, NAMES, NUMBERS, DESCRIPTOR_LISTS, st.lists(NAMES, max_size=3).map(tuple)
    ),
    st.builds(MobileAddressList, NAMES, NUMBERS, DESCRIPTOR_LISTS),
    st.builds(MobileAddressRequest, NAMES, NUMBERS),
)


@given(MESSAGES)
def test_every_message_is_read_as_it_was_written(message: KnownMessage) -> None:
    _, opcode, body = to_message(message)
    assert from_message(opcode, body) == message


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["id", "pv", "area", "instance", "seen", "ls_seq", "mobile_seq", "ls", "add", "del", "exist", "have_seq"]
)


@given(
    st.sampled_from(["HELLO", "RA", "LSR", "LSU", "MAU", "MAR", "?"]),
    VALUES | st.dictionaries(FIELDS, VALUES),
    st.booleans(),
)
def test_any_body_gives_a_message_or_a_message_error(opcode: str, body: object, identified: bool) -> None:
    if identified and isinstance(body, dict):
        body |= {"id": "A", "area": "0"}
    try:
        message = from_message(opcode, body)
    except MessageError as error:
        assert str(error)
    else:
        assert message.router_id
