"""Where log lines go: standard streams, syslog, files."""

from __future__ import annotations

import sys
import syslog
from typing import Final, Protocol, TextIO

STDERR: Final = 2
_PRIORITIES: Final = {
    "debug": syslog.LOG_DEBUG,
    "info": syslog.LOG_INFO,
    "warning": syslog.LOG_WARNING,
    "error": syslog.LOG_ERR,
    "critical": syslog.LOG_CRIT,
}


class OutputError(ValueError):
    """An outputFile that cannot be opened; `str()` is the text for the user."""


class Output(Protocol):
    """One destination of lines."""

    takes_stamps: bool
    descriptor: int
    """For what is no line; stderr's where there is none."""

    def write(self, level: str, line: str) -> None:
        """Write one line; OSError if it cannot be."""

    def close(self) -> None:
        """Stop using it."""


class _Stream:
    takes_stamps = True

    def __init__(self, stream: TextIO, *, owned: bool) -> None:
        self._stream = stream
        self._owned = owned
        self.descriptor = _descriptor(stream)

    def write(self, level: str, line: str) -> None:  # noqa: ARG002  (streams do not sort by level)
        self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        if self._owned:
            self._stream.close()


def _descriptor(stream: TextIO) -> int:
    try:
        return stream.fileno()
    except OSError:
        return STDERR


class _Syslog:
    takes_stamps = False
    descriptor = STDERR

    def write(self, level: str, line: str) -> None:
        syslog.syslog(_PRIORITIES[level], line)

    def close(self) -> None:
        syslog.closelog()


def open_output(name: str) -> Output:
    """The output named `stderr`, `stdout`, `syslog` or as a file to append to; OutputError."""
    if name == "stderr":
        return _Stream(sys.stderr, owned=False)
    if name == "stdout":
        return _Stream(sys.stdout, owned=False)
    if name == "syslog":
        syslog.openlog("skrouterd", syslog.LOG_PID, syslog.LOG_DAEMON)
        return _Syslog()
    try:
        file = open(name, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115, PTH123
    except OSError as error:
        raise OutputError(f"Failed to open log file '{name}': {error.strerror}") from error
    return _Stream(file, owned=True)
