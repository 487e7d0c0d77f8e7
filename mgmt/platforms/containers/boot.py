"""What starts containers with the machine: scripts that a unit of systemd runs (local-system.md §5)."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from skrouter.mgmt.platforms.containers.endpoint import Endpoint
from skrouter.mgmt.platforms.containers.shapes import APPLICATION, STOP_TIME
from skrouter.mgmt.platforms.linux.units import escaped, quoted

CONTROLLER_UNIT = "skupper-controller.service"
START, STOP = "start.sh", "stop.sh"

_ADDRESS_OPTION = {"podman": "--url", "docker": "--host"}


def scripts(endpoint: Endpoint, labels: Mapping[str, str]) -> dict[str, str]:
    """start.sh and stop.sh for all containers with these labels."""
    command = _command(endpoint)
    chosen = {APPLICATION[0]: APPLICATION[1], **labels}
    filters = " ".join(f"--filter {quote(f'label={name}={value}')}" for name, value in chosen.items())
    return {
        START: _script(command, filters, "start"),
        STOP: _script(command, filters, f"stop -t {STOP_TIME}"),
    }


def _command(endpoint: Endpoint) -> str:
    """The engine's command, for the engine that was used."""
    if not endpoint.variable:
        return endpoint.engine
    return f"{endpoint.engine} {_ADDRESS_OPTION[endpoint.engine]} {quote(f'unix://{endpoint.sockets[0]}')}"


def _script(command: str, filters: str, action: str) -> str:
    return f"""#!/bin/bash
status=0
for id in $({command} container ls {filters} --all --quiet); do
    {command} {action} "$id" || status=1
done
exit $status
"""


def unit_text(name: str, *, runtime: str, directory: str) -> str:
    """The unit; `runtime` is the user's runtime directory, `directory` that of the scripts."""
    return f"""[Unit]
Description={name}
Wants=network-online.target
After=network-online.target
RequiresMountsFor={escaped(runtime)}/containers

[Service]
TimeoutStopSec=70
Type=simple
RemainAfterExit=yes
ExecStart=/bin/bash {quoted(f"{directory}/{START}")}
ExecStop=/bin/bash {quoted(f"{directory}/{STOP}")}

[Install]
WantedBy=default.target
"""
