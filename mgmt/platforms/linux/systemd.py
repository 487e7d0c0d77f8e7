"""A unit of systemd by `systemctl`: of the system's manager for root, of the user's manager for others."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.units import unit_directory
from skrouter.mgmt.sites.platform import PlatformError

PATIENCE = 90.0
"""Seconds for a command: stopping a unit waits for what it runs."""


class Unit:
    """One unit, which need not exist; `name` with its suffix."""

    def __init__(self, name: str, environment: Mapping[str, str], *, user_id: int) -> None:
        self.name = name
        self._options = () if user_id == 0 else ("--user",)
        self._file = unit_directory(environment, user_id=user_id) / name

    @property
    def log(self) -> str:
        """The command that shows its output."""
        return " ".join(("journalctl", *self._options, "-u", self.name))

    def answers(self) -> bool:
        """Whether there is a manager."""
        if shutil.which("systemctl") is None:
            return False
        return self._run("list-units", "--no-pager").returncode == 0

    def exists(self) -> bool:
        """Whether we have written it."""
        return self._file.exists()

    def is_active(self) -> bool:
        """Whether it runs or is about to."""
        state = self._run("show", self.name, "--property=ActiveState", "--value").stdout.strip()
        return state in ("active", "activating", "reloading")

    def is_enabled(self) -> bool:
        """Whether it comes up with the machine."""
        return self._run("is-enabled", self.name).returncode == 0

    def install(self, text: str) -> None:
        """Write it and enable it."""
        files.write(self._file, text.encode())
        self._must("daemon-reload")
        self._must("enable", self.name)

    def start(self) -> None:
        """Have it active."""
        self._must("start", self.name)

    def restart(self) -> None:
        """End it and start it anew."""
        self._must("restart", self.name)

    def enable_now(self) -> None:
        """Have it active, also after a restart of the machine."""
        self._must("enable", "--now", self.name)

    def disable_now(self) -> None:
        """Have it inactive, also after a restart of the machine."""
        self._must("disable", "--now", self.name)

    def remove(self) -> None:
        """Stop it, disable it and remove its file; what systemd no longer knows is no error."""
        if not self._file.exists():
            return
        self._run("stop", self.name)
        self._run("disable", self.name)
        files.remove(self._file)
        self._run("daemon-reload")
        self._run("reset-failed", self.name)

    def _must(self, *arguments: str) -> None:
        result = self._run(*arguments)
        if result.returncode != 0:
            raise PlatformError(f"systemctl {' '.join(arguments)}: {result.stderr.strip()}")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["systemctl", *self._options, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
