"""The head of a stream: against the reference's octets, and against every way of being cut or wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.adaptors.tcp.bridge.encapsulation import read_head, write_head

# Captured between two reference routers: what comes behind the router annotations.
CLIENT = bytes.fromhex(
    "005373d000000055000000074040a10373766340"
    "a124616d71703a2f5f746f706f2f302f412f74656d702e71557764476b766e48333447733747"
    "a1075f484f44713a35a1186170706c69636174696f6e2f6f637465742d73747265616d"
    "005374d10000000900000002a10156520100537740"
)
SERVER = bytes.fromhex(
    "005373d000000049000000074040"
    "a124616d71703a2f5f746f706f2f302f412f74656d702e71557764476b766e48333447733747"
    "404040a1186170706c69636174696f6e2f6f637465742d73747265616d"
    "005374d10000000900000002a10156520100537740"
)
REPLY_TO = b"amqp:/_topo/0/A/temp.qUwdGkvnH34Gs7G"
TYPE = b"\xa1\x18application/octet-stream"


def fields(*encoded: bytes) -> bytes:
    """A properties section of these encoded fields."""
    body = b"".join(encoded)
    return b"\x00\x53\x73\xd0" + (len(body) + 4).to_bytes(4, "big") + len(encoded).to_bytes(4, "big") + body


def test_server_head_is_the_captured_one() -> None:
    assert write_head(REPLY_TO) == SERVER


def test_h3_client_head_is_the_captured_one() -> None:
    assert write_head(b"svc", REPLY_TO, flow=b"_HODq:5") == CLIENT


def test_h6_client_head_without_a_flow_record_has_null_for_it() -> None:
    ours = bytearray(CLIENT.replace(b"\xa1\x07_HODq:5", b"\x40"))
    ours[7] -= len(b"_HODq:5") + 1
    assert write_head(b"svc", REPLY_TO) == ours


def test_captured_heads_are_read() -> None:
    assert read_head(CLIENT + b"payload") == (len(CLIENT), REPLY_TO, b"", b"_HODq:5", b"")
    assert read_head(SERVER + b"payload") == (len(SERVER), b"", b"", b"", b"")


def test_payload_that_looks_like_a_section_is_payload() -> None:
    head = write_head(b"svc", REPLY_TO)
    assert read_head(head + head) == (len(head), REPLY_TO, b"", b"", b"")


@given(
    st.binary(min_size=1, max_size=600),
    st.binary(max_size=600),
    st.binary(max_size=255),
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x04" + bytes(range(6)), b"\x06" + bytes(range(18))]),
)
def test_what_is_written_is_read(to: bytes, reply_to: bytes, alpn: bytes, flow: bytes, origin: bytes) -> None:
    head = write_head(to, reply_to, alpn, flow, origin)
    assert read_head(head) == (len(head), reply_to, alpn, flow, origin)
    assert read_head(head + b"\x00\x53\x75") == (len(head), reply_to, alpn, flow, origin)


@given(st.binary(min_size=1, max_size=300), st.binary(max_size=300), st.data())
def test_part_of_a_head_asks_for_more(to: bytes, reply_to: bytes, data: st.DataObject) -> None:
    head = write_head(to, reply_to, b"h2")
    assert read_head(head[: data.draw(st.integers(0, len(head) - 1))]) == "more"


@given(st.binary(max_size=300))
def test_no_octets_are_too_wild(octets: bytes) -> None:
    found = read_head(octets)
    assert found in ("more", "malformed", "foreign") or found[0] <= len(octets)


@given(st.binary(max_size=60), st.integers(0, 120))
def test_damage_never_reaches_behind_the_octets(patch: bytes, at: int) -> None:
    head = bytearray(write_head(b"svc", REPLY_TO, b"h2"))
    head[at : at + len(patch)] = patch
    found = read_head(bytes(head))
    assert isinstance(found, str) or found[0] <= len(head)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\x00\x53\x77\x40", "foreign"),
        (b"\x00\x53\x75\xa0\x01x", "foreign"),
        (fields(b"\x40", b"\x40", b"\xa1\x01x") + b"\x00\x53\x77\x40", "foreign"),
        (fields(*[b"\x40"] * 6, b"\xa3\x0atext/plain") + b"\x00\x53\x77\x40", "foreign"),
        (fields(*[b"\x40"] * 6, TYPE) + b"\x00\x53\x75\xa0\x01x", "malformed"),
        (fields(*[b"\x40"] * 6, TYPE) + b"\x00\x53\x77\xa1\x01x", "malformed"),
        (b"\x00\x53\x73\x45\x00\x53\x77\x40", "foreign"),
        (b"hello, world", "foreign"),
        (b"\x00\x53\x73\xd0\x00\x00\x00\x04\xff\xff\xff\xff", "malformed"),
        (b"\x00\x53\x73\xd0\x00\x00\x00\x06\x00\x00\x00\x01\xa1\x55", "malformed"),
        (b"\x00\x53\x73\xd0\x00\x00\x00\x05\x00\x00\x00\x01\x00", "malformed"),
        (b"\x00\x53\x73\xa1\x01x", "malformed"),
    ],
)
def test_what_is_no_stream_is_refused(octets: bytes, expected: str) -> None:
    assert read_head(octets) == expected


@pytest.mark.parametrize("code", [b"\xa1", b"\xa3"])
def test_content_type_may_be_string_or_symbol(code: bytes) -> None:
    octets = fields(*[b"\x40"] * 4, b"\xa1\x01r", b"\x40", code + TYPE[1:]) + b"\x00\x53\x77\x40"
    assert read_head(octets) == (len(octets), b"r", b"", b"", b"")


def test_sections_before_the_properties_are_passed() -> None:
    before = b"\x00\x53\x70\xc0\x02\x01\x41" + b"\x00\x53\x71\xc1\x01\x00" + b"\x00\x53\x72\xc1\x01\x00"
    head = write_head(b"svc", REPLY_TO)
    assert read_head(before + head) == (len(before) + len(head), REPLY_TO, b"", b"", b"")


def test_descriptor_may_be_a_long_one() -> None:
    head = write_head(b"svc", REPLY_TO).replace(b"\x00\x53\x73", b"\x00\x80\x00\x00\x00\x00\x00\x00\x00\x73")
    assert read_head(head) == (len(head), REPLY_TO, b"", b"", b"")


def test_head_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="8000"):
        write_head(b"x" * 9000)
