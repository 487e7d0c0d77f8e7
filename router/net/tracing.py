"""Traces of connections in the log: their frames (module PROTOCOL) and their messages (module MESSAGE).

The engine keeps the first octets of frames of the connections that are chosen here; they are taken in
slices, so that a trace never holds up others for long, and what finds no room meanwhile is only counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from skrouter.amqp.frame_text import frame_text
from skrouter.amqp.sasl.trace import SaslTap
from skrouter.config.message_components import parse_components
from skrouter.router.net.message_trace import MessageTrace

if TYPE_CHECKING:
    from skrouter.amqp.engine.pump import Connections
    from skrouter.amqp.events import FramesTraced
    from skrouter.router.net.log import RouterLog
    from skrouter.router.net.opening import Ours

SLICE: Final = 128
"""Frames written before others get their turn."""


@dataclass(slots=True)
class _Traced:
    """One AMQP connection; `chosen`: by management."""

    ours: Ours
    messages: MessageTrace | None
    chosen: bool = False
    is_on: bool = False


class Tracing:
    """Which connections are traced: those chosen one by one, all while PROTOCOL is at debug, and while
    MESSAGE is, those of listeners and connectors that log components of messages.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: Connections, log: RouterLog) -> None:
        self._loop = loop
        self._connections = connections
        self._log = log
        self._by_handle: dict[int, _Traced] = {}
        self._by_number: dict[int, _Traced] = {}
        self._gone: list[int] = []
        self._goes_on = False

    def begin(self, ours: Ours) -> None:
        """AMQP is about to begin on a connection."""
        components, _ = parse_components(ours.port.message_logging_components)
        traced = _Traced(ours, MessageTrace(components) if components else None)
        self._by_handle[ours.handle] = self._by_number[ours.number] = traced
        self._set(traced)

    def lost(self, handle: int) -> None:
        """A connection is gone; lines of its frames may still follow."""
        traced = self._by_handle.pop(handle, None)
        if traced is not None:
            self._gone.append(traced.ours.number)
            self._forget()

    def choose(self, handle: int, chosen: bool) -> None:
        """Trace one connection whatever the levels are, or no longer; KeyError if it has not begun AMQP."""
        self._by_handle[handle].chosen = chosen
        self._set(self._by_handle[handle])

    def is_chosen(self, handle: int) -> bool:
        """Whether it is traced for itself."""
        traced = self._by_handle.get(handle)
        return traced is not None and traced.chosen

    def refresh(self) -> None:
        """Levels of the log may have changed."""
        for traced in self._by_handle.values():
            self._set(traced)

    def sasl(self, number: int) -> Callable[[bytes, bool], None] | None:
        """What writes an exchange that begins, given octets and whether they go out. None: not wanted."""
        if not self._log.enabled("PROTOCOL", "debug"):
            return None
        taps = (SaslTap(), SaslTap())

        def write(data: bytes, outgoing: bool) -> None:
            for octets in taps[outgoing].take(data):
                self._write_frame(number, frame_text(octets, len(octets), outgoing=outgoing))

        return write

    def _set(self, traced: _Traced) -> None:
        ours = traced.ours
        wanted = (
            traced.chosen
            or self._log.enabled("PROTOCOL", "debug")
            or (traced.messages is not None and self._log.enabled("MESSAGE", "debug"))
        )
        if wanted != traced.is_on and self._connections.exists(ours.handle):
            self._connections.trace(ours.handle, ours.number if wanted else 0)
            traced.is_on = wanted

    # --- what the engine has kept

    def drain(self, _: FramesTraced | None = None) -> None:
        """Write a slice of the frames that wait, and come back for the others."""
        frames, dropped = self._connections.take_traced(SLICE)
        for number, outgoing, size, octets in frames:
            self._frame(number, outgoing, size, octets)
        if dropped:
            self._log.log("PROTOCOL", "warning", f"{dropped} frames were not traced: they came too fast")
        self._goes_on = len(frames) == SLICE
        if self._goes_on:
            self._loop.call_soon(self.drain)
        else:
            self._forget()

    def _forget(self) -> None:
        if not self._goes_on:
            for number in self._gone:
                self._by_number.pop(number, None)
            self._gone.clear()

    def _frame(self, number: int, outgoing: bool, size: int, octets: bytes) -> None:
        traced = self._by_number.get(number)
        if traced is None:
            return
        if traced.chosen or self._log.enabled("PROTOCOL", "debug"):
            self._write_frame(number, frame_text(octets, size, outgoing=outgoing))
        if traced.messages is not None:
            text = traced.messages.take(octets, outgoing=outgoing)
            if text is not None:
                self._log.log("MESSAGE", "debug", f"[C{number}]: {text}")

    def _write_frame(self, number: int, text: str) -> None:
        self._log.write("PROTOCOL", "debug", f"[C{number}]:FRAME: {text}")
