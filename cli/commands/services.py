"""`skupper listener` and `skupper connector` are the same commands for two kinds: made here, for either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import click
from skrouter.cli.commands import checks, display
from skrouter.cli.commands.session import Command, FailedError, Session, global_options, output_option
from skrouter.config.resources.common import CustomResource, Metadata
from skrouter.config.resources.documents import to_document


@dataclass(frozen=True, slots=True)
class Column:
    """A value of a resource: over it in a table, before it where one resource is shown."""

    heading: str
    label: str
    value: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Service:
    """One of the two: `word` in texts, the class, the default host on local systems, what status shows."""

    word: str
    cls: type[CustomResource]
    host: str
    help: str
    columns: tuple[Column, ...]

    # --- checks

    def argument_problems(self, arguments: tuple[str, ...]) -> list[str]:
        """Problems of `<name> <port>`."""
        if len(arguments) < 2:
            return [f"{self.word} name and port must be configured"]
        if len(arguments) > 2:
            return ["only two arguments are allowed for this command"]
        name, port = arguments
        return checks.problems(
            checks.name(f"{self.word} name", name) if name else f"{self.word} name must not be empty",
            checks.port(self.word, port) if port else f"{self.word} port must not be empty",
        )

    def option_problems(self, routing_key: str, host: str, credentials: str, kind: str) -> list[str]:
        """Problems of the options that all commands share."""
        return checks.problems(
            checks.name("routing key", routing_key) if routing_key else "",
            checks.host(host) if host else "",
            checks.name("tlsCredentials value", credentials) if credentials else "",
            checks.choice(f"{self.word} type", kind, ("tcp",)) if kind else "",
        )

    # --- commands

    def made(self, session: Session, arguments: tuple[str, ...], options: dict[str, str]) -> CustomResource:
        """The resource of these arguments."""
        name, port = arguments
        spec = self.cls.KIND.spec(
            routing_key=options["routing_key"] or name,
            host=options["host"] or self.host,
            port=int(port),
            tls_credentials=options["tls_credentials"],
        )
        return self.cls(Metadata(name, session.namespace), spec)

    def create(self, session: Session, arguments: tuple[str, ...], options: dict[str, str]) -> None:
        """Write it to the input."""
        from skrouter.cli.commands import local  # noqa: PLC0415

        session.check([*self.argument_problems(arguments), *self.option_problems(*_shared(options))])
        local.write_input(session, self.made(session, arguments, options))

    def generate(self, session: Session, arguments: tuple[str, ...], options: dict[str, str]) -> None:
        """Print it."""
        form = options["output"]
        problems = [*self.argument_problems(arguments), *self.option_problems(*_shared(options))]
        session.check([*problems, *checks.problems(checks.output(form))])
        display.documents([to_document(self.made(session, arguments, options))], form)

    def update(self, session: Session, name: str, options: dict[str, str]) -> None:
        """Change what is given, leave the rest."""
        from skrouter.cli.commands import local  # noqa: PLC0415

        port = options["port"]
        problems = checks.problems(self._named(name), checks.port(self.word, port) if port else "")
        session.check([*problems, *self.option_problems(*_shared(options))])
        found = local.find_input(session, self.cls, name)
        if found is None:
            raise FailedError(f"{self.word} {name} must exist in namespace {session.namespace} to be updated")
        changes: dict[str, Any] = {
            key: options[key] for key in ("routing_key", "host", "tls_credentials") if options[key]
        }
        if port not in ("", "0"):
            changes["port"] = int(port)
        local.write_input(session, replace(found, spec=replace(found.spec, **changes)))

    def delete(self, session: Session, name: str) -> None:
        """Remove it from the input."""
        from skrouter.cli.commands import local  # noqa: PLC0415

        session.check(checks.problems(self._named(name)))
        if not local.remove_input(session, self.cls.KIND.name, name):
            raise FailedError(f"{self.word} {name} does not exist in namespace {session.namespace}")
        click.echo(f'{self.cls.KIND.name} "{name}" deleted')

    def status(self, session: Session, name: str, output: str) -> None:
        """Show all as a table, or the one that is named as pairs; documents if a form is given."""
        from skrouter.cli.commands import local  # noqa: PLC0415

        session.check(checks.problems(checks.output(output) if output else ""))
        found = [one for one in local.with_statuses(session, self.cls) if name in ("", one.name)]
        if name and not found:
            raise FailedError(f"{self.word} {name} does not exist in namespace {session.namespace}")
        if not found:
            click.echo(f"No {self.word}s found")
        elif output:
            display.documents([to_document(one) for one in found], output)
        elif name:
            display.pairs((one.label, one.value(found[0])) for one in self.columns)
        else:
            rows = [[column.value(one) for column in self.columns] for one in found]
            display.table([one.heading for one in self.columns], rows)

    def _named(self, name: str) -> str:
        return checks.name(f"{self.word} name", name) if name else f"{self.word} name must be specified"


def _shared(options: dict[str, str]) -> tuple[str, str, str, str]:
    return (options["routing_key"], options["host"], options["tls_credentials"], options["type"])


def service_options(*, updating: bool) -> Callable[[Command], Command]:
    """The options that create, update and generate share."""
    kind = "" if updating else "tcp"

    def decorate(command: Command) -> Command:
        for option in (
            click.option("--type", "type", default=kind, metavar="tcp", help="Kind of traffic."),
            click.option(
                "--tls-credentials", default="", metavar="NAME", help="Name of the TLS credentials."
            ),
            click.option("--host", default="", metavar="HOST", help="Host name or address."),
            click.option(
                "--routing-key", "-r", default="", metavar="KEY", help="Routing key (default: the name)."
            ),
        ):
            command = option(command)
        return command

    return decorate


def matched(value: bool) -> str:
    """As tables show it."""
    return "true" if value else "false"


def group_of(service: Service) -> click.Group:
    """The commands of one of the two."""
    group = click.Group(service.word, help=service.help)
    for made in (_create, _update, _status, _delete, _generate):
        group.add_command(made(service))
    return group


def _create(service: Service) -> click.Command:
    @click.command(name="create", help=f"Create a {service.word}.")
    @click.argument("arguments", nargs=-1, metavar="<name> <port>")
    @service_options(updating=False)
    @global_options
    def create(session: Session, arguments: tuple[str, ...], **options: str) -> None:
        service.create(session, arguments, options)

    return create


def _names(service: Service) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Completes the name of one in the input."""

    def names(context: click.Context, _parameter: click.Parameter, begin: str) -> list[str]:
        from skrouter.cli.commands import local  # noqa: PLC0415

        try:
            found = local.read_input(context.find_object(Session) or Session(), service.cls)
        except FailedError:
            return []  # a shell that completes has no place for problems
        return [one.name for one in found if one.name.startswith(begin)]

    return names


