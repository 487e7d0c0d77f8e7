"""`skupper version`."""

from __future__ import annotations

import click
from skrouter.cli.commands import checks, display
from skrouter.cli.commands.session import InvalidError, Session, global_options, output_option
from skrouter.cli.version import VERSION

COMPONENTS = ("router", "controller", "cli")


@click.command(name="version")
@output_option("Form of the output.")
@global_options
def group(session: Session, output: str) -> None:
    """Display the versions of the components."""
    del session
    if output and checks.output(output):
        raise InvalidError([checks.output(output)])
    if output:
        display.documents(
            [{"components": [{"component": one, "version": VERSION} for one in COMPONENTS]}], output
        )
    else:
        display.table(("COMPONENT", "VERSION"), [(one, VERSION) for one in COMPONENTS])
