"""A real Podman with a storage of its own, and `skupper` as a user of it types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA_HOME = Path("/var/lib/skupper")
"""Root's."""

CONTAINERS = """
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
STORAGE = """
[storage]
driver = "overlay"
runroot = "{0}/run"
graphroot = "{0}/graph"
"""


@dataclass(frozen=True)
class Podman:
    """The engine by its own command, with a storage of ours."""

    directory: Path

    @property
    def socket(self) -> Path:
        """Where its service listens."""
        return self.directory / "podman.sock"

    @property
    def environment(self) -> dict[str, str]:
        """Its configuration; nothing of the machine's."""
        return {
            "CONTAINERS_CONF": str(self.directory / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.directory / "storage.conf"),
            "CONTAINERS_REGISTRIES_CONF": str(self.directory / "registries.conf"),
        }

    def configure(self) -> None:
        """Write its configuration, without registries."""
        (self.directory / "containers.conf").write_text(CONTAINERS)
        (self.directory / "storage.conf").write_text(STORAGE.format(self.directory))
        (self.directory / "registries.conf").write_text("")

    def __call__(self, *arguments: str) -> str:
        """Standard output of a command that works."""
        found = self._run(*arguments)
        assert found.returncode == 0, (arguments, found.stdout, found.stderr)
        return found.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["podman", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def inspect(self, name: str) -> dict[str, Any]:
        """A container."""
        found: list[dict[str, Any]] = json.loads(self("container", "inspect", name))
        return found[0]

    def state(self, name: str) -> str:
        """Of a container; empty if there is none, as while it is made anew."""
        return self._run("container", "inspect", "--format", "{{.State.Status}}", name).stdout.strip()

    def log(self, name: str) -> str:
        """What a container has written, to either stream."""
        found = self._run("logs", name)
        return found.stdout + found.stderr

    def names(self) -> set[str]:
        """Of all containers."""
        return set(self("ps", "--all", "--format", "{{.Names}}").split())


class Cli:
    """`skupper` on one platform. Docker is Podman's socket by the variable that Docker has for it."""

    def __init__(self, podman: Podman, platform: str) -> None:
        variable = {"podman": "CONTAINER_HOST", "docker": "DOCKER_HOST"}[platform]
        self.platform = platform
        self.environment = {
            **os.environ,
            **podman.environment,
            "SKUPPER_PLATFORM": platform,
            variable: f"unix://{podman.socket}",
        }

    def __call__(self, command: str, *, status: int = 0, stdin: str = "") -> str:
        """Standard output of a command that ends with this status."""
        found = subprocess.run(
            [sys.executable, "-P", "-m", "skrouter.cli.skupper", *command.split()],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        assert found.returncode == status, (command, found.stdout, found.stderr)
        return found.stdout

    def row(self, command: str, number: int = 1) -> list[str]:
        """The cells of a line of a table."""
        lines = [[cell for cell in line.split("\t") if cell] for line in self(command).splitlines()]
        return lines[number] if len(lines) > number else []
