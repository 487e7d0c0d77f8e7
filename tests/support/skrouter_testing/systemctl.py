"""A `systemctl` that writes down what it is asked for."""

from __future__ import annotations

from pathlib import Path

SCRIPT = """#!/bin/sh
echo "$@" >> "$0.calls"
case "$*" in
*show*) cat "$0.state" ;;
*list-units*) exit $(cat "$0.answers") ;;
*is-enabled*) exit $(cat "$0.enabled") ;;
*enable*) [ -e "$0.broken" ] && { echo "no such unit" >&2; exit 1; } ;;
esac
exit 0
"""


class Systemctl:
    """In a directory for the PATH. `state` is that of every unit; `answers`, `enabled` are exit statuses."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "systemctl"
        self.path.write_text(SCRIPT)
        self.path.chmod(0o755)
        self.set("state", "active")
        self.set("answers", "0")
        self.set("enabled", "0")

    def set(self, name: str, value: str) -> None:
        """What the next command finds."""
        Path(f"{self.path}.{name}").write_text(value)

    @property
    def calls(self) -> list[str]:
        """The arguments of each call."""
        file = Path(f"{self.path}.calls")
        return file.read_text().splitlines() if file.exists() else []

    @property
    def changes(self) -> list[str]:
        """Those that only look left out."""
        looks = ("show", "list-units", "is-enabled")
        calls = [one.removeprefix("--user ") for one in self.calls]
        return [one for one in calls if one.split()[0] not in looks]
