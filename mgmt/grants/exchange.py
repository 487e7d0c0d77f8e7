"""One HTTP/1.1 request and its response, pure, on h11. A connection has one exchange: redeeming is rare."""

from __future__ import annotations

from typing import Final

import h11
from skrouter.mgmt.grants.claims import MAX_CODE, NOT_VALID, Request, Response

MAX_HEAD: Final = 8192
"""Octets of a request's head."""


class Exchange:
    """Octets in, a request or a refusal out; then the octets of the response."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._head: h11.Request | None = None
        self._body = bytearray()

    def receive(self, data: bytes) -> Request | Response | None:
        """What to answer, or to answer with; None as long as octets are missing. Empty data is the end."""
        try:
            self._http.receive_data(data)
            while True:
                event = self._http.next_event()
                match event:
                    case h11.Request():
                        self._head = event
                    case h11.Data():
                        self._body += event.data
                        if len(self._body) > MAX_CODE:
                            return NOT_VALID
                    case h11.EndOfMessage() if self._head is not None:
                        return _request(self._head, bytes(self._body))
                    case h11.NEED_DATA:
                        return NOT_VALID if not data else None
                    case _:
                        return NOT_VALID
        except h11.RemoteProtocolError:
            return NOT_VALID

    def respond(self, response: Response) -> bytes:
        """The octets of the response, after which the connection ends."""
        body = response.body.encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        if response.retry_after:
            headers.append(("Retry-After", str(response.retry_after)))
        if self._http.our_state is not h11.SEND_RESPONSE and self._http.our_state is not h11.IDLE:
            return b""  # what came was so wrong that no response can be told apart from it
        head = h11.Response(
            status_code=response.status.value, reason=response.status.phrase.encode(), headers=headers
        )
        parts = (
            self._http.send(head),
            self._http.send(h11.Data(data=body)),
            self._http.send(h11.EndOfMessage()),
        )
        return b"".join(part or b"" for part in parts)


def _request(head: h11.Request, body: bytes) -> Request:
    fields = {name: value.decode("latin-1") for name, value in head.headers}
    return Request(
        head.method.decode("ascii"),
        head.target.decode("latin-1"),
        fields.get(b"name", ""),
        fields.get(b"subject", ""),
        body,
    )