def _update(service: Service) -> click.Command:
    @click.command(name="update", help=f"Change a {service.word}; what is not named stays as it is.")
    @click.argument("name", default="", metavar="<name>", shell_complete=_names(service))
    @click.option("--port", default="", metavar="PORT", help="The new port.")
    @service_options(updating=True)
    @global_options
    def update(session: Session, name: str, **options: str) -> None:
        service.update(session, name, options)

    return update


def _status(service: Service) -> click.Command:
    @click.command(name="status", help=f"Display the status of one {service.word} or all.")
    @click.argument("name", default="", metavar="[name]", shell_complete=_names(service))
    @output_option("Show the whole resource.")
    @global_options
    def status(session: Session, name: str, output: str) -> None:
        service.status(session, name, output)

    return status


def _delete(service: Service) -> click.Command:
    @click.command(name="delete", help=f"Delete a {service.word}.")
    @click.argument("name", default="", metavar="<name>", shell_complete=_names(service))
    @global_options
    def delete(session: Session, name: str) -> None:
        service.delete(session, name)

    return delete


def _generate(service: Service) -> click.Command:
    @click.command(name="generate", help=f"Print the document of a {service.word}; nothing is created.")
    @click.argument("arguments", nargs=-1, metavar="<name> <port>")
    @service_options(updating=False)
    @output_option("Form of the document.", "yaml")
    @global_options
    def generate(session: Session, arguments: tuple[str, ...], **options: str) -> None:
        service.generate(session, arguments, options)

    return generate
