"""`skupper link`: generate, status, update, delete."""

from __future__ import annotations

from dataclasses import replace

import click
from skrouter.cli.commands import checks, display
from skrouter.cli.commands.session import FailedError, Session, global_options, output_option
from skrouter.config.resources.documents import load, to_document
from skrouter.config.resources.link import Link

NO_SITE = "there is no active site in this namespace"
NO_ACCESS = "this site is not enabled for link access, there are no links created"


@click.group(name="link")
def group() -> None:
    """A link enables communication between two sites."""


@group.command()
@click.argument("arguments", nargs=-1, metavar="")
@click.option("--name", default="", metavar="NAME", help="Of this router access.")
@click.option("--host", default="", metavar="HOST", help="To this host.")
@output_option("Form of the documents.", "yaml")
@global_options
def generate(session: Session, arguments: tuple[str, ...], name: str, host: str, output: str) -> None:
    """Print a link to this site, with its credentials, for use at a remote site."""
    from skrouter.cli.commands import local  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux import files  # noqa: PLC0415

    refused = "arguments are not allowed in this command" if arguments else ""
    session.check(checks.problems(refused, checks.output(output)))
    if not local.is_initialized(session):
        raise FailedError(NO_SITE)
    found = files.entries(session.layout.links)
    if not found:
        raise FailedError(NO_ACCESS)
    chosen = [one for one in found if _fits(one.name, name, host)]
    if not chosen:
        raise FailedError("no tokens found")
    text = chosen[0].read_text(encoding="utf-8")
    if output == "yaml":
        click.echo(text, nl=False)
    else:
        display.documents([to_document(one, status=False) for one in load(text).good()], output)


@group.command()
@click.argument("name", default="", metavar="[name]")
@output_option("Show the whole resource.")
@global_options
def status(session: Session, name: str, output: str) -> None:
    """Display the status of one link or all."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    session.check(checks.problems(checks.output(output) if output else ""))
    links = [one for one in local.with_statuses(session, Link) if name in ("", one.name)]
    if not links and name:
        raise FailedError(f'There is no link resource in the namespace with the name "{name}"')
    if not links:
        click.echo("There are no link resources in the namespace")
    elif output:
        display.documents([to_document(one) for one in links], output)
    elif name:
        _, state, cost, message = _row(links[0])
        display.pairs([("Name", name), ("Status", state), ("Cost", cost), ("Message", message)])
    else:
        display.table(("NAME", "STATUS", "COST", "MESSAGE"), [_row(one) for one in links])


@group.command()
@click.argument("name", default="", metavar="<name>")
@click.option("--cost", default="", metavar="NUMBER", help="The new cost.")
@click.option("--tls-credentials", default="", metavar="NAME", help="Name of the new TLS credentials.")
@global_options
def update(session: Session, name: str, cost: str, tls_credentials: str) -> None:
    """Change a link; what is not named stays as it is."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    session.check(
        checks.problems(
            checks.name("link name", name) if name else "link name must not be empty",
            checks.number("link cost", cost, (1 << 31) - 1) if cost else "",
            checks.name("tlsCredentials value", tls_credentials) if tls_credentials else "",
        )
    )
    link = local.find_input(session, Link, name)
    if link is None:
        raise FailedError(f'There is no link resource in the namespace with the name "{name}"')
    spec = replace(
        link.spec,
        cost=int(cost) if cost else link.spec.cost,
        tls_credentials=tls_credentials or link.spec.tls_credentials,
    )
    local.write_input(session, replace(link, spec=spec))


@group.command()
@click.argument("name", default="", metavar="<name>")
@click.option("--timeout", default="60s", hidden=True)
@global_options
def delete(session: Session, name: str, timeout: str) -> None:
    """Delete a link."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    del timeout  # nothing is waited for on local systems; scripts for clusters give it
    session.check(checks.problems(checks.name("link name", name) if name else "link name must not be empty"))
    if not local.remove_input(session, "Link", name):
        raise FailedError(f'There is no link resource in the namespace with the name "{name}"')
    click.echo(f'Link "{name}" is deleted')


def _fits(file: str, name: str, host: str) -> bool:
    """Whether `link-<access>-<host>.yaml` is of this access and host."""
    return file.startswith(f"link-{name}-" if name else "link-") and (
        not host or file.endswith(f"-{host}.yaml")
    )


def _row(one: Link) -> tuple[str, str, str, str]:
    return (
        one.name,
        one.status.status or "Pending",
        str(max(one.spec.cost, 1)),
        one.status.message or "Not Operational",
    )
