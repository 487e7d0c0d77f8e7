"""Octets of protocol messages: those of the recorded conversation, in both directions."""

from pathlib import Path

import pytest
from skrouter.amqp.annotations import RouterAnnotations
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import Message, decode_message, encode_message
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
)
from skrouter.router.mesh.wire import decode, encode, read

RECORD = [
    line.split()
    for line in Path(__file__).with_name("interior_pair.txt").read_text(encoding="ascii").splitlines()
    if "->" in line and not line.startswith("#")
]
START = 1795397545


def recorded(opcode: str, number: int = 0) -> bytes:
    """The octets of the n-th message of this opcode in the record."""
    found = [octets for octets in (bytes.fromhex(line[2]) for line in RECORD) if opcode_of(octets) == opcode]
    return found[number]


def opcode_of(octets: bytes) -> str:
    """The application property `opcode`."""
    properties = decode_message(octets).application_properties
    assert properties is not None
    return str(properties["opcode"])


def own(router_id: str) -> RouterAnnotations:
    """Annotations of a message that begins at this router."""
    return RouterAnnotations(ingress=f"0/{router_id}", trace=(f"0/{router_id}",))


def addresses(source: str) -> tuple[AddressDescriptor, ...]:
    """The two addresses every router has for its flow records."""
    return AddressDescriptor(f"Msfe.{source}:0", 2), AddressDescriptor(f"Mvfcr.{source}:0", 2)


CASES: list[tuple[KnownMessage, str, int]] = [
    (Hello("A", START), "HELLO", 0),
    (Hello("B", START, ("A",)), "HELLO", 1),
    (LinkStateRequest("A", "B"), "LSR", 0),
    (RouterAdvertisement("A", START, 1, 1), "RA", 0),
    (MobileAddressRequest("B", 0, "A"), "MAR", 0),
    (MobileAddressList("A", 1, addresses("IYQA+"), "B"), "MAU", 0),
    (LinkStateUpdate("A", START, 1, {"B": 1}, "B"), "LSU", 0),
    (MobileAddressDifference("B", 2, (AddressDescriptor("Mfoo", 3),), ()), "MAU", 2),
    (MobileAddressDifference("B", 3, (), ("Mfoo",)), "MAU", 3),
]


@pytest.mark.parametrize(("message", "opcode", "number"), CASES)
def test_message_has_the_octets_of_the_reference(message: KnownMessage, opcode: str, number: int) -> None:
    assert encode(message, own(message.router_id)).hex() == recorded(opcode, number).hex()


SPECIFIED: list[tuple[KnownMessage, str]] = [
    (
        Hello("A", 1700000000, ("B",)),
        "0080534b50522d2d5241 d0 00000019 00000004 43 40 a103302f41 d0 00000009 00000001 a103302f41"
        "005370 d0 00000005 00000001 42"
        "005373 d0 0000001f 00000006 40 40 a114616d71703a2f5f6c6f63616c2f716468656c6c6f 40 40 40"
        "005374 d1 00000013 00000002 a1066f70636f6465 a10548454c4c4f"
        "005377 d1 0000003b 0000000a a1026964 a10141 a1027076 5401 a10461726561 a10130"
        "a108696e7374616e6365 716553f100 a1047365656e d0 00000007 00000001 a10142",
    ),
    (
        MobileAddressDifference("A", 1, (AddressDescriptor("Mfoo", 3),), ()),
        "0080534b50522d2d5241 d0 00000019 00000004 43 40 a103302f41 d0 00000009 00000001 a103302f41"
        "005370 d0 00000005 00000001 42"
        "005373 d0 0000001f 00000003 40 40 a1175f746f706f2f302f616c6c2f7164726f757465722e6d61"
        "005374 d1 00000011 00000002 a3066f70636f6465 a1034d4155"
        "005377 d1 00000057 0000000c a3026964 a10141 a3027076 5502 a30461726561 a10130"
        "a30a6d6f62696c655f736571 5501 a303616464 d0 00000017 00000001 d0 0000000e 00000003"
        "a1044d666f6f 5403 5400"
        "a30364656c d0 00000004 00000000",
    ),
]
"""The worked examples of the specification (routing protocol §12)."""


@pytest.mark.parametrize(("message", "octets"), SPECIFIED, ids=["HELLO", "MAU"])
def test_message_has_the_octets_of_the_specification(message: KnownMessage, octets: str) -> None:
    assert encode(message, own("A")) == bytes.fromhex(octets)
    assert decode(bytes.fromhex(octets)) == message


def test_c4_messages_with_mesh_id_and_later_numbers_survive_the_wire() -> None:
    message = MobileAddressList("A", 2**40, (AddressDescriptor("Mx", None, 3, 9, "abcdefghijklmno"),))
    assert decode(encode(message)) == message


def test_no_recorded_message_is_refused() -> None:
    assert len({opcode_of(bytes.fromhex(line[2])) for line in RECORD}) == 6
    for line in RECORD:
        assert decode(bytes.fromhex(line[2])).router_id == line[1][0]


def test_message_without_opcode_is_refused() -> None:
    with pytest.raises(MessageError, match="opcode is None"):
        read(Message(body={}))
    with pytest.raises(MessageError, match=r"opcode is Int\(3\)"):
        decode(encode_message(Message(body={}, application_properties={"opcode": 3})))


def test_octets_that_are_no_message_are_a_decode_error() -> None:
    whole = recorded("LSU")
    for length in range(1, len(whole)):
        with pytest.raises((DecodeError, MessageError)):
            decode(whole[:length])
