"""`skupper status`: the site and its network on one page."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from skrouter.cli.commands import checks, display
from skrouter.cli.commands.session import FailedError, InvalidError, Session, global_options, output_option

if TYPE_CHECKING:
    from skrouter.cli.commands.reach import Place
    from skrouter.mgmt.sites.facts import Observed
    from skrouter.mgmt.sites.reconcile import Plan

INTERVAL = "2"


@click.command(name="status")
@output_option("Form of the output.")
@click.option(
    "--watch",
    "-w",
    is_flag=False,
    flag_value=INTERVAL,
    default=None,
    metavar="[SECONDS]",
    help="Show it again every so many seconds (default 2).",
)
@global_options
def group(session: Session, output: str, watch: str | None) -> None:
    """Display the site, its links and services, and the network they are part of."""
    seconds = _seconds(watch) if watch is not None else 0.0
    problem = "--watch shows tables: leave out --output" if output and watch is not None else ""
    session.check(checks.problems(checks.output(output) if output else "", problem))
    if output:
        from skrouter.cli.commands import picture  # noqa: PLC0415

        display.documents([picture.document(*_looked(session))], output)
    elif watch is None:
        click.echo(_page(session))
    else:
        _watch(lambda: _page(session), seconds)


def _seconds(text: str) -> float:
    from skrouter.cli.watching import positive_seconds  # noqa: PLC0415

    try:
        return positive_seconds(text)
    except ArgumentTypeError as error:
        raise InvalidError([f"watch is not valid: {error}"]) from error


def _looked(session: Session) -> tuple[Plan, Observed, dict[Place, str], float]:
    from skrouter.cli.commands import local, picture, reach  # noqa: PLC0415

    if not local.is_initialized(session):
        raise FailedError(
            f"there is no running site in namespace {session.namespace}; start it: "
            f"skupper system start -n {session.namespace}"
        )
    plan, observed = local.look(session)
    return plan, observed, reach.reach(picture.places(plan)), time.time()


def _page(session: Session) -> str:
    from skrouter.cli.commands import picture  # noqa: PLC0415

    return picture.text(picture.tables(*_looked(session)))


def _watch(page: Callable[[], str], seconds: float) -> None:
    """Until interrupted, which is no failure; a page that cannot be had later is told and tried again."""
    from skrouter.cli.watching import Screen  # noqa: PLC0415

    screen = Screen(sys.stdout)
    screen.show(page())
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(seconds)
            screen.show(_page_or_reason(page))


def _page_or_reason(page: Callable[[], str]) -> str:
    try:
        return page()
    except FailedError as error:
        return str(error)
