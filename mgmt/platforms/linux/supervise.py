"""The supervisor of one router, or of another process, where no manager runs: `supervise LOCK LOG COMMAND…`.

It holds LOCK while it lives, starts COMMAND, and starts it again when it ends: at once, then after growing
pauses while it keeps ending early. SIGHUP restarts the command, SIGTERM ends both. If the supervisor is
killed, the kernel ends the command.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from skrouter.mgmt.platforms.linux import files

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0
LONG_LIFE = 30.0
"""Seconds after which a command counts as having worked: its next end is followed by a short pause again."""

STOP_TIME = 15.0
LONGEST_LOG = 16 << 20
"""Octets after which the log is put aside at the next start."""

DONE = 66
"""The status of a command that has nothing left to do: the supervisor ends too. No failure gives it."""

_PR_SET_PDEATHSIG = 1


def next_pause(pause: float, lived: float) -> float:
    """The pause before the next start, given the last one and how long the command lived."""
    return FIRST_PAUSE if lived >= LONG_LIFE else min(max(pause, FIRST_PAUSE) * 2, LONGEST_PAUSE)


def main(arguments: list[str]) -> int:
    """Supervise until SIGTERM; 0 then, 1 if another supervisor holds the lock."""
    lock, log, *command = arguments
    if os.fork():
        os._exit(0)  # who started us waits for this only, and we are nobody's child
    descriptor = files.lock(Path(lock))
    if descriptor is None:
        return 1
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    Supervisor(Path(log), command).run()
    return 0


class Supervisor:
    """Runs the command again and again."""

    def __init__(self, log: Path, command: list[str]) -> None:
        self._log = log
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._ending = False
        self._restart = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        for number in wanted:
            signal.signal(number, self._on_signal)
        # Signals are taken by sigtimedwait only, so none is missed between a look and a wait.
        signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
        pause = 0.0
        while not self._ending:
            started = time.monotonic()
            self._start()
            self._watch(wanted)
            if self._child is not None and self._child.returncode == DONE:
                return
            lived = time.monotonic() - started
            pause = FIRST_PAUSE if self._restart else next_pause(pause, lived)
            self._restart = False
            self._sleep(wanted, pause)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Never called while blocked; its being set keeps SIGCHLD from being ignored."""

    def _start(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LONGEST_LOG:
            self._log.replace(self._log.with_name(f"{self._log.name}.1"))
        descriptor = files.open_log(self._log)
        try:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 — this process has one thread
            )
        except OSError as error:
            os.write(descriptor, f"cannot start {self._command[0]}: {error}\n".encode())
            self._child = None
        finally:
            os.close(descriptor)

    def _watch(self, wanted: tuple[signal.Signals, ...]) -> None:
        """Until the command has ended, by itself or as asked."""
        deadline: float | None = None
        while self._child is not None and self._child.poll() is None:
            timeout = 1.0 if deadline is None else max(0.0, deadline - time.monotonic())
            found = signal.sigtimedwait(wanted, min(timeout, 1.0))
            if found is not None and self._note(found.si_signo):
                self._child.terminate()
                deadline = time.monotonic() + STOP_TIME
            if deadline is not None and time.monotonic() >= deadline:
                self._child.kill()

    def _sleep(self, wanted: tuple[signal.Signals, ...], pause: float) -> None:
        end = time.monotonic() + pause
        while not self._ending and (left := end - time.monotonic()) > 0:
            found = signal.sigtimedwait(wanted, left)
            if found is not None and self._note(found.si_signo):
                return

    def _note(self, number: int) -> bool:
        """Whether the signal asks the command to end."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self._ending = True
            return True
        if number == signal.SIGHUP:
            self._restart = True
            return True
        return False


def _die_with_parent() -> None:
    """In the child: unblock signals, and have the kernel end it when the supervisor dies."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
