"""skupper: sites, links and services of an application network from the command line.

Commands are imported when they are asked for, so that help and completion start quickly.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click
from skrouter.cli.commands import examples
from skrouter.cli.commands.session import FailedError, InvalidError, Session, global_options
from skrouter.cli.pipes import run_into_pipe

COMMANDS = {
    "site": "A site is a place on the network where application workloads are running.",
    "token": "A token is redeemed at a remote site for a link to the site that issued it.",
    "listener": "A listener binds a local host and port to connectors of the network.",
    "link": "A link enables communication between two sites.",
    "connector": "A connector binds servers of this site to listeners of the network.",
    "status": "Display the site and its network on one page.",
    "version": "Display the versions of the components.",
    "debug": "Find out why something does not work.",
    "system": "Run sites on this machine.",
    "completion": "Have your shell complete commands, options and names.",
}
"""Name, which is that of a module in `skrouter.cli.commands`, and one line of help."""

BOOLEANS = ("--enable-link-access",)
"""Flags that may be given as `--flag=true` and `--flag=false`."""

USAGE_STATUS = 1
INVALID_STATUS = 2


class Root(click.Group):
    """Knows its commands by name, and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"skrouter.cli.commands.{cmd_name}").group
        examples.attach(cmd_name, command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Root, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@global_options
def skupper(session: Session) -> None:
    """Secure communication across clusters and machines, without VPNs or special firewall rules.

    More information: https://skupperproject.github.io/refdog/
    """
    del session


def normalized(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--flag=false` in the form that click takes."""
    found = []
    for one in arguments:
        flag, equals, value = one.partition("=")
        if equals and flag in BOOLEANS and value.lower() in ("true", "false"):
            found.append(flag if value.lower() == "true" else f"--no-{flag[2:]}")
        else:
            found.append(one)
    return found


def run(arguments: Sequence[str]) -> int:
    """The exit status: 2 for arguments that cannot be used, 1 for what could not be done or is no command."""
    try:
        skupper.main(normalized(arguments), prog_name="skupper", standalone_mode=False, obj=Session())
    except InvalidError as error:
        click.echo(str(error))
        return INVALID_STATUS
    except FailedError as error:
        click.echo(str(error))
        return 1
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        error.show()
        return USAGE_STATUS
    except click.exceptions.Abort:
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:
        click.echo(_system_error(error), err=True)
        return 1
    return 0


def _system_error(error: OSError) -> str:
    """A file that cannot be used, which commands do not foresee one by one."""
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}; sites need files that are yours, and space on the disk"


def main() -> int:
    """The console script."""
    return run_into_pipe(lambda: run(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
