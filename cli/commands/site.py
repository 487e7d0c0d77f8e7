"""`skupper site`: create, update, status, delete, generate, reload."""

from __future__ import annotations

from dataclasses import replace

import click
from skrouter.cli.commands import checks, display
from skrouter.cli.commands.session import FailedError, InvalidError, Session, global_options, output_option
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.documents import to_document
from skrouter.config.resources.site import Site, SiteSpec

ONE_ONLY = "only one argument is allowed for this command."
NONE_THERE = "There is no existing Skupper site resource"
ACCESS_HELP = "Let other sites link to this one."


@click.group(name="site")
def group() -> None:
    """A site is a place on the network where application workloads are running."""


def _name_problems(names: tuple[str, ...]) -> list[str]:
    if not names or not names[0]:
        return ["site name must not be empty"]
    return checks.problems(ONE_ONLY if len(names) > 1 else "", checks.name("site name", names[0]))


@group.command()
@click.argument("names", nargs=-1, metavar="<name>")
@click.option("--enable-link-access/--no-enable-link-access", default=None, help=ACCESS_HELP)
@global_options
def create(session: Session, names: tuple[str, ...], enable_link_access: bool | None) -> None:
    """Create a site. It runs after `skupper system start`."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    session.check(_name_problems(names))
    others = [one.name for one in local.read_input(session, Site) if one.name != names[0]]
    if others:
        raise FailedError(f"There is already a site created for this namespace: {others[0]}")
    local.write_input(session, _site(session, names[0], enable_link_access))
    click.echo("Waiting for status...")
    click.echo(f'Site "{names[0]}" is ready.')


@group.command()
@click.argument("names", nargs=-1, metavar="[name]")
@click.option("--enable-link-access/--no-enable-link-access", default=None, help=ACCESS_HELP)
@global_options
def update(session: Session, names: tuple[str, ...], enable_link_access: bool | None) -> None:
    """Change the settings of a site; what is not named stays as it is."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    session.check(_name_problems(names) if names else [])
    site = _only(session, names)
    if enable_link_access is not None:
        access = "default" if enable_link_access else "none"
        site = replace(site, spec=replace(site.spec, link_access=access))
    local.write_input(session, site)


@group.command()
@click.argument("names", nargs=-1, metavar="[name]")
@output_option("Show the whole resource.")
@global_options
def status(session: Session, names: tuple[str, ...], output: str) -> None:
    """Display the status of the site."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    session.check(
        checks.problems(checks.output(output) if output else "", ONE_ONLY if len(names) > 1 else "")
    )
    sites = [one for one in local.with_statuses(session, Site) if not names or one.name == names[0]]
    if not sites:
        click.echo(NONE_THERE)
    elif output:
        display.documents([to_document(one) for one in sites], output)
    else:
        rows = [(one.name, one.status.status or "Pending", one.status.message) for one in sites]
        display.table(("NAME", "STATUS", "MESSAGE"), rows)


@group.command()
@click.argument("names", nargs=-1, metavar="[name]")
@click.option("--all", "everything", is_flag=True, help="Delete all resources of the namespace too.")
@global_options
def delete(session: Session, names: tuple[str, ...], everything: bool) -> None:
    """Delete a site. It runs until `skupper system stop`."""
    from skrouter.cli.commands import local  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux import files  # noqa: PLC0415

    session.check(_name_problems(names) if names or not everything else [])
    if everything:
        files.remove(session.layout.input_resources)
        click.echo("All resources are deleted")
        return
    site = _only(session, names)
    local.remove_input(session, "Site", site.name)
    local.remove_input(session, "RouterAccess", f"router-access-{site.name}")
    click.echo(f'Site "{site.name}" is deleted')


@group.command()
@click.argument("names", nargs=-1, metavar="<name>")
@click.option("--enable-link-access/--no-enable-link-access", default=None, help=ACCESS_HELP)
@output_option("Form of the document.", "yaml")
@global_options
def generate(session: Session, names: tuple[str, ...], enable_link_access: bool | None, output: str) -> None:
    """Print the document of a site; nothing is created."""
    session.check([*_name_problems(names), *checks.problems(checks.output(output))])
    display.documents([to_document(_site(session, names[0], enable_link_access))], output)


@group.command()
@global_options
def reload(session: Session) -> None:
    """Apply changed resources to the running site (`skupper system reload`)."""
    from skrouter.cli.commands import system  # noqa: PLC0415

    system.reload_site(session)


def _site(session: Session, name: str, access: bool | None) -> Site:
    return Site(Metadata(name, session.namespace), SiteSpec(link_access="default" if access else ""))


def _only(session: Session, names: tuple[str, ...]) -> Site:
    """The site of this name, or the only one."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    sites = local.read_input(session, Site)
    if not names and not sites:
        raise FailedError("there is no existing Skupper site resource to update")
    if not names and len(sites) > 1:
        raise InvalidError(["site name is required because there are several sites in this namespace"])
    found = next((one for one in sites if not names or one.name == names[0]), None)
    if found is None:
        raise FailedError(f"site {names[0]} does not exist")
    return found
