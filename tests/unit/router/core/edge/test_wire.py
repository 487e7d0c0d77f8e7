"""The three messages between edge routers and others: octets as recorded, and nothing wrong is understood.

The octets are those of tests/data/captures/03-edge.txt and of an inter-edge connection of the same version.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import BodyKind, Message, encode_message
from skrouter.amqp.types import Int, Long, Symbol, UByte
from skrouter.router.core.edge import wire

ANNOUNCEMENT = "005374d10000001d00000002a3066d6573686964a10f31675664697a4f327264306d4a6e4e"
NEGOTIATION = (
    "005374d10000002b00000004a3076f7264696e616c81000660e7d8b4447ea3026964a10f427a6c597249556844447653567071"
)
REACHABLE = "005370d0000000050000000142005377d00000000b00000002a1044d77656241"
UNREACHABLE = "005370d0000000050000000142005377d00000000a00000002a1034d696142"


def properties(**values: object) -> bytes:
    return encode_message(Message(body_kind=BodyKind.NONE, application_properties=values))


def body(value: object) -> bytes:
    return encode_message(Message(body=value))


def test_an_announcement_has_the_recorded_octets() -> None:
    assert wire.announcement("1gVdizO2rd0mJnN").hex() == ANNOUNCEMENT
    assert wire.read_announcement(bytes.fromhex(ANNOUNCEMENT)) == "1gVdizO2rd0mJnN"


def test_a_proposal_has_the_recorded_octets() -> None:
    assert wire.negotiation(1795398749668478, "BzlYrIUhDDvSVpq").hex() == NEGOTIATION
    assert wire.read_negotiation(bytes.fromhex(NEGOTIATION)) == (1795398749668478, "BzlYrIUhDDvSVpq")


@pytest.mark.parametrize(
    ("key", "reachable", "octets"), [("Mweb", True, REACHABLE), ("Mia", False, UNREACHABLE)]
)
def test_reachability_has_the_recorded_octets(key: str, reachable: bool, octets: str) -> None:
    assert wire.reachability(key, reachable).hex() == octets
    assert wire.read_reachability(bytes.fromhex(octets)) == (key, reachable)


@pytest.mark.parametrize("number", [0, 1, 255, 1 << 40, (1 << 63) - 1, -1])
def test_an_ordinal_of_any_size_is_understood(number: int) -> None:
    assert wire.read_negotiation(wire.negotiation(number, "m")) == (number, "m")


@pytest.mark.parametrize("number", [7, Int(7), Long(7), UByte(7)])
def test_an_ordinal_of_any_width_and_keys_that_are_strings_are_understood(number: int) -> None:
    assert wire.read_negotiation(properties(ordinal=number, id="m")) == (7, "m")


@pytest.mark.parametrize(
    "content",
    [
        properties(),
        properties(id="m"),
        properties(meshid=None),
        properties(meshid=""),
        properties(meshid=7),
        properties(meshid=b"mesh"),
        properties(meshid="x" * 16),
        properties(meshid="ä" * 8),
        body(["Mx", True]),
        b"",
        b"\x00",
        bytes.fromhex(ANNOUNCEMENT)[:-1],
    ],
    ids=lambda content: content.hex()[:40],
)
def test_what_is_no_announcement_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.read_announcement(content)


@pytest.mark.parametrize(
    "content",
    [
        properties(),
        properties(ordinal=Long(1)),
        properties(id="m"),
        properties(ordinal="1", id="m"),
        properties(ordinal=True, id="m"),
        properties(ordinal=1.5, id="m"),
        properties(ordinal=None, id="m"),
        properties(ordinal=Long(1), id=""),
        properties(ordinal=Long(1), id="x" * 16),
        properties(ordinal=Long(1), id=None),
    ],
    ids=lambda content: content.hex()[:60],
)
def test_what_is_no_proposal_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.read_negotiation(content)


@pytest.mark.parametrize(
    "content",
    [
        properties(meshid="m"),
        body(None),
        body("Mx"),
        body([]),
        body(["Mx"]),
        body(["Mx", True, True]),
        body(["Mx", 1]),
        body(["Mx", None]),
        body([True, "Mx"]),
        body(["", True]),
        body([b"Mx", True]),
        body({"Mx": True}),
    ],
    ids=lambda content: content.hex()[:60],
)
def test_what_is_no_reachability_is_refused(content: bytes) -> None:
    with pytest.raises(DecodeError):
        wire.read_reachability(content)


@given(st.binary(max_size=80))
def test_no_octets_do_more_than_be_refused(content: bytes) -> None:
    for read in (wire.read_announcement, wire.read_negotiation, wire.read_reachability):
        try:
            read(content)
        except DecodeError:
            continue


@given(st.text(min_size=1, max_size=15).filter(lambda text: len(text.encode()) <= 15))
def test_a_mesh_id_of_fifteen_octets_passes_whatever_it_is(mesh: str) -> None:
    assert wire.read_announcement(wire.announcement(mesh)) == mesh
    assert wire.read_announcement(properties(**{Symbol("meshid"): mesh})) == mesh
