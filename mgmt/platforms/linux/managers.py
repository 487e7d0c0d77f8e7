"""Who keeps a site's router running: systemd where it can, else a supervisor of our own."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.systemd import Unit
from skrouter.mgmt.platforms.linux.units import unit_name, unit_text
from skrouter.mgmt.sites.platform import PlatformError

ROUTER = "skrouterd"
START_TIME = 5.0
STOP_TIME = 20.0
LINGERING = Path("/var/lib/systemd/linger")
"""Has a file for each user whose manager runs without a session."""

_POLL = 0.02


class RouterManager(Protocol):
    """Keeps one router running, also after this process has ended."""

    @property
    def log(self) -> str:
        """Where the router's words are, or the command that shows them."""

    def is_started(self) -> bool:
        """Whether a router is kept running."""

    def start(self, site_id: str) -> None:
        """Keep one running from now on."""

    def restart(self) -> None:
        """End it and start it anew."""

    def stop(self) -> None:
        """Have none running."""


def router_command() -> str:
    """The path of skrouterd; PlatformError if there is none."""
    beside = Path(sys.executable).with_name(ROUTER)
    found = shutil.which(ROUTER) or (str(beside) if beside.exists() else None)
    if found is None:
        raise PlatformError(f'Platform "linux" is not available: ERROR! Command not found: {ROUTER}')
    return found


def choose_manager(layout: Layout, environment: Mapping[str, str]) -> RouterManager:
    """systemd's, if a manager answers for this user."""
    systemd = SystemdManager(layout, environment, user_id=os.getuid())
    return systemd if systemd.answers() else SupervisedManager(layout)


def start_advice(manager: RouterManager, *, user_id: int) -> str:
    """What the user should know of the next start of the machine; empty if the site starts by itself."""
    if isinstance(manager, SupervisedManager):
        return "No systemd manager answers: nothing starts the site again after a restart of this machine."
    user = user_name(user_id)
    if user_id == 0 or (LINGERING / user).exists():
        return ""
    return f"It is recommended to enable lingering for {user}, otherwise Skupper may not start on boot."


def user_name(user_id: int) -> str:
    """The name of a user; the number of one who has none."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


class SupervisedManager:
    """A supervisor process of its own session: it survives the shell, and its router dies with it."""

    def __init__(self, layout: Layout, command: tuple[str, ...] | None = None) -> None:
        self._layout = layout
        self._command = command

    @property
    def log(self) -> str:
        """The file that its supervisor writes."""
        return str(self._layout.log)

    def is_started(self) -> bool:
        """Whether a supervisor lives."""
        return is_locked(self._layout.lock)

    def start(self, site_id: str) -> None:
        """Start a supervisor and wait until it holds its lock."""
        if self.is_started():
            return
        command = self._command or (router_command(),)
        arguments = [*command, "-c", str(self._layout.router_config)]
        environment = {**os.environ, "SKUPPER_SITE_ID": site_id}
        start_supervisor(self._layout.lock, self._layout.log, arguments, environment)
        self._wait(held=True, seconds=START_TIME, what="start")

    def restart(self) -> None:
        """Have the supervisor end its router; it starts another."""
        self._signal(signal.SIGHUP)

    def stop(self) -> None:
        """End the supervisor, and its router with it."""
        if self.is_started():
            self._signal(signal.SIGTERM)
            self._wait(held=False, seconds=STOP_TIME, what="stop")

    def _signal(self, number: signal.Signals) -> None:
        text = (files.read(self._layout.lock) or b"").strip()
        if not text.isdigit() or not self.is_started():
            raise PlatformError("the router has no supervisor")
        os.kill(int(text), number)

    def _wait(self, *, held: bool, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while is_locked(self._layout.lock) != held:
            if time.monotonic() > deadline:
                raise PlatformError(f"the supervisor of the router did not {what} in {seconds:.0f} s")
            time.sleep(_POLL)


def start_supervisor(lock: Path, log: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Have a supervisor keep the command running; it ends by itself if another one holds the lock.

    PlatformError if it did not live long enough to go on in a process of its own, whose parent is init.
    """
    files.make_directory(lock.parent)
    module = "skrouter.mgmt.platforms.linux.supervise"
    with os.fdopen(files.open_log(log), "ab") as words:
        status = subprocess.run(
            [sys.executable, "-P", "-m", module, str(lock), str(log), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,
            cwd="/",
            env=environment,
            check=False,
        ).returncode
    if status:
        how = f"it was ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        raise PlatformError(f"the supervisor of {command[0]} did not start: {how}; see {log}")


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


class SystemdManager:
    """A unit of the system's manager for root, of the user's manager for others."""

    def __init__(self, layout: Layout, environment: Mapping[str, str], *, user_id: int) -> None:
        self._layout = layout
        self._unit = Unit(unit_name(layout.namespace), environment, user_id=user_id)

    def answers(self) -> bool:
        """Whether there is a manager."""
        return self._unit.answers()

    @property
    def log(self) -> str:
        """How to read it."""
        return self._unit.log

    def is_started(self) -> bool:
        """Whether the unit is there and not stopped by anybody."""
        return self._unit.exists() and self._unit.is_active()

    def start(self, site_id: str) -> None:
        """Write the unit, now and for the next start of the machine."""
        text = unit_text(
            self._layout.namespace,
            router=router_command(),
            config=self._layout.router_config,
            site_id=site_id,
        )
        self._unit.install(text)
        self._unit.restart()

    def restart(self) -> None:
        """Restart the unit."""
        self._unit.restart()

    def stop(self) -> None:
        """Stop, disable and remove the unit."""
        self._unit.remove()
