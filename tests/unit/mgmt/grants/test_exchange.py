"""A request is the same in whatever pieces it comes; what is no request, or too much, is refused."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.mgmt.grants.claims import MAX_CODE, NOT_VALID, Request, Response
from skrouter.mgmt.grants.exchange import MAX_HEAD, Exchange

TEXT = b"POST /abc HTTP/1.1\r\nHost: x\r\nname: far\r\nSubject: east\r\nContent-Length: 6\r\n\r\nsecret"
CHUNKED = (
    b"POST /abc HTTP/1.1\r\nHost: x\r\nname: far\r\nsubject: east\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nsec\r\n3\r\nret\r\n0\r\n\r\n"
)
GO = (
    b"POST /abc HTTP/1.1\r\nHost: x:9090\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: 6\r\n"
    b"Name: far\r\nSubject: east\r\nAccept-Encoding: gzip\r\n\r\nsecret"
)
"""As the controller of skupper asks (local-system.md §7)."""
REQUEST = Request("POST", "/abc", "far", "east", b"secret")


def fed(exchange: Exchange, *pieces: bytes) -> Request | Response | None:
    found = None
    for piece in pieces:
        assert found is None
        found = exchange.receive(piece)
    return found


@pytest.mark.parametrize("text", [TEXT, CHUNKED, GO])
@given(data=st.data())
def test_request_is_the_same_in_any_pieces(text: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=8)))
    pieces = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert fed(Exchange(), *pieces) == REQUEST


@given(st.binary(min_size=1, max_size=200))
def test_no_octets_break_it(data: bytes) -> None:
    exchange = Exchange()
    found = exchange.receive(data) or exchange.receive(b"")
    assert found is not None
    exchange.respond(NOT_VALID)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"nonsense\r\n\r\n",),
        (b"POST /abc HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",),
        (TEXT[:30], b""),
        (TEXT[:-1], b""),
        (b"POST / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * MAX_HEAD,),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n", b"x" * (MAX_CODE + 1)),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",),
    ],
)
def test_what_is_no_request_or_too_much_is_refused_at_once(pieces: tuple[bytes, ...]) -> None:
    exchange = Exchange()
    assert fed(exchange, *pieces) == NOT_VALID
    assert exchange.respond(NOT_VALID).startswith(b"HTTP/1.1 400 ")


def test_who_sends_nothing_gets_nothing() -> None:
    exchange = Exchange()
    assert exchange.receive(b"") == NOT_VALID
    assert exchange.respond(NOT_VALID) == b""


def test_response_says_how_long_it_is_and_that_the_connection_ends() -> None:
    exchange = Exchange()
    exchange.receive(TEXT)
    text = exchange.respond(Response(HTTPStatus.TOO_MANY_REQUESTS, "Wait", 7)).decode()
    head, _, body = text.partition("\r\n\r\n")
    assert body == "Wait"
    assert {line.lower() for line in head.splitlines()} == {
        "http/1.1 429 too many requests",
        "content-type: text/plain; charset=utf-8",
        "content-length: 4",
        "connection: close",
        "retry-after: 7",
    }
