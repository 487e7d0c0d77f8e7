"""skupper-controller: keeps the sites of this machine as their input says, and redeems their grants."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from skrouter.cli.commands.local import is_kept_here, own_session, platform, snapshot_sources
from skrouter.cli.commands.session import FailedError
from skrouter.cli.grants import FIRST_PORT, GrantService
from skrouter.cli.version import VERSION
from skrouter.mgmt.controller.loop import Controller
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import data_home
from skrouter.mgmt.platforms.linux.supervise import DONE

LOOK_INTERVAL = 0.5
"""Seconds between two looks for new namespaces."""

STOP_TIME = 10.0
RETRY_TIME = 5.0

EXAMPLES = """examples:
  skupper-controller                              all namespaces of this user
  skupper-controller --grant-server-port 19090    grants at another port
"""


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
        lock = files.lock(self._root / "controller.lock")
        if lock is None:
            raise AlreadyRunningError("System controller is already running, exiting")
        try:
            while not self._ended.is_set():
                self._look()
                self._ended.wait(LOOK_INTERVAL)
        finally:
            self._stop_all()
            os.close(lock)

    def stop(self) -> None:
        """Let `run` return."""
        self._ended.set()

    def _look(self) -> None:
        entries = files.entries(self._root)
        known = {one.name for one in entries if (one / "input").is_dir()}
        found = {one for one in known if one in self._controllers or is_kept_here(one)}
        for name in sorted(found - self._controllers.keys()):
            self._start(name)
        for name in self._controllers.keys() - found:
            controller, thread = self._controllers.pop(name)
            controller.stop()
            thread.join(STOP_TIME)

    def _start(self, name: str) -> None:
        session = own_session(name)
        controller = Controller({name: platform(session, snapshot_sources(session))}, log)
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


def build_parser() -> argparse.ArgumentParser:
    """The options; those of the reference's controller have one dash too."""
    parser = argparse.ArgumentParser(
        prog="skupper-controller",
        description="Keeps the sites of this machine as their input says, and redeems their grants.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-version", "--version", action="version", version=VERSION)
    parser.add_argument(
        "-grant-server-port",
        "--grant-server-port",
        type=int,
        default=os.environ.get("SKUPPER_GRANT_SERVER_PORT") or FIRST_PORT,
        metavar="PORT",
        help="First port to try for the grant server (default $SKUPPER_GRANT_SERVER_PORT or 9090)",
    )
    parser.add_argument("--no-grants", action="store_true", help="Do not redeem grants")
    parser.add_argument(
        "--only-grants",
        action="store_true",
        help="Redeem grants and leave the sites alone; ends when no grant has been open for a minute",
    )
    parser.add_argument(
        "--data-home", type=Path, metavar="DIRECTORY", help="With --only-grants: where all namespaces are"
    )
    return parser


class _Stop:
    """What SIGTERM and SIGINT end; the second signal ends the process at once."""

    def __init__(self, *parts: Namespaces | GrantService) -> None:
        self._parts = parts
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: object) -> None:
        if self.asked:
            os._exit(1)
        self.asked = True
        for part in self._parts:
            part.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 after SIGTERM or SIGINT, 1 if another controller runs or after a second signal.

    With `--only-grants` 66 if there is nothing left to do, which ends a supervisor too.
    """
    options = build_parser().parse_args(arguments)
    home = data_home(os.environ, user_id=os.getuid())
    port = options.grant_server_port
    if options.only_grants:
        return _serve_grants(GrantService(options.data_home or home, log, port=port, ends_when_idle=True))
    namespaces, grants = Namespaces(home), GrantService(home, log, port=port)
    _Stop(namespaces, grants)
    thread = threading.Thread(target=lambda: _keep_serving(grants), name="grants", daemon=True)
    if not options.no_grants:
        thread.start()
    try:
        namespaces.run()
    except (AlreadyRunningError, FailedError) as error:
        log("error", str(error))
        return 1
    finally:
        grants.stop()
        if not options.no_grants:
            thread.join(STOP_TIME)
    return 0


def _serve_grants(service: GrantService) -> int:
    stop = _Stop(service)
    service.run()
    return 0 if stop.asked else DONE


def _keep_serving(service: GrantService) -> None:
    """A failure of the grant server does not end the controller; it is tried again."""
    while not service.ended:
        try:
            service.run()
        except OSError as error:
            log("error", f"grants cannot be redeemed: {error}; trying again in {RETRY_TIME:.0f} s")
            service.wait(RETRY_TIME)
        except Exception:
            # A fault of ours, told in full: the thread of the grants may not end before the controller does.
            fault = traceback.format_exc()
            log("error", f"grants: trying again in {RETRY_TIME:.0f} s after a fault:\n{fault}")
            service.wait(RETRY_TIME)


if __name__ == "__main__":
    sys.exit(main())
