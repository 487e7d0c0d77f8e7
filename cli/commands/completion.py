"""`skupper completion`: scripts that have a shell complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class
from skrouter.cli.commands import checks
from skrouter.cli.commands.session import InvalidError

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", default="", metavar="bash|zsh|fish")
def group(shell: str) -> None:
    """Print a script that makes a shell complete the commands of skupper."""
    problem = checks.choice("shell", shell, SHELLS) if shell else "shell must be given: bash, zsh or fish"
    if problem:
        raise InvalidError([problem])
    found = get_completion_class(shell)
    if found is None:
        raise InvalidError([f"shell is not valid: this version of click does not know {shell}"])
    writer = found(click.Group("skupper"), {}, "skupper", "_SKUPPER_COMPLETE")
    click.echo(writer.source_template % writer.source_vars())
