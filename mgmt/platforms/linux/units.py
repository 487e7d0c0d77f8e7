"""systemd units of sites: their text, names and places (local-system.md §5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SYSTEM_UNITS = Path("/etc/systemd/system")


def unit_name(namespace: str) -> str:
    """`skupper-<ns>.service`."""
    return f"skupper-{namespace}.service"


def unit_directory(environment: Mapping[str, str], *, user_id: int) -> Path:
    """Where units of root or of a user are."""
    if user_id == 0:
        return SYSTEM_UNITS
    config = environment.get("XDG_CONFIG_HOME") or str(Path(environment.get("HOME", "/")) / ".config")
    return Path(config) / "systemd/user"


def unit_text(namespace: str, *, router: str, config: Path, site_id: str) -> str:
    """The unit of a site's router; `router` is the path of skrouterd.

    No limit of starts: a router whose port another program holds for a while is wanted when that has ended.
    """
    name = unit_name(namespace)
    return f"""[Unit]
Description={name}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
TimeoutStopSec=70
Type=simple
Restart=always
RestartSec=1
Environment="SKUPPER_SITE_ID={escaped(site_id)}"
ExecStart={quoted(router)} -c {quoted(str(config))}

[Install]
WantedBy=default.target
"""


def escaped(text: str) -> str:
    """As systemd reads it: `%` begins a specifier."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def quoted(text: str) -> str:
    """One argument of a command line, where `$` begins a variable."""
    return '"' + escaped(text).replace("$", "$$") + '"'
