"""A mesh engine's recording on its way to a file: appended to, written every second, given up at an error.

Belongs here: the file. Does not: the lines and their meaning (mesh/recording.py).
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from skrouter.router.mesh.effects import Effect
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.events import Event
from skrouter.router.mesh.recording import RecordingHeader, event_line, header_line

FLUSH_SECONDS: Final = 1.0
FLUSH_OCTETS: Final = 65536
"""What waits in memory at most, but for one line; written at once when there is more."""


class RecordError(ValueError):
    """A recording that cannot be begun; `str()` is the text for the user."""


class MeshRecorder:
    """Stands in front of an engine: `handle` as the engine's, and every event goes to the file."""

    def __init__(
        self,
        path: str | Path,
        engine: MeshEngine,
        header: RecordingHeader,
        loop: asyncio.AbstractEventLoop,
        give_up: Callable[[str], None],
    ) -> None:
        """Open the file and write the header. RecordError; `give_up` is told of a later error, once."""
        self._engine = engine
        self._loop = loop
        self._give_up = give_up
        self._waiting = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self.path = path
        try:
            self._descriptor = _open(path)
        except OSError as error:
            raise _cannot(path, error) from error
        try:
            self._write(_line_end_missing(self._descriptor) + header_line(header).encode() + b"\n")
        except OSError as error:
            os.close(self._descriptor)
            raise _cannot(path, error) from error

    def handle(self, event: Event, now: float) -> list[Effect]:
        """The engine's answer; an event on which it fails is recorded too."""
        effects: list[Effect] | None = None
        try:
            effects = self._engine.handle(event, now)
        finally:
            self._append(event_line(event, now, effects))
        return effects

    def close(self) -> None:
        """Write what waits and let go of the file; harmless if repeated."""
        self._flush()
        self._release()

    def _append(self, line: str) -> None:
        if self._descriptor < 0:
            return
        self._waiting += line.encode() + b"\n"
        if len(self._waiting) >= FLUSH_OCTETS:
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._descriptor < 0 or not self._waiting:
            return
        waiting, self._waiting = self._waiting, bytearray()
        try:
            self._write(waiting)
        except OSError as error:
            self._release()
            self._give_up(f"Recording of mesh events stopped, {self.path}: {error.strerror}")

    def _write(self, octets: bytes | bytearray) -> None:
        rest = memoryview(octets)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _release(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def _open(path: str | Path) -> int:
    # Without O_NONBLOCK, opening a pipe that nobody reads would stop the router.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _line_end_missing(descriptor: int) -> bytes:
    """A line end if the file's last line, of a router that was killed, has none."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def _cannot(path: str | Path, error: OSError) -> RecordError:
    return RecordError(f"mesh events cannot be recorded to {path}: {error.strerror}")
