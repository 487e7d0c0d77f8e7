"""Where the API socket of Podman or Docker is (skupper-cli.md §10). Sockets of this machine only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ENGINES = ("podman", "docker")
ROOT = 0

_VARIABLES = {
    "podman": ("CONTAINER_ENDPOINT", "CONTAINER_HOST"),
    "docker": ("CONTAINER_ENDPOINT", "DOCKER_HOST"),
}
_SCHEME = "unix://"


class EndpointError(ValueError):
    """A variable that names something other than a socket of this machine."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Paths of sockets, of which the first that exists counts; `variable` names it, empty for defaults."""

    engine: str
    sockets: tuple[str, ...]
    variable: str = ""


def find_endpoint(engine: str, environment: Mapping[str, str], *, user_id: int) -> Endpoint:
    """Of podman or docker, for a user."""
    for variable in _VARIABLES[engine]:
        value = environment.get(variable, "")
        if value:
            return Endpoint(engine, (_path(variable, value),), variable)
    return Endpoint(engine, _defaults(engine, environment, user_id))


def _path(variable: str, value: str) -> str:
    path = value.removeprefix(_SCHEME)
    if not path.startswith("/"):
        raise EndpointError(
            f"{variable} is {value!r}: the socket must be on this machine; set it to unix:///path/of/socket"
        )
    return path


def _defaults(engine: str, environment: Mapping[str, str], user_id: int) -> tuple[str, ...]:
    """A user's own engine first. The system's Docker is for its group only, the system's Podman for root."""
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{user_id}"
    if engine == "podman":
        return ("/run/podman/podman.sock",) if user_id == ROOT else (f"{runtime}/podman/podman.sock",)
    return ("/run/docker.sock",) if user_id == ROOT else (f"{runtime}/docker.sock", "/run/docker.sock")


def socket_unit(engine: str) -> str:
    """The unit that opens the socket."""
    return f"{engine}.socket"


def remedy(endpoint: Endpoint, *, user_id: int) -> str:
    """What to do when nothing answers there."""
    user = " --user" if user_id != ROOT and endpoint.engine == "podman" else ""
    shown = f"systemctl{user} enable --now {socket_unit(endpoint.engine)}"
    sudo = "sudo " if user_id != ROOT and not user else ""
    where = endpoint.variable or "CONTAINER_ENDPOINT"
    return f"start it with `{sudo}{shown}`, or have {where} name the socket"
