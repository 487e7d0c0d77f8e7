"""A daemon as init scripts expect it: detached, with pid file and user, its parent gone once it is ready.

    parent ──fork──▶ session leader ──fork──▶ daemon: pid file, user, then the router starts
      ▲ exits 0 or 1                             │
      └────────── pipe: "ok" or what is wrong ───┘

The working directory becomes `/`: relative names in the configuration file count from there.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

READY: Final = b"ok"
UMASK: Final = 0o022
"""Files of a daemon may be read by everybody and written by nobody else."""


class DaemonError(OSError):
    """The process cannot be a daemon as asked; the text is for the user."""


class Parent:
    """The way to the process that was started and waits; only the first word counts."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe

    def ready(self) -> None:
        """The router runs: the parent may go, with status 0."""
        self._tell(READY)

    def failed(self, text: str) -> None:
        """The router does not run: the parent says why and goes with status 1."""
        self._tell(text.encode(errors="backslashreplace"))

    def _tell(self, octets: bytes) -> None:
        if self._pipe is None:
            return
        with os.fdopen(self._pipe, "wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
            pipe.write(octets)  # if the parent was killed meanwhile, the router is not concerned
        self._pipe = None


def detach(program: str, run: Callable[[Parent], int]) -> int:
    """Fork; in the daemon `run`, whose result is its exit status. In the parent: the status of the start."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return _await(program, reading, child)
    os.close(reading)
    os.setsid()
    if os.fork():
        os._exit(0)  # without the clean-up that belongs to the parent
    _leave()
    parent = Parent(writing)
    try:
        return run(parent)
    except Exception as error:  # nobody would see its traceback
        parent.failed(f"{type(error).__name__}: {error}")
        raise


def _await(program: str, reading: int, child: int) -> int:
    """Until the daemon has said how its start went, or is gone."""
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    if said == READY:
        return 0
    text = said.decode(errors="replace") or "the daemon ended before it was ready"
    print(f"{program}: {text}", file=sys.stderr)
    return 1


def _leave() -> None:
    """Let go of terminal, working directory and the caller's file mode."""
    null = os.open(os.devnull, os.O_RDWR)
    sys.stdout.flush()
    sys.stderr.flush()
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.chdir("/")
    os.umask(UMASK)


def write_pid(path: str) -> None:
    """Put our process id into a file; DaemonError."""
    try:
        Path(path).write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError as error:
        raise DaemonError(f"Can't write pidfile {path}: {error.strerror}") from error


def become(user: str) -> None:
    """Give up our rights for those of a user, groups included; DaemonError."""
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise DaemonError(f"Can't find user {user}") from error
    codecs.lookup("idna")  # else loaded with the first host name, from files that the user may not read
    try:
        if os.getuid() == 0:
            os.initgroups(user, found.pw_gid)
        os.setgid(found.pw_gid)
        os.setuid(found.pw_uid)
    except OSError as error:
        raise DaemonError(f"Can't switch to user {user}: {error.strerror}") from error
