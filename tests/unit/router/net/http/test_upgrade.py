"""The opening handshake of WebSocket."""

from __future__ import annotations

import pytest
from skrouter.router.net.http.messages import Request, Response
from skrouter.router.net.http.upgrade import accept, accept_value, is_upgrade

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD = {
    "host": "a",
    "connection": "keep-alive, Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
    "sec-websocket-protocol": "amqp",
}


def request(method: str = "GET", version: str = "1.1", **changes: str | None) -> Request:
    headers = {**GOOD, **{name.replace("_", "-"): value for name, value in changes.items()}}
    pairs = tuple((name, value) for name, value in headers.items() if value is not None)
    return Request(method, "/", pairs, version)


def test_the_proof_is_that_of_the_rfc() -> None:
    assert accept_value(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [("amqp", "amqp"), ("binary", "binary"), ("mqtt, amqp", "amqp"), ("binary,amqp", "binary")],
)
def test_the_first_protocol_that_we_speak_is_chosen(offered: str, chosen: str) -> None:
    headers = accept(request(sec_websocket_protocol=offered))
    assert isinstance(headers, tuple)
    assert dict(headers) == {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Sec-WebSocket-Protocol": chosen,
    }


@pytest.mark.parametrize(
    ("bad", "status", "word"),
    [
        (request(method="POST"), 400, "GET"),
        (request(version="1.0"), 400, "HTTP/1.1"),
        (request(connection="keep-alive"), 400, "Connection: Upgrade"),
        (request(connection=None), 400, "Connection: Upgrade"),
        (request(sec_websocket_version="8"), 426, "version 13"),
        (request(sec_websocket_version=None), 426, "version 13"),
        (request(sec_websocket_key=None), 400, "Sec-WebSocket-Key"),
        (request(sec_websocket_key="short"), 400, "Sec-WebSocket-Key"),
        (request(sec_websocket_key="dGhl\u00e9"), 400, "Sec-WebSocket-Key"),
        (request(sec_websocket_key="AAAA"), 400, "16 octets"),
        (request(sec_websocket_protocol=None), 400, "amqp, binary"),
        (request(sec_websocket_protocol="mqtt"), 400, "amqp, binary"),
        (request(sec_websocket_protocol="AMQP"), 400, "amqp, binary"),
    ],
)
def test_a_bad_handshake_is_answered_with_what_is_wrong(bad: Request, status: int, word: str) -> None:
    response = accept(bad)
    assert isinstance(response, Response)
    assert response.status == status
    assert word in response.body.decode()
    if status == 426:
        assert ("Sec-WebSocket-Version", "13") in response.headers


def test_two_keys_are_one_too_many() -> None:
    twice = Request("GET", "/", (*request().headers, ("sec-websocket-key", KEY)))
    assert isinstance(accept(twice), Response)


@pytest.mark.parametrize(
    ("upgrade", "expected"), [("websocket", True), ("WebSocket", True), ("h2c", False), (None, False)]
)
def test_only_websocket_is_an_upgrade(upgrade: str | None, expected: bool) -> None:
    assert is_upgrade(request(upgrade=upgrade)) == expected
