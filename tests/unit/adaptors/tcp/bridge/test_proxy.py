"""PROXY protocol, version 2: headers read with limits, and written as HAProxy's specification has them."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.adaptors.tcp.bridge.proxy import read_header, write_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
LIMIT = 1024


def header(command: int, family: int, content: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(content)) + content


def ipv4(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET, text)


def ipv6(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, text)


TCP4 = header(0x21, 0x11, ipv4("192.0.2.7") + ipv4("198.51.100.1") + struct.pack("!HH", 5000, 443))
TCP6 = header(0x21, 0x21, ipv6("2001:db8::7") + ipv6("2001:db8::1") + struct.pack("!HH", 5000, 443))
ORIGIN4 = b"\x04" + struct.pack("!H", 5000) + ipv4("192.0.2.7")
ORIGIN6 = b"\x06" + struct.pack("!H", 5000) + ipv6("2001:db8::7")


@pytest.mark.parametrize(("octets", "origin"), [(TCP4, ORIGIN4), (TCP6, ORIGIN6)])
def test_header_says_whose_connection_it_is(octets: bytes, origin: bytes) -> None:
    assert read_header(octets) == (len(octets), origin)
    assert read_header(octets + b"GET / HTTP/1.1") == (len(octets), origin)


@pytest.mark.parametrize(
    "octets", [header(0x20, 0, b""), header(0x21, 0x31, bytes(216)), header(0x20, 0x11, bytes(12))]
)
def test_header_without_an_internet_address_is_passed_over(octets: bytes) -> None:
    assert read_header(octets) == (len(octets), b"")


def test_additions_behind_the_addresses_are_passed_over() -> None:
    octets = header(0x21, 0x11, TCP4[16:] + b"\x04\x00\x03abc")
    assert read_header(octets) == (len(octets), ORIGIN4)


@pytest.mark.parametrize(
    "octets",
    [
        b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n",
        b"GET / HTTP/1.1\r\n",
        SIGNATURE + b"\x11\x11\x00\x0c",
        SIGNATURE + b"\x22\x11\x00\x0c",
        header(0x21, 0x11, bytes(11)),
        header(0x21, 0x21, bytes(35)),
        header(0x21, 0x11, bytes(LIMIT + 1)),
    ],
    ids=[
        "version 1",
        "HTTP",
        "version 1 in the form of 2",
        "command",
        "short IPv4",
        "short IPv6",
        "too long",
    ],
)
def test_anything_else_is_refused(octets: bytes) -> None:
    assert read_header(octets) is None


@given(st.sampled_from([TCP4, TCP6]), st.data())
def test_beginning_of_a_header_asks_for_more_and_never_for_too_much(
    octets: bytes, data: st.DataObject
) -> None:
    part = octets[: data.draw(st.integers(0, len(octets) - 1))]
    wanted = read_header(part)
    assert isinstance(wanted, int)
    assert len(part) < wanted <= len(octets)


@given(st.binary(max_size=80), st.booleans())
def test_any_octets_are_a_header_or_refused(octets: bytes, begins_well: bool) -> None:
    found = read_header(SIGNATURE * begins_well + octets)
    assert found is None or isinstance(found, int) or found[1][:1] in (b"", b"\x04", b"\x06")


def test_written_header_is_that_of_the_specification() -> None:
    server4 = b"\x04" + struct.pack("!H", 443) + ipv4("198.51.100.1")
    server6 = b"\x06" + struct.pack("!H", 443) + ipv6("2001:db8::1")
    assert write_header(ORIGIN4, server4) == TCP4
    assert write_header(ORIGIN6, server6) == TCP6


def test_unknown_client_is_told_as_local() -> None:
    assert write_header(b"", ORIGIN4) == header(0x20, 0, b"")


@given(st.sampled_from([ORIGIN4, ORIGIN6]), st.sampled_from([b"", ORIGIN4, ORIGIN6]))
def test_what_is_written_is_read(client: bytes, server: bytes) -> None:
    octets = write_header(client, server)
    assert read_header(octets) == (len(octets), client)
