"""HTTP observers: what they tell of requests, and that they change nothing that passes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from conftest import Router

TPORT, APP = 0x10, 0x11
SLOTS = 5
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7 , 10.0.0.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

Said = list[tuple[str, bytes]]
"""What client ("c") and server ("s") send, one after the other."""


def watch(router: Router, observer: str) -> None:
    router.bridge.start_records("abcde", 1)
    router.bridge.want_records(True)
    router.bridge.set_observer(router.listener, observer)


def told(router: Router) -> list[tuple[object, ...]]:
    """Requests, oldest first: octets both ways, the facts, and whether they have ended."""
    rows = [row for slot in range(SLOTS) for row in router.bridge.take_records(slot)]
    apps = sorted((row for row in rows if row[0] == APP), key=lambda row: row[1])
    return [(row[6], row[7], row[13], row[5] > 0) for row in apps]


def talk(router: Router, said: Said) -> list[tuple[object, ...]]:
    """Have both ends say these octets in turn; each must arrive unchanged before the next is said."""

    async def work() -> None:
        accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await accepted.put((reader, writer))

        connector = await router.serve(handler)
        client = await router.open()
        server = await accepted.get()
        for who, octets in said:
            (_, sender), (receiver, _) = (client, server) if who == "c" else (server, client)
            sender.write(octets)
            assert await receiver.readexactly(len(octets)) == octets
        for _, writer in (client, server):
            writer.close()
        await router.idle()
        router.bridge.remove_connector(connector, True)

    router.run(work())
    return told(router)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


H2_GET = frame(1, 0x05, 1, bytes.fromhex("828684") + b"\x00\x0fx-forwarded-for\x09192.0.2.7")
H2_POST = frame(1, 0x04, 3, bytes.fromhex("838684")) + frame(0, 0x09, 3, b"\x02body!\x00\x00")
H2_OK = frame(1, 0x04, 1, b"\x88") + frame(0, 0x01, 1, b"hello")
SETTINGS = frame(4, 0, 0, b"")


@pytest.mark.parametrize("observer", ["auto", "http1"])
def test_e6_requests_of_http1_are_told(router: Router, observer: str) -> None:
    watch(router, observer)
    post = b"POST /x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    made = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n"
    assert talk(
        router, [("c", GET), ("s", OK), ("c", post), ("s", b"HTTP/1.1 100 Continue\r\n\r\n" + made)]
    ) == [
        (0, 3, ("HTTP/1.1", "GET", "200", "OK", "192.0.2.7", 0), True),
        (5, 2, ("HTTP/1.1", "POST", "201", "Created", "", 0), True),
    ]


def test_e6_pipelined_requests_are_matched_with_their_answers(router: Router) -> None:
    watch(router, "auto")
    head = b"HEAD / HTTP/1.1\r\n\r\n"
    answers = (
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"HTTP/1.1 304 Not Modified\r\n\r\n" + OK
    )
    found = talk(router, [("c", GET + head + GET + GET), ("s", answers)])
    assert [(row[1], row[2][1], row[2][2]) for row in found] == [
        (3, "GET", "200"),
        (0, "HEAD", "200"),
        (0, "GET", "304"),
        (3, "GET", "200"),
    ]


@pytest.mark.parametrize("size", [1, 7])
def test_e6_requests_in_small_pieces_are_told_as_whole_ones(router: Router, size: int) -> None:
    watch(router, "auto")
    said = [("c", GET[at : at + size]) for at in range(0, len(GET), size)]
    said += [("s", OK[at : at + size]) for at in range(0, len(OK), size)]
    assert talk(router, said) == [(0, 3, ("HTTP/1.1", "GET", "200", "OK", "192.0.2.7", 0), True)]


def test_e6_body_without_a_length_ends_with_its_connection(router: Router) -> None:
    watch(router, "auto")
    answer = b"HTTP/1.0 200 OK\r\n\r\n" + bytes(1000)
    assert talk(router, [("c", b"GET / HTTP/1.0\r\n\r\n"), ("s", answer)]) == [
        (0, 1000, ("HTTP/1.0", "GET", "200", "OK", "", 0), True)
    ]


def test_e6_upgraded_connection_is_observed_no_more(router: Router) -> None:
    watch(router, "auto")
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
    found = talk(router, [("c", GET), ("s", switch), ("c", GET), ("s", OK)])
    assert [row[2][2] for row in found] == ["101"]


@pytest.mark.parametrize("observer", ["auto", "http2"])
def test_e6_streams_of_http2_are_told(router: Router, observer: str) -> None:
    watch(router, observer)
    answers = H2_OK + frame(1, 0x05, 3, bytes([0x08, 3]) + b"204")
    assert talk(
        router, [("c", PREFACE + SETTINGS + H2_GET), ("s", SETTINGS), ("c", H2_POST), ("s", answers)]
    ) == [
        (0, 5, ("HTTP/2", "GET", "200", "", "192.0.2.7", 1), True),
        (5, 0, ("HTTP/2", "POST", "204", "", "", 3), True),
    ]


def test_e6_http2_server_that_speaks_first_is_understood(router: Router) -> None:
    watch(router, "auto")
    found = talk(router, [("c", PREFACE[:3]), ("s", SETTINGS), ("c", PREFACE[3:] + H2_GET), ("s", H2_OK)])
    assert [row[2][2] for row in found] == ["200"]


@pytest.mark.parametrize("size", [1, 5])
def test_e6_frames_in_small_pieces_are_told_as_whole_ones(router: Router, size: int) -> None:
    watch(router, "auto")
    asked, answered = PREFACE + H2_GET, H2_OK
    said = [("c", asked[at : at + size]) for at in range(0, len(asked), size)]
    said += [("s", answered[at : at + size]) for at in range(0, len(answered), size)]
    assert talk(router, said) == [(0, 5, ("HTTP/2", "GET", "200", "", "192.0.2.7", 1), True)]


def test_e6_reset_stream_and_lost_connection_end_their_records(router: Router) -> None:
    watch(router, "http2")
    reset = frame(3, 0, 1, bytes(4))
    found = talk(router, [("c", PREFACE + H2_GET + H2_POST + reset)])
    assert [(row[2][1], row[3]) for row in found] == [("GET", True), ("POST", True)]


def test_e6_nothing_is_observed_if_so_configured(router: Router) -> None:
    watch(router, "none")
    assert talk(router, [("c", GET), ("s", OK)]) == []


def test_e6_changed_observer_counts_for_new_connections(router: Router) -> None:
    watch(router, "none")
    assert talk(router, [("c", GET), ("s", OK)]) == []
    router.bridge.set_observer(router.listener, "http1")
    assert len(talk(router, [("c", GET), ("s", OK)])) == 1


PIECES = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.sampled_from([GET, OK, PREFACE, SETTINGS, H2_GET, H2_POST, H2_OK, b"\r\n", b"5\r\n", b"x" * 5000]),
    st.builds(frame, st.integers(0, 10), st.integers(0, 255), st.integers(0, 5), st.binary(max_size=40)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["auto", "http1", "http2"]),
    st.lists(st.tuples(st.sampled_from("cs"), PIECES), min_size=1, max_size=8),
)
def test_e6_any_octets_pass_unchanged_whatever_is_observed(router: Router, observer: str, said: Said) -> None:
    watch(router, observer)
    talk(router, said)
    assert all(ended for *_, ended in told(router))
