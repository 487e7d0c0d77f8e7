"""The server's side of one HTTP/1.1 connection, up to its end or upgrade: pure, on h11.

        ┌──────────────── response sent, peer stays ◀──────────────┐
        ▼                                                          │
      IDLE ──first octet──▶ READING ──whole request──▶ ANSWERING ──┼─▶ OVER (upgraded, closed or refused)
        └─ IDLE_SECONDS ─▶ OVER  └─ HEAD_SECONDS ─▶ OVER  └─ SEND_SECONDS for each piece ─▶ OVER

What a peer may use before anybody knows it is bounded: the head of a request, its time, the requests of a
connection, and what it sends ahead; the next request is looked at when the response to the last one is sent.
Bodies are not taken: nothing here reads one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

import h11
from skrouter.router.net.http.messages import Request, Response, text_response

MAX_HEAD: Final = 16384
"""Octets of a request's head, and of what is sent ahead of an answer."""
MAX_REQUESTS: Final = 1000
"""Of one connection; the last one's response says that it ends."""
IDLE_SECONDS: Final = 30.0
HEAD_SECONDS: Final = 10.0
"""From the first octet of a request to the last of its head."""
SEND_SECONDS: Final = 30.0
"""For the peer to take one piece of a response."""
VERSIONS: Final = ("1.0", "1.1")
_AMQP: Final = b"AMQP"


class State(Enum):
    """Whose turn it is."""

    IDLE = "between requests"
    READING = "a request has begun"
    ANSWERING = "a request waits for its response"
    OVER = "upgraded, closed or refused"


