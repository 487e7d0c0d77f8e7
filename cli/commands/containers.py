"""Podman and Docker for the commands: the engine of a platform, its router manager, the system controller."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from skrouter.cli.commands.session import FailedError, Session, selected_platform
from skrouter.cli.version import VERSION
from skrouter.mgmt.platforms.containers.boot import CONTROLLER_UNIT
from skrouter.mgmt.platforms.containers.endpoint import (
    ROOT,
    Endpoint,
    EndpointError,
    find_endpoint,
    socket_unit,
)
from skrouter.mgmt.platforms.containers.engine import Engine
from skrouter.mgmt.platforms.containers.images import (
    CONTROLLER,
    ROUTER,
    Component,
    Image,
    PolicyError,
    find_image,
    tag_of,
)
from skrouter.mgmt.platforms.containers.manager import ContainerManager, in_container
from skrouter.mgmt.platforms.containers.shapes import controller_name, router_name
from skrouter.mgmt.platforms.containers.system import SystemController, Units
from skrouter.mgmt.platforms.linux.layout import data_home
from skrouter.mgmt.platforms.linux.managers import user_name
from skrouter.mgmt.platforms.linux.systemd import Unit
from skrouter.mgmt.platforms.linux.units import unit_name
from skrouter.mgmt.sites.platform import PlatformError


def _endpoint(name: str) -> Endpoint:
    try:
        return find_endpoint(name, os.environ, user_id=os.getuid())
    except EndpointError as error:
        raise FailedError(str(error)) from error


def engine(name: str) -> Engine:
    """podman or docker, of this user."""
    return Engine(_endpoint(name), user_id=os.getuid())


def image(component: Component) -> Image:
    """The image of a component; FailedError if the environment asks for a policy that does not exist."""
    try:
        return find_image(component, os.environ, VERSION)
    except PolicyError as error:
        raise FailedError(str(error)) from error


def manager(session: Session) -> ContainerManager:
    """Who keeps the router of the namespace running."""
    return ContainerManager(
        session.layout,
        engine(selected_platform(session)),
        image(ROUTER),
        environment=os.environ,
        ids=_ids(),
        unit=_unit(unit_name(session.namespace)),
    )


def system_controller(name: str) -> SystemController:
    """The controller of this user, on podman or docker."""
    found = engine(name)
    return SystemController(
        data_home(os.environ, user_id=os.getuid()),
        found,
        user=user_name(os.getuid()),
        ids=_ids(),
        environment=os.environ,
        units=Units(_unit(CONTROLLER_UNIT), _socket(found.endpoint)),
    )


def component(session: Session, found: Component) -> dict[str, Any]:
    """Version and image of a component: of what runs, else of what would be run.

    An engine that is not there runs nothing: versions are told without it.
    """
    running = {
        ROUTER: router_name(session.namespace),
        CONTROLLER: controller_name(user_name(os.getuid())),
    }[found]
    here, name, digest = engine(selected_platform(session)), image(found).name, ""
    with suppress(PlatformError):
        container = here.inspect(running)
        name = container["Config"]["Image"] if container else name
        known = here.image(name)
        digest = str(known["Id"]) if known else ""
    return {
        "component": found.name,
        "version": tag_of(name),
        "images": [{"name": name, "digest": digest}],
    }


def _socket(endpoint: Endpoint) -> Unit | None:
    """The socket's unit, unless the user names another socket, or only root may open it."""
    if endpoint.variable or (endpoint.engine == "docker" and os.getuid() != ROOT):
        return None
    return _unit(socket_unit(endpoint.engine))


def _unit(name: str) -> Unit | None:
    """The unit if a manager of units answers, and is that of this machine."""
    unit = Unit(name, os.environ, user_id=os.getuid())
    return unit if not in_container(os.environ) and unit.answers() else None


def _ids() -> tuple[int, int]:
    return os.getuid(), os.getgid()
