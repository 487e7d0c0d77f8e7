"""`skupper debug`: explain."""

from __future__ import annotations

import click
from skrouter.cli.commands import checks
from skrouter.cli.commands.session import FailedError, Session, global_options

KINDS = {
    "site": "Site",
    "link": "Link",
    "listener": "Listener",
    "connector": "Connector",
    "multikeylistener": "MultiKeyListener",
    "routeraccess": "RouterAccess",
}


@click.group(name="debug")
def group() -> None:
    """Find out why something does not work."""


@group.command()
@click.argument("kind", metavar="<kind>")
@click.argument("name", metavar="<name>")
@global_options
def explain(session: Session, kind: str, name: str) -> None:
    """Why a resource is not ready: the causes, and the next step to take."""
    from skrouter.cli.commands import local  # noqa: PLC0415
    from skrouter.mgmt.sites.explain import explain as causes_of  # noqa: PLC0415

    session.check(checks.problems(checks.choice("kind", kind.lower(), KINDS)))
    plan, observed = local.look(session)
    causes = causes_of((KINDS[kind.lower()], name), plan, observed)
    if not causes:
        click.echo(f"{KINDS[kind.lower()]}/{name} is ready")
        return
    for depth, cause in enumerate(causes):
        click.echo(f"{'  ' * depth}{cause.text}")
    if not causes[-1].next_step:
        raise FailedError("no further cause is known")
    click.echo(f"Next step: {causes[-1].next_step}")
