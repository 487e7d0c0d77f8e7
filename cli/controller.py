"""skupper-controller: keeps the sites of this machine as their input directories say, while it runs."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from skrouter.cli.commands.local import platform
from skrouter.cli.commands.session import FailedError, Session
from skrouter.cli.version import VERSION
from skrouter.mgmt.controller.loop import Controller
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import data_home

LOOK_INTERVAL = 0.5
"""Seconds between two looks for new namespaces."""

STOP_TIME = 10.0


class AlreadyRunningError(Exception):
    """Another controller keeps these namespaces."""


class Namespaces:
    """A controller with a thread for each namespace that has input; a failing one does not hold up others."""

    def __init__(self, home: Path) -> None:
        self._root = home / "namespaces"
        self._controllers: dict[str, tuple[Controller, threading.Thread]] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        """Until `stop`; AlreadyRunningError if another holds the lock."""
        files.make_directory(self._root)
        descriptor = os.open(self._root / "controller.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise AlreadyRunningError("System controller is already running, exiting") from error
        try:
            while not self._ended.is_set():
                self._look()
                self._ended.wait(LOOK_INTERVAL)
        finally:
            self._stop_all()
            os.close(descriptor)

    def stop(self) -> None:
        """Let `run` return."""
        self._ended.set()

    def _look(self) -> None:
        found = {one.name for one in files.entries(self._root) if (one / "input").is_dir()}
        for name in sorted(found - self._controllers.keys()):
            self._start(name)
        for name in self._controllers.keys() - found:
            controller, thread = self._controllers.pop(name)
            controller.stop()
            thread.join(STOP_TIME)

    def _start(self, name: str) -> None:
        controller = Controller({name: platform(Session("linux", name))}, log)
        thread = threading.Thread(target=controller.run, name=f"namespace {name}", daemon=True)
        self._controllers[name] = (controller, thread)
        thread.start()

    def _stop_all(self) -> None:
        for controller, _ in self._controllers.values():
            controller.stop()
        deadline = time.monotonic() + STOP_TIME
        for _, thread in self._controllers.values():
            thread.join(max(0.0, deadline - time.monotonic()))


def log(level: str, text: str) -> None:
    """One line on standard error."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    sys.stderr.write(f"{stamp} {level.upper()} {text}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 after SIGTERM or SIGINT, 1 if another controller runs or after a second signal."""
    parser = argparse.ArgumentParser(prog="skupper-controller", description=__doc__)
    parser.add_argument("-version", "--version", action="version", version=VERSION)
    parser.parse_args(arguments)
    namespaces = Namespaces(data_home(os.environ, user_id=os.getuid()))
    asked = False

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal asked
        if asked:
            os._exit(1)
        asked = True
        namespaces.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        namespaces.run()
    except (AlreadyRunningError, FailedError) as error:
        log("error", str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
