"""One HTTP connection carried out: effects of its exchange, files from the disk, timers, log lines."""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from skrouter.router.net import clock
from skrouter.router.net.http import disk, files, routes
from skrouter.router.net.http.exchange import Asked, Effect, Finished, HttpExchange, Send, Upgraded
from skrouter.router.net.http.messages import Request, Response, text_response
from skrouter.router.net.log import RouterLog
from skrouter.router.net.pages import Pages

PIECE: Final = 65536
"""Octets of a file that are read, and wait to be sent, at a time."""


@dataclass(frozen=True, slots=True)
class Line:
    """The connection below: `send(octets, tell)`, `finish()`, `upgraded(response, rest)`."""

    send: Callable[[bytes, bool], None]
    finish: Callable[[], None]
    upgraded: Callable[[bytes, bytes], None]


class WebConnection:
    """Serves a peer until it goes, is refused, or speaks WebSocket. `label` begins its log lines."""

    def __init__(  # noqa: PLR0917  (what it offers, to whom, and through what)
        self,
        loop: asyncio.AbstractEventLoop,
        line: Line,
        site: routes.Site,
        pages: Pages,
        log: RouterLog,
        label: str,
        *,
        trusted: bool,
    ) -> None:
        self._loop = loop
        self._line = line
        self._site = site
        self._pages = pages
        self._log = log
        self._label = label
        self._trusted = trusted
        self._file: disk.OpenFile | None = None
        self._exchange = HttpExchange(clock.monotonic(), _date)
        self._is_over = False
        self._timer = loop.call_at(self._exchange.deadline, self._expired)

    def receive(self, data: bytes) -> None:
        """Octets from the peer."""
        self._carry_out(self._exchange.receive(data, clock.monotonic()))

    def sent(self) -> None:
        """What was given to the line is sent: time for the next piece of a file, or the next request."""
        if self._file is not None:
            self._carry_out(self._next_piece(self._file))
        else:
            self._carry_out(self._exchange.sent(clock.monotonic()))

    def close(self) -> None:
        """The connection is gone, or speaks something else now."""
        self._is_over = True
        self._timer.cancel()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _expired(self) -> None:
        self._carry_out(self._exchange.expired(clock.monotonic()))
        self._set_timer()

    def _set_timer(self) -> None:
        self._timer.cancel()
        if not self._is_over:
            self._timer = self._loop.call_at(self._exchange.deadline, self._expired)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data, tell):
                    self._line.send(data, tell)
                case Asked(request):
                    self._carry_out(self._answer(request))
                case Upgraded(response, rest):
                    self.close()
                    self._line.upgraded(response, rest)
                case Finished(reason):
                    self.close()
                    if reason:
                        self._log.log("HTTP", "warning", f"{self._label} refused: {reason}")
                    self._line.finish()
        if self._timer.when() > self._exchange.deadline:
            self._set_timer()  # one that has moved on is set again when it has run

    # --- requests

    def _answer(self, request: Request) -> list[Effect]:
        action = routes.route(request, self._site, trusted=self._trusted)
        if isinstance(action, routes.Upgrade):
            return self._exchange.upgrade(action.headers)
        response = self._response(action, request)
        if self._log.enabled("HTTP", "debug"):
            text = f"{self._label}: {request.method} {request.target} {response.status}"
            self._log.log("HTTP", "debug", text)
        effects = self._exchange.answer(response, clock.monotonic())
        if not self._exchange.wants_body:
            self._close_file()
        return effects

    def _response(self, action: routes.Action, request: Request) -> Response:
        match action:
            case Response():
                return action
            case routes.Health():
                return self._health()
            case routes.Metrics(accept):
                return self._metrics(accept)
            case routes.StaticFile(parts):
                return self._open(request, parts)
        raise AssertionError(f"no response to {action!r}")

    def _health(self) -> Response:
        try:
            self._pages.health()
        except RuntimeError as error:
            self._log.log("HTTP", "error", f"Health check failed: {error}")
            return text_response(503, str(error))
        return text_response(200, "OK")

    def _metrics(self, accept: str) -> Response:
        if self._pages.metrics is None:
            return text_response(404)
        content_type, body = self._pages.metrics(accept)
        return Response(200, (("Content-Type", content_type),), body)

    # --- files: those of a page are small and in the system's cache, so they are read on the loop

    def _open(self, request: Request, parts: tuple[str, ...]) -> Response:
        try:
            opened = disk.open_below(self._site.root or "", parts)
        except disk.IsDirectory:
            return files.to_directory(parts)
        except PermissionError as error:
            self._log.log("HTTP", "warning", f"{self._label} refused: {error}")
            return text_response(403)
        except OSError:
            return text_response(404)
        self._file = opened
        return files.respond(request, parts[-1], opened.facts)

    def _next_piece(self, opened: disk.OpenFile) -> list[Effect]:
        left = opened.facts.size - opened.position
        try:
            piece = opened.read(min(left, PIECE))
        except OSError as error:
            return self._exchange.abort(f"file cannot be read: {error.strerror}")
        if not piece:
            return self._exchange.abort("file has become shorter while it was sent")
        is_last = len(piece) == left
        if is_last:
            self._close_file()
        return self._exchange.body(piece, clock.monotonic(), last=is_last)


def _date() -> str:
    return email.utils.formatdate(clock.wall(), usegmt=True)
