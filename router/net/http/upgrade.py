"""The opening handshake of AMQP over WebSocket: pure (RFC 6455 §4.2; spec/router-config.md §6)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from skrouter.router.net.http.messages import Request, Response, text_response

SUBPROTOCOLS: Final = ("amqp", "binary")
VERSION: Final = "13"
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY_OCTETS: Final = 16

Headers = tuple[tuple[str, str], ...]


def is_upgrade(request: Request) -> bool:
    """Whether the peer wants to speak WebSocket."""
    return "websocket" in (item.lower() for item in request.tokens("upgrade"))


def accept(request: Request) -> Headers | Response:
    """The headers of the 101, or the response to a request that is not a good one."""
    if request.method != "GET" or request.version != "1.1":
        return text_response(400, "WebSocket begins with a GET of HTTP/1.1.")
    if "upgrade" not in (item.lower() for item in request.tokens("connection")):
        return text_response(400, "WebSocket needs the header Connection: Upgrade.")
    if request.values("sec-websocket-version") != [VERSION]:
        text = f"WebSocket version {VERSION} is spoken here."
        return text_response(426, text, ("Sec-WebSocket-Version", VERSION), ("Upgrade", "websocket"))
    keys = request.values("sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        return text_response(400, "Sec-WebSocket-Key must be one value of 16 octets in base64.")
    offered = request.tokens("sec-websocket-protocol")
    protocol = next((name for name in offered if name in SUBPROTOCOLS), None)
    if protocol is None:
        return text_response(400, f"Sec-WebSocket-Protocol must offer one of: {', '.join(SUBPROTOCOLS)}.")
    return (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_value(keys[0])),
        ("Sec-WebSocket-Protocol", protocol),
    )


def accept_value(key: str) -> str:
    """The proof that the key was read as WebSocket's (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1((key + _GUID).encode("ascii"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_OCTETS
    except (binascii.Error, ValueError):
        return False
