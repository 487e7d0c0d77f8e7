"""The client's side of CONNECT, the way through an HTTP proxy: pure, on h11 (RFC 9110 §9.3.6)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11

MAX_HEAD: Final = 16384
"""Octets of a response's head; also of all that comes before the final one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The exchange is over. Without a `reason` against it, what comes next is from the place behind
    the proxy. The reason goes on behind "it", the proxy.
    """

    reason: str = ""


class ProxyConnect:
    """One exchange. `authority` is the place behind the proxy, `host:port`; `credentials`: user, password."""

    def __init__(self, authority: str, credentials: tuple[str, str] | None) -> None:
        self._authority = authority
        self._credentials = credentials
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._received = 0

    def start(self) -> bytes:
        """The request."""
        headers = [("Host", self._authority)]
        if self._credentials is not None:
            octets = ":".join(self._credentials).encode("utf-8")
            headers.append(("Proxy-Authorization", f"Basic {base64.b64encode(octets).decode('ascii')}"))
        request = h11.Request(method="CONNECT", target=self._authority, headers=headers)
        return (self._http.send(request) or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    def receive(self, data: bytes) -> Outcome | None:
        """Octets of the response; None as long as it is not complete."""
        self._received += len(data)
        self._http.receive_data(data)
        try:
            event = self._http.next_event()
            while isinstance(event, h11.InformationalResponse):
                event = self._http.next_event()
        except h11.RemoteProtocolError as error:
            return Outcome(f"does not answer in HTTP: {error}")
        if isinstance(event, h11.Response):
            return self._judge(event.status_code)
        if self._received > MAX_HEAD:
            return Outcome(f"answers with more than {MAX_HEAD} octets")
        return None

    def _judge(self, status: int) -> Outcome:
        if not 200 <= status < 300:
            return Outcome(f"answered {_shown(status)}{self._advice(status)}")
        if self._http.trailing_data[0]:
            return Outcome("sent octets before the place behind it was asked for any")
        return Outcome()

    def _advice(self, status: int) -> str:
        if status != HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return ""
        if self._credentials is None:
            return "; give the proxyProfile a username and a password"
        return "; it refuses the proxyProfile's username and password"


def _shown(status: int) -> str:
    """The proxy's own words are not for our log."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
