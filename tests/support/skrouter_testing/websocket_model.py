"""WebSocket frames as RFC 6455 §5 describes them, on whole octets and without speed.

The native code is compared with it.

Belongs here: making a client's frames, and judging a stream of them. Does not: sockets.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MOST_OCTETS = 0x7FFFFFFF


def frame(
    payload: bytes = b"",
    opcode: int = BINARY,
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x11\x22\x33\x44",
    width: int | None = None,
    length: int | None = None,
) -> bytes:
    """A frame; `width`: octets of the extended length (0, 2 or 8), `length`: what it claims."""
    claimed = len(payload) if length is None else length
    if width is None:
        width = 0 if claimed < 126 else 2 if claimed < 65536 else 8
    short = {0: claimed, 2: 126, 8: 127}[width]
    head = bytes([fin << 7 | reserved << 4 | opcode, (mask is not None) << 7 | short])
    head += claimed.to_bytes(width, "big") if width else b""
    return head + (payload if mask is None else mask + masked(payload, mask))


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload as it travels, and back."""
    return bytes(octet ^ mask[i % 4] for i, octet in enumerate(payload))


@dataclass(slots=True)
class Verdict:
    """What a server makes of a stream: data, the latest ping, and its end (code 0: a close without code)."""

    data: bytes = b""
    ping: bytes | None = None
    ended: bool = False
    code: int = 0
    is_error: bool = False
    _fragmented: bool = field(default=False, repr=False)


def judge(stream: bytes) -> Verdict:
    """Read the stream to its end."""
    verdict = Verdict()
    at = 0
    while not verdict.ended and at < len(stream):
        used = _frame(stream[at:], verdict)
        if used is None:
            break
        at += used
    return verdict


def _frame(octets: bytes, verdict: Verdict) -> int | None:
    """Octets of the frame at the front; None if it is not complete (what is there of its data counts)."""
    if len(octets) < 2:
        return None
    fin, reserved, opcode = octets[0] >> 7, octets[0] >> 4 & 7, octets[0] & 15
    is_masked, short = octets[1] >> 7, octets[1] & 127
    control = opcode >= 8
    if reserved or not is_masked or opcode in {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}:
        return _fail(verdict, 1002)
    if control and (not fin or short > 125):
        return _fail(verdict, 1002)
    if not control and (opcode == CONTINUATION) != verdict._fragmented:
        return _fail(verdict, 1002)
    if opcode == TEXT:
        return _fail(verdict, 1003)
    width = {126: 2, 127: 8}.get(short, 0)
    if len(octets) < 6 + width:
        return None
    length = int.from_bytes(octets[2 : 2 + width], "big") if width else short
    if (width == 2 and length < 126) or (width == 8 and not 65536 <= length < 1 << 63):
        return _fail(verdict, 1002)
    if length > MOST_OCTETS:
        return _fail(verdict, 1009)
    mask = octets[2 + width : 6 + width]
    arrived = octets[6 + width : 6 + width + length]
    payload = masked(arrived, mask)
    if not control:
        verdict.data += payload
    if len(arrived) < length:
        return None
    if not control:
        verdict._fragmented = not fin
    elif opcode == PING:
        verdict.ping = payload
    elif opcode == CLOSE:
        _close(payload, verdict)
    return 6 + width + length


def _fail(verdict: Verdict, code: int) -> int:
    verdict.ended, verdict.is_error, verdict.code = True, True, code
    return 0


def _close(payload: bytes, verdict: Verdict) -> None:
    verdict.ended = True
    if not payload:
        return
    code = int.from_bytes(payload[:2], "big")
    allowed = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    if len(payload) == 1 or code not in allowed:
        _fail(verdict, 1002)
        return
    try:
        payload[2:].decode("utf-8")
    except UnicodeDecodeError:
        _fail(verdict, 1007)
        return
    verdict.code = code


def cut(octets: bytes, places: Iterable[int]) -> list[bytes]:
    """The octets in pieces, cut at these places."""
    bounds = [0, *sorted({place for place in places if 0 < place < len(octets)}), len(octets)]
    return [octets[a:b] for a, b in itertools.pairwise(bounds)]
