"""`skupper version`."""

from __future__ import annotations

from typing import Any

import click
from skrouter.cli.commands import checks, display
from skrouter.cli.commands.session import (
    InvalidError,
    Session,
    global_options,
    output_option,
    selected_platform,
)
from skrouter.cli.version import VERSION
from skrouter.mgmt.platforms.containers.endpoint import ENGINES

COMPONENTS = ("router", "controller", "cli")


@click.command(name="version")
@output_option("Form of the output.")
@global_options
def group(session: Session, output: str) -> None:
    """Display the versions of the components."""
    if output and checks.output(output):
        raise InvalidError([checks.output(output)])
    found = _components(session)
    if output:
        display.documents([{"components": found}], output)
    else:
        rows = [(one["component"], one["version"]) for one in found]
        display.table(("COMPONENT", "VERSION"), rows)


def _components(session: Session) -> list[dict[str, Any]]:
    """Components in the order of the reference; those that are containers with their images."""
    if selected_platform(session) not in ENGINES:
        return [{"component": one, "version": VERSION} for one in COMPONENTS]
    from skrouter.cli.commands.containers import component  # noqa: PLC0415
    from skrouter.mgmt.platforms.containers.images import CONTROLLER, ROUTER  # noqa: PLC0415

    cli = {"component": "cli", "version": VERSION}
    return [component(session, ROUTER), cli, component(session, CONTROLLER)]