@dataclass(frozen=True, slots=True)
class Send:
    """Send octets; with `tell`, call `sent` when that is done."""

    data: bytes
    tell: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A request is there: answer it, or upgrade."""

    request: Request


@dataclass(frozen=True, slots=True)
class Upgraded:
    """Send the response; `rest` has come behind the request and belongs to the new protocol."""

    response: bytes
    rest: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """End the connection when what was sent is read; `reason` of a refusal, else empty."""

    reason: str = ""


Effect = Send | Asked | Upgraded | Finished


class HttpExchange:
    """One connection. `date()` gives the Date of a response; `deadline` is when to call `expired`."""

    def __init__(self, now: float, date: Callable[[], str]) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._date = date
        self._first = b""
        self._requests = 0
        self._method = ""
        self.state = State.IDLE
        self.wants_body = False
        self.deadline: float = now + IDLE_SECONDS

    # --- from the peer

    def receive(self, data: bytes, now: float) -> list[Effect]:
        """Octets have arrived."""
        if self.state is State.OVER or not data:
            return []  # to h11 no octets would mean the end of them
        if len(self._first) < len(_AMQP):
            self._first = (self._first + data)[: len(_AMQP)]
            if self._first == _AMQP:
                return self._refuse(400, "AMQP without WebSocket; this listener speaks HTTP")
        self._http.receive_data(data)
        if self.state is State.ANSWERING:
            return self._check_ahead()
        return self._next(now)

    def _check_ahead(self) -> list[Effect]:
        if len(self._http.trailing_data[0]) <= MAX_HEAD:
            return []
        self.state = State.OVER
        return [Finished(f"more than {MAX_HEAD} octets sent ahead of an answer")]

    def _next(self, now: float) -> list[Effect]:
        """Look for a request in what has arrived."""
        try:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self.state is State.IDLE and self._http.trailing_data[0]:
                    self.state, self.deadline = State.READING, now + HEAD_SECONDS
                return []
            if isinstance(event, h11.Request):
                return self._take(event, now)
        except h11.RemoteProtocolError as error:
            return self._refuse(error.error_status_hint, _reason(error))
        raise AssertionError(f"HTTP connection in state {self.state} got {event!r}")

    def _take(self, event: h11.Request, now: float) -> list[Effect]:
        self._requests += 1
        request = _request(event)
        self._method = request.method
        if request.version not in VERSIONS:
            return self._refuse(505, f"HTTP/{request.version}, which is not spoken here")
        if not isinstance(self._http.next_event(), h11.EndOfMessage):
            return self._refuse(413, f"{request.method} request with a body")
        self.state, self.deadline = State.ANSWERING, now + SEND_SECONDS
        return [Asked(request)]

    def expired(self, now: float) -> list[Effect]:
        """The deadline has passed, if it has not moved."""
        if now < self.deadline or self.state is State.OVER:
            return []
        if self.state is State.READING:
            return self._refuse(408, f"head of a request not finished within {HEAD_SECONDS:g} seconds")
        late = self.state is State.ANSWERING
        self.state = State.OVER
        return [Finished(f"response not taken within {SEND_SECONDS:g} seconds" if late else "")]

    def _refuse(self, status: int, reason: str) -> list[Effect]:
        self.state = State.OVER
        response = text_response(status, f"{reason[:1].upper()}{reason[1:]}.")
        octets = self._head(response, close=True) + self._octets(h11.Data(data=response.body))
        return [Send(octets), Finished(reason)]

    # --- from us

    def answer(self, response: Response, now: float) -> list[Effect]:
        """The response to the request; if it `wants_body`, the pieces of its body come with `body`."""
        octets = self._head(response, close=self._requests >= MAX_REQUESTS)
        if self._method != "HEAD" and response.status != 304:
            self.wants_body = bool(response.length)
            if response.body:
                octets += self._octets(h11.Data(data=response.body))
        return self._give(octets, now)

    def body(self, piece: bytes, now: float, *, last: bool) -> list[Effect]:
        """The next piece of a response's body."""
        self.wants_body = not last
        return self._give(self._octets(h11.Data(data=piece)), now)

    def _give(self, octets: bytes, now: float) -> list[Effect]:
        self.deadline = now + SEND_SECONDS
        return [Send(octets, tell=True)]

    def sent(self, now: float) -> list[Effect]:
        """All that was to be sent is: the response is complete, unless it `wants_body`."""
        if self.state is not State.ANSWERING or self.wants_body:
            return []
        return self._end_response(now)

    def abort(self, reason: str) -> list[Effect]:
        """The rest of a body is not to be had: end where it stands, so that the peer sees it is short."""
        self.state = State.OVER
        return [Finished(reason)]

    def _end_response(self, now: float) -> list[Effect]:
        self._octets(h11.EndOfMessage())
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self.state = State.OVER
            return [Finished()]
        self._http.start_next_cycle()
        self.state, self.deadline = State.IDLE, now + IDLE_SECONDS
        return self._next(now)

    def upgrade(self, headers: tuple[tuple[str, str], ...]) -> list[Effect]:
        """Change to another protocol; these octets are the last of HTTP."""
        self.state = State.OVER
        head = h11.InformationalResponse(status_code=101, headers=list(headers), reason=_phrase(101))
        octets = self._octets(head)
        return [Upgraded(octets, self._http.trailing_data[0])]

    def _head(self, response: Response, *, close: bool) -> bytes:
        headers = [*response.headers, ("Date", self._date()), ("X-Content-Type-Options", "nosniff")]
        if response.status != 304:
            headers.append(("Content-Length", str(response.content_length)))
        if close:
            headers.append(("Connection", "close"))
        status = response.status
        return self._octets(h11.Response(status_code=status, headers=headers, reason=_phrase(status)))

    def _octets(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""


def _phrase(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode("ascii")


def _request(event: h11.Request) -> Request:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers)
    version = event.http_version.decode("ascii")
    return Request(event.method.decode("ascii"), event.target.decode("ascii"), headers, version)


def _reason(error: h11.RemoteProtocolError) -> str:
    if error.error_status_hint == 431:
        return f"head of a request longer than {MAX_HEAD} octets"
    return f"not HTTP/1.1: {error}"
