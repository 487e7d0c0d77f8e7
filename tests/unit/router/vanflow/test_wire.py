"""Messages of real routers: read and written by ours, and by an independent decoder, octet for octet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import Message, Properties, decode_message, encode_message
from skrouter.amqp.types import Int, UByte, UInt, ULong
from skrouter.router.vanflow import wire
from skrouter.router.vanflow.attributes import NUMBERS, Attribute, RecordType
from skrouter_testing.flow_decoder import NAMES, TYPES, decode

CAPTURE = Path(__file__).parents[3] / "data" / "captures" / "06-vanflow.txt"


@dataclass
class Captured:
    """One message; `shown`: how another parser has shown its records or application-properties."""

    subject: str
    to: str
    octets: bytes = b""
    shown: list[str] = field(default_factory=list)


def _captured() -> Iterator[Captured]:
    _, _, text = CAPTURE.read_text().partition("\n\n")
    for line in text.splitlines():
        if not line.startswith(" "):
            subject, to, _ = line.split()
            message = Captured(subject, to)
        elif line.startswith("  hex "):
            message.octets = bytes.fromhex(line.split()[1])
            yield message
        else:
            message.shown.append(line.strip())


MESSAGES = list(_captured())
RECORDS = [one for one in MESSAGES if one.subject == "RECORD"]


def test_the_capture_has_what_is_needed() -> None:
    assert {one.subject for one in MESSAGES} == {"BEACON", "HEARTBEAT", "RECORD"}
    kinds = {word for one in RECORDS for line in one.shown for word in re.findall(r"recordType=(\w+)", line)}
    assert kinds == set(TYPES.values())


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: one.to)
def test_h2_captured_records_are_written_as_they_were(one: Captured) -> None:
    number = decode_message(one.octets).properties
    assert number is not None
    assert isinstance(number.message_id, int)
    assert wire.records(number.message_id, one.to, wire.read_records(one.octets)) == one.octets


@pytest.mark.parametrize("one", [one for one in MESSAGES if one.subject != "RECORD"], ids=lambda o: o.subject)
def test_h1_captured_beacons_and_heartbeats_are_written_as_they_were(one: Captured) -> None:
    heard = decode(one.octets)
    assert heard.to == one.to
    identity = heard.properties["id"]
    if one.subject == "BEACON":
        assert wire.beacon(heard.number, identity) == one.octets
    else:
        assert wire.heartbeat(heard.number, identity, heard.properties["now"]) == one.octets


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: one.to)
def test_h2_the_independent_decoder_reads_captured_records_as_they_were_shown(one: Captured) -> None:
    shown = []
    for record in decode(one.octets).records:
        words = [f"recordType={record['recordType']}"]
        words += [
            f'{name}="{value}"' if isinstance(value, str) else f"{name}={value}"
            for name, value in record.items()
            if name != "recordType"
        ]
        shown.append(" ".join(words))
    assert shown == one.shown


def test_our_numbers_are_those_of_the_specification() -> None:
    assert {int(one): (one.log_name, one in NUMBERS) for one in Attribute} == NAMES
    assert {kind: RecordType[name] for kind, name in TYPES.items()} == {
        kind: RecordType(kind) for kind in TYPES
    }


@given(
    st.lists(
        st.tuples(
            st.sampled_from([RecordType(kind) for kind in TYPES]),
            st.integers(0, 10**6).map("abcde:{}".format),
            st.sets(st.sampled_from(sorted(set(Attribute) - {0, 1})), max_size=6),
            st.integers(0, 2**64 - 1),
            st.text(max_size=9),
        ),
        min_size=1,
        max_size=3,
    )
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_written_is_read_by_both_decoders(
    drawn: list[tuple[RecordType, str, dict, int, str]],
) -> None:
    told = [
        (kind, identity, {name: number if name in NUMBERS else text for name in names})
        for kind, identity, names, number, text in drawn
    ]
    octets = wire.records(7, "mc/sfe.abcde:0", told)
    assert list(wire.read_records(octets)) == told
    heard = decode(octets)
    assert (heard.number, heard.to, heard.subject) == (7, "mc/sfe.abcde:0", "RECORD")
    for (kind, identity, attributes), record in zip(told, heard.records, strict=True):
        expected = {"recordType": kind.name, "identity": identity}
        assert record == expected | {name.log_name: value for name, value in attributes.items()}


def _message(body: object, subject: str | None = "RECORD") -> bytes:
    return encode_message(Message(body, properties=Properties(subject=subject)))


@pytest.mark.parametrize(
    "record",
    [
        "text",
        {},
        {UInt(0): UInt(16)},
        {UInt(1): "abcde:1"},
        {UInt(0): UInt(99), UInt(1): "abcde:1"},
        {UInt(0): "16", UInt(1): "abcde:1"},
        {UInt(0): UInt(16), UInt(1): ULong(1)},
        {UInt(0): UInt(16), UInt(1): "abcde:1", UInt(23): "many"},
        {UInt(0): UInt(16), UInt(1): "abcde:1", UInt(23): Int(5)},
        {UInt(0): UInt(16), UInt(1): "abcde:1", UInt(14): ULong(5)},
        {UInt(0): UInt(16), UInt(1): "abcde:1", UInt(68): ULong(5)},
        {ULong(0): UInt(16), ULong(1): "abcde:1"},
        {UInt(0): UByte(16), UInt(1): "abcde:1"},
    ],
)
def test_h3_records_that_make_no_sense_are_left_out(record: object) -> None:
    good = {UInt(0): UInt(16), UInt(1): "abcde:7", UInt(23): ULong(5)}
    found = list(wire.read_records(_message([record, good])))
    assert found == [(RecordType.BIFLOW_TPORT, "abcde:7", {Attribute.OCTETS: 5})]


@pytest.mark.parametrize("octets", [b"", b"hello", _message([], "FLUSH"), _message([], None), _message({})])
def test_h3_a_message_without_records_is_an_error(octets: bytes) -> None:
    with pytest.raises(DecodeError):
        list(wire.read_records(octets))


@given(st.binary(max_size=60), st.integers(0, 120))
def test_damaged_messages_are_read_or_refused(patch: bytes, at: int) -> None:
    octets = bytearray(RECORDS[0].octets)
    octets[at : at + len(patch)] = patch
    try:
        list(wire.read_records(bytes(octets)))
    except DecodeError:
        return
