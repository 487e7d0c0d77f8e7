"""`skupper debug`: explain, check, dump."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from skrouter.cli.commands import checks, display
from skrouter.cli.commands.session import FailedError, Session, global_options, output_option

if TYPE_CHECKING:
    from skrouter.mgmt.sites.checkup import Finding

NO_SITE = "no skupper site found in namespace"

KINDS = {
    "site": "Site",
    "link": "Link",
    "listener": "Listener",
    "connector": "Connector",
    "multikeylistener": "MultiKeyListener",
    "routeraccess": "RouterAccess",
    "accessgrant": "AccessGrant",
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


@group.command()
@output_option("Form of the output.")
@global_options
def check(session: Session, output: str) -> None:
    """Go through the site from the bottom up: what is right, what is not, and what to do about it."""
    session.check(checks.problems(checks.output(output) if output else ""))
    found = list(_findings(session))
    if output:
        rows = [{"text": one.text, "right": one.is_right, "nextStep": one.next_step} for one in found]
        display.documents([{"findings": rows}], output)
    else:
        for one in found:
            click.echo(f"{'OK  ' if one.is_right else 'FAIL'}  {one.text}")
            if one.next_step:
                click.echo(f"      Next step: {one.next_step}")
    wrong = sum(not one.is_right for one in found)
    if wrong:
        raise FailedError(f"{wrong} of {len(found)} checks failed")


@group.command()
@click.argument("filename", default="skupper-dump", metavar="[fileName]")
@global_options
def dump(session: Session, filename: str) -> None:
    """Write an archive with all that is known of the site, for who helps you. It holds no key and no code."""
    from skrouter.cli.commands import dump as dumping  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux import files  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux.layout import SECRET_MODE  # noqa: PLC0415

    session.check(checks.problems(checks.file_name("file name", filename)))
    if not session.layout.platform_file.exists():
        raise FailedError(NO_SITE)
    now = time.time()
    stamp = time.strftime("%Y%m%d%H%M%S", time.localtime(now))
    path = Path(f"{filename}-{session.namespace}-{stamp}").expanduser()
    if not path.suffix:
        path = path.with_name(f"{path.name}.tar.gz")
    content = dumping.archive(dumping.entries(session.layout, os.environ), path.name.split(".")[0], int(now))
    try:
        files.write(path, content, SECRET_MODE)
    except OSError as error:
        raise FailedError(f"the archive cannot be written: {error}") from error
    click.echo(f"Skupper dump details written to compressed archive: {path}")


def _findings(session: Session) -> Iterator[Finding]:
    from skrouter.cli.commands import local, picture, reach  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux.managers import router_command  # noqa: PLC0415
    from skrouter.mgmt.sites.checkup import Finding, checkup  # noqa: PLC0415
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    try:
        yield Finding(f"the router is installed: {router_command()}")
    except PlatformError as error:
        yield Finding(str(error), is_right=False, next_step="install it, and put it into PATH")
    try:
        plan, observed = local.look(session)
    except FailedError as error:
        for line in str(error).splitlines():
            yield Finding(line, is_right=False, next_step="correct the input resources")
        return
    yield Finding("the input resources are valid")
    if not plan.resources:
        yield Finding("there is no site", is_right=False, next_step="create one: skupper site create NAME")
        return
    yield from checkup(plan, observed, time.time())
    for (host, port), reason in reach.reach(picture.places(plan)).items():
        text = f"{host}:{port}, the server of a connector, "
        step = "start the server, or correct host and port of the connector"
        yield (
            Finding(f"{text}{reason}", is_right=False, next_step=step)
            if reason
            else Finding(f"{text}answers")
        )
    yield from _modes(session)


def _modes(session: Session) -> Iterator[Finding]:
    """Keys and documents that hold secrets are for their owner only."""
    from skrouter.mgmt.platforms.linux.layout import SECRET_KINDS  # noqa: PLC0415
    from skrouter.mgmt.sites.checkup import Finding  # noqa: PLC0415

    root = session.layout.root
    secret = [*root.rglob("tls.key"), *(one for kind in SECRET_KINDS for one in root.rglob(f"{kind}-*.yaml"))]
    open_ones = [one for one in secret if one.stat().st_mode & 0o077]
    for one in open_ones:
        yield Finding(f"{one} can be read by others", is_right=False, next_step=f"chmod 600 {one}")
    if not open_ones:
        yield Finding(f"{len(secret)} files with secrets can be read by their owner only")
