"""A live router and the real skmanage that changes it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, RouterProcess

TOOL = (sys.executable, "-P", "-m", "skrouter.cli.skmanage", "-b")


@dataclass(frozen=True)
class Managed:
    """A running router and the port that its tools use."""

    router: RouterProcess
    port: int

    def run(self, *arguments: str, source: str = "") -> tuple[int, str]:
        """Exit status and output of skmanage."""
        command = [*TOOL, f"{HOST}:{self.port}", *arguments]
        ended = subprocess.run(command, input=source, capture_output=True, text=True, timeout=20, check=False)
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended.returncode, ended.stdout

    def done(self, *arguments: str, source: str = "") -> object:
        """What a command that has to work prints, as JSON; None if nothing."""
        status, text = self.run(*arguments, source=source)
        assert status == 0, text
        return json.loads(text) if text else None

    def refused(self, *arguments: str, source: str = "") -> str:
        """The text of a command that has to fail."""
        status, text = self.run(*arguments, source=source)
        assert status == 1, text
        return text.rstrip("\n")

    def names(self, entity: str) -> set[str]:
        """Of all entities of a type."""
        return {row["name"] for row in query(self.port, entity)}


def place(port: int) -> tuple[str, str]:
    """Attributes of something at a loopback port."""
    return f"host={HOST}", f"port={port}"
