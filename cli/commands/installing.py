"""`skupper system install` and `uninstall`: the system controller of Podman or Docker."""

from __future__ import annotations

from pathlib import Path

import click
from skrouter.cli.commands import containers, local
from skrouter.cli.commands.session import FailedError, Session, selected_platform
from skrouter.mgmt.platforms.containers.endpoint import ENGINES
from skrouter.mgmt.platforms.containers.images import CONTROLLER
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.sites.entities import ConfigTextError, find, parse
from skrouter.mgmt.sites.platform import PlatformError

HALTED = "Uninstallation halted: Active sites detected. Use --force flag to stop and remove active sites"


def install(session: Session, reload_type: str) -> None:
    """Open the socket, and run the controller, of which a user has one."""
    name = selected_platform(session)
    image = containers.image(CONTROLLER)
    try:
        for one in ENGINES:
            if _is_running(one):
                shown = containers.system_controller(one).name
                click.echo(
                    f'Warning: The system controller container "{shown}" is already running in {one.title()}.'
                )
                return
        controller = containers.system_controller(name)
        controller.open_socket()
        controller.install(image, reload_type)
    except PlatformError as error:
        raise FailedError(str(error)) from error
    click.echo(f"Platform {name} is now configured for Skupper")


def uninstall(session: Session, *, force: bool) -> None:
    """Remove the controller, and its sites if they are to go."""
    name = selected_platform(session)
    active = _active(session)
    for namespace, site in active:
        click.echo(f"The {site} site is active (namespace {namespace})")
    if active and not force:
        raise FailedError(HALTED)
    try:
        for namespace, _ in active:
            click.echo(f'Removing active site namespace "{namespace}"')
            local.remove_namespace(Session(name, namespace))
            click.echo(f'Namespace "{namespace}" has been removed')
        if containers.system_controller(name).uninstall():
            click.echo("System-controller has been removed")
    except PlatformError as error:
        raise FailedError(str(error)) from error
    click.echo(f"Platform {name} infrastructure for Skupper is now uninstalled")


def _is_running(engine: str) -> bool:
    """Whether the controller runs on an engine; one that is not there, or not open yet, runs nothing."""
    try:
        return containers.system_controller(engine).is_running()
    except PlatformError:
        return False


def _active(session: Session) -> list[tuple[str, str]]:
    """Namespaces of the platform that were started and not stopped, with the name of their site."""
    found = []
    for root in files.entries(session.layout.root.parent):
        one = Session(selected_platform(session), root.name)
        if local.is_initialized(one) and local.kept_platform(one) == one.platform:
            found.append((root.name, _site_name(one.layout.router_config)))
    return found


def _site_name(config: Path) -> str:
    try:
        site = find(parse((files.read(config) or b"").decode("utf-8", "replace")), "site")
    except ConfigTextError:
        return "unknown"
    return site.name if site is not None else "unknown"
