"""One HTTP connection: every state with every input, limits, and any pieces that octets come in."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.net.http.exchange import (
    HEAD_SECONDS,
    IDLE_SECONDS,
    MAX_HEAD,
    MAX_REQUESTS,
    SEND_SECONDS,
    Asked,
    Effect,
    Finished,
    HttpExchange,
    Send,
    State,
    Upgraded,
)
from skrouter.router.net.http.messages import Request, Response, text_response
from skrouter_testing.websocket_model import cut

DATE = "Thu, 01 Jan 1970 00:00:00 GMT"
GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
OK = text_response(200, "OK")


def made(now: float = 0.0) -> HttpExchange:
    return HttpExchange(now, lambda: DATE)


def asked(effects: list[Effect]) -> list[Request]:
    return [effect.request for effect in effects if isinstance(effect, Asked)]


def sent(effects: list[Effect]) -> bytes:
    return b"".join(effect.data for effect in effects if isinstance(effect, Send))


def reason(effects: list[Effect]) -> str | None:
    found = [effect.reason for effect in effects if isinstance(effect, Finished)]
    return found[0] if found else None


def read(octets: bytes, method: bytes = b"GET") -> tuple[int, dict[bytes, bytes], bytes, bool]:
    """Status, headers, body and whether the connection ends, as a client of h11 reads them."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(octets)
    head = client.next_event()
    assert isinstance(head, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    return head.status_code, dict(head.headers), body, client.their_state is h11.MUST_CLOSE


# --- requests and responses


def test_a_request_is_asked_and_answered_and_the_peer_stays() -> None:
    exchange = made()
    (request,) = asked(exchange.receive(GET, 1))
    assert (request.method, request.target, request.values("host")) == ("GET", "/healthz", ["a"])
    status, headers, body, ends = read(sent(exchange.answer(OK, 1)))
    assert (status, body, ends) == (200, b"OK\n", False)
    assert headers[b"content-type"] == b"text/plain"
    assert headers[b"date"] == DATE.encode()
    assert exchange.sent(1) == []
    assert exchange.state is State.IDLE


@given(st.lists(st.integers(1, len(GET) * 3), max_size=8))
def test_three_requests_in_any_pieces_are_three_answers(places: list[int]) -> None:
    exchange = made()
    answered = 0
    pending: list[Effect] = []
    for piece in cut(GET * 3, places):
        pending += exchange.receive(piece, 0)
        while asked(pending):
            assert len(asked(pending)) == 1
            answered += 1
            pending = exchange.answer(OK, 0)
            assert sent(pending).startswith(b"HTTP/1.1 200 OK\r\n")
            pending = exchange.sent(0)
    assert answered == 3
    assert exchange.state is State.IDLE


def test_a_request_behind_another_waits_until_its_response_is_sent() -> None:
    exchange = made()
    assert len(asked(exchange.receive(GET + GET, 0))) == 1
    assert asked(exchange.answer(OK, 0)) == []
    assert len(asked(exchange.sent(0))) == 1


@pytest.mark.parametrize("response", [OK, Response(200, length=5000)])
def test_the_answer_to_head_has_a_length_and_no_body(response: Response) -> None:
    exchange = made()
    exchange.receive(GET.replace(b"GET", b"HEAD"), 0)
    effects = exchange.answer(response, 0)
    _, headers, body, ends = read(sent(effects), b"HEAD")
    assert headers[b"content-length"] == str(response.content_length).encode()
    assert (body, ends, exchange.wants_body) == (b"", False, False)


def test_not_modified_has_neither_body_nor_length() -> None:
    exchange = made()
    exchange.receive(GET, 0)
    octets = sent(exchange.answer(Response(304, (("ETag", '"x"'),), b"", 99), 0))
    assert b"ontent-" not in octets.replace(b"X-Content-Type", b"")
    assert not exchange.wants_body


def test_a_long_body_comes_in_pieces_each_when_the_last_is_sent() -> None:
    exchange = made()
    exchange.receive(GET, 0)
    octets = sent(exchange.answer(Response(200, length=6), 0))
    assert exchange.wants_body
    assert exchange.sent(1) == []
    octets += sent(exchange.body(b"abc", 2, last=False))
    assert exchange.deadline == 2 + SEND_SECONDS
    octets += sent(exchange.body(b"def", 3, last=True))
    assert read(octets)[2] == b"abcdef"
    assert exchange.sent(4) == []
    assert (exchange.state, exchange.deadline) == (State.IDLE, 4 + IDLE_SECONDS)


def test_an_old_or_leaving_client_is_let_go_after_its_response() -> None:
    for request in (b"GET / HTTP/1.0\r\n\r\n", GET.replace(b"Host", b"Connection: close\r\nHost")):
        exchange = made()
        exchange.receive(request, 0)
        assert read(sent(exchange.answer(OK, 0)))[3]
        assert reason(exchange.sent(0)) == ""
        assert exchange.state is State.OVER


def test_a_body_that_cannot_be_finished_ends_the_connection() -> None:
    exchange = made()
    exchange.receive(GET, 0)
    exchange.answer(Response(200, length=6), 0)
    assert reason(exchange.abort("gone")) == "gone"
    assert exchange.receive(GET, 0) == []


# --- upgrade


@given(st.binary(max_size=50))
def test_what_comes_behind_an_upgrade_belongs_to_the_new_protocol(rest: bytes) -> None:
    exchange = made()
    assert asked(exchange.receive(UPGRADE + rest, 0))
    (effect,) = exchange.upgrade((("Upgrade", "websocket"), ("Connection", "Upgrade")))
    assert isinstance(effect, Upgraded)
    assert effect.response.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert effect.rest == rest
    assert exchange.receive(b"more", 0) == []


def test_a_denied_upgrade_is_an_answer_like_others() -> None:
    exchange = made()
    exchange.receive(UPGRADE, 0)
    assert b" 403 " in sent(exchange.answer(text_response(403), 0))
    exchange.sent(0)
    assert asked(exchange.receive(GET, 0))


# --- refusals: one response, one reason, the end


@pytest.mark.parametrize(
    ("octets", "status", "words"),
    [
        (b"AMQP\x00\x01\x00\x00", 400, "AMQP without WebSocket"),
        (b"AMQP\x03\x01\x00\x00", 400, "AMQP without WebSocket"),
        (b"\x16\x03\x01\x02\x00\x01", 400, "not HTTP/1.1"),
        (b"nonsense\r\n\r\n", 400, "not HTTP/1.1"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "HTTP/2.0"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400, "not HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "not HTTP/1.1"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * MAX_HEAD, 431, "longer than 16384 octets"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 413, "POST request with a body"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413, "with a body"),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 413, "with a body"),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "not HTTP/1.1"),
    ],
)
def test_what_is_no_request_of_ours_is_refused_with_a_status(octets: bytes, status: int, words: str) -> None:
    exchange = made()
    effects: list[Effect] = []
    for piece in cut(octets, range(12)):
        effects += exchange.receive(piece, 0)
    assert read(sent(effects))[0] == status
    assert read(sent(effects))[3]
    assert words in (reason(effects) or "")
    assert exchange.state is State.OVER
    assert exchange.receive(GET, 0) == []
    assert exchange.expired(1e9) == []


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_random_octets_break_nothing(octets: bytes, places: list[int]) -> None:
    exchange = made()
    for piece in cut(octets, places):
        for effect in exchange.receive(piece, 0):
            if isinstance(effect, Asked):
                exchange.answer(OK, 0)


def test_who_sends_far_ahead_of_an_answer_is_refused() -> None:
    exchange = made()
    exchange.receive(GET, 0)
    assert exchange.receive(b"x" * MAX_HEAD, 0) == []
    assert "ahead of an answer" in (reason(exchange.receive(b"x", 0)) or "")


def test_the_last_request_of_a_connection_is_told_so() -> None:
    exchange = made()
    for number in range(MAX_REQUESTS):
        assert asked(exchange.receive(GET, 0))
        ends = read(sent(exchange.answer(OK, 0)))[3]
        assert ends == (number == MAX_REQUESTS - 1)
        finished = exchange.sent(0)
    assert reason(finished) == ""


# --- time


def test_a_silent_peer_is_let_go_quietly() -> None:
    exchange = made(5)
    assert exchange.deadline == 5 + IDLE_SECONDS
    assert exchange.expired(exchange.deadline - 0.1) == []
    assert exchange.expired(exchange.deadline) == [Finished()]


def test_a_head_that_drips_in_does_not_move_its_deadline() -> None:
    exchange = made()
    for second in range(int(HEAD_SECONDS)):
        exchange.receive(GET[second : second + 1], second)
    assert exchange.deadline == HEAD_SECONDS
    effects = exchange.expired(HEAD_SECONDS)
    assert read(sent(effects))[0] == 408
    assert "not finished within 10 seconds" in (reason(effects) or "")


def test_a_peer_that_does_not_read_is_let_go() -> None:
    exchange = made()
    exchange.receive(GET, 1)
    exchange.answer(OK, 2)
    assert exchange.deadline == 2 + SEND_SECONDS
    assert "not taken within 30 seconds" in (reason(exchange.expired(exchange.deadline)) or "")
