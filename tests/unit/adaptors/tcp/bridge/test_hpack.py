"""HPACK decoding: the examples of RFC 7541, appendix C, and any octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.adaptors.tcp.bridge.hpack import decode_blocks

REQUEST = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
SECURE = [
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/index.html"),
    (b":authority", b"www.example.com"),
    (b"custom-key", b"custom-value"),
]
DATE = (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT")
PLAIN = [
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
]
CODED = [
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
]


def blocks(*texts: str) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


@pytest.mark.parametrize("texts", [PLAIN, CODED], ids=["C.3", "C.4"])
def test_requests_of_the_rfc_are_decoded(texts: list[str]) -> None:
    assert decode_blocks(blocks(*texts)) == [REQUEST, [*REQUEST, (b"cache-control", b"no-cache")], SECURE]


def test_answers_whose_table_is_full_are_decoded() -> None:
    """C.6: a table of 256 octets, so that entries are evicted."""
    first = "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff"
    first += "6e919d29ad171863c78f0b97c8e9ae82ae43d3"
    second = "4883640effc1c0bf"
    found = decode_blocks([bytes.fromhex("3fe101" + first), bytes.fromhex(second)])
    location = (b"location", b"https://www.example.com")
    assert found[0] == [(b":status", b"302"), (b"cache-control", b"private"), DATE, location]
    assert found[1] == [(b":status", b"307"), (b"cache-control", b"private"), DATE, location]


@pytest.mark.parametrize(
    "text",
    ["80", "be", "41", "4105", "418cf1e3", "3fffffffffff", "3fe1ff07", "4183ffffff", "ff8080808080"],
    ids=[
        "index 0",
        "no such entry",
        "no value",
        "cut value",
        "cut code",
        "number",
        "table",
        "end of string",
        "index",
    ],
)
def test_what_cannot_be_decoded_is_told(text: str) -> None:
    assert decode_blocks(blocks(text)) == [None]


def test_long_names_and_values_count_with_their_whole_length() -> None:
    """200 entries of 300 octets pass through a table of 4096; the newest is where the encoder has it."""
    found = decode_blocks(
        [bytes([0x40, 0x7F, 0x01]) + b"n" * 128 + bytes([0x7F, 0x0D]) + b"v" * 140] * 200 + [b"\xbe"]
    )
    assert found[-1] == [(b"n" * 64, b"v" * 128)]
    assert (
        decode_blocks(
            [bytes([0x40, 0x7F, 0x01]) + b"n" * 128 + bytes([0x7F, 0x0D]) + b"v" * 140] * 200 + [b"\xcc"]
        )[-1]
        is None
    )


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_octets_are_decoded_or_refused(octets: list[bytes]) -> None:
    found = decode_blocks(octets)
    assert len(found) <= len(octets)
    assert all(block is not None for block in found[:-1])
