"""CONNECT: what is asked of a proxy, and what its answers mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.net.http.connect import MAX_HEAD, Outcome, ProxyConnect
from skrouter_testing.websocket_model import cut

OK = b"HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n"


def outcome(
    data: bytes, places: list[int] | None = None, user: tuple[str, str] | None = None
) -> Outcome | None:
    exchange = ProxyConnect("place:5671", user)
    exchange.start()
    found = None
    for piece in cut(data, places or ()):
        found = exchange.receive(piece)
        if found is not None:
            break
    return found


def test_the_request_names_the_place() -> None:
    assert (
        ProxyConnect("place:5671", None).start() == b"CONNECT place:5671 HTTP/1.1\r\nHost: place:5671\r\n\r\n"
    )


def test_credentials_go_along_as_basic() -> None:
    octets = ProxyConnect("[::1]:5671", ("Aladdin", "open sesame")).start()
    assert b"\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" in octets
    assert octets.startswith(b"CONNECT [::1]:5671 HTTP/1.1\r\n")


@given(st.lists(st.integers(0, len(OK)), max_size=6))
def test_success_in_any_pieces_is_success(places: list[int]) -> None:
    assert outcome(OK, places) == Outcome()


def test_an_answer_that_is_not_complete_is_waited_for() -> None:
    assert outcome(OK[:-1]) is None


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_success_is_success(status: int) -> None:
    assert outcome(f"HTTP/1.0 {status} x\r\n\r\n".encode()) == Outcome()


def test_an_interim_answer_is_not_the_answer() -> None:
    assert outcome(b"HTTP/1.1 100 Continue\r\n\r\n") is None
    assert outcome(b"HTTP/1.1 102 Wait\r\n\r\n" + OK) == Outcome()


@pytest.mark.parametrize(
    ("data", "user", "words"),
    [
        (b"HTTP/1.1 403 No\r\n\r\n", None, "answered 403 Forbidden"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 3\r\n\r\nabc", None, "answered 502 Bad Gateway"),
        (b"HTTP/1.1 302 No\r\nLocation: x\r\n\r\n", None, "answered 302 Found"),
        (b"HTTP/1.1 599 \x1b[31m\r\n\r\n", None, "answered 599"),
        (b"HTTP/1.1 407 No\r\n\r\n", None, "give the proxyProfile a username and a password"),
        (b"HTTP/1.1 407 No\r\n\r\n", ("a", "b"), "refuses the proxyProfile's username and password"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", None, "does not answer in HTTP"),
        (b"AMQP\x00\x01\x00\x00\r\n\r\n", None, "does not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD, None, "does not answer in HTTP"),
        (b"HTTP/1.1 100 C\r\n\r\n" * 2000, None, "answers with more than 16384 octets"),
        (OK + b"AMQP", None, "sent octets before"),
    ],
)
def test_what_is_no_success_says_why(data: bytes, user: tuple[str, str] | None, words: str) -> None:
    found = outcome(data, user=user)
    assert found is not None
    assert words in found.reason
    assert found.reason.isprintable()


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
def test_garbage_breaks_nothing(data: bytes, places: list[int]) -> None:
    found = outcome(data, places)
    assert found is None or found.reason
