"""`skupper token`: issue and redeem."""

from __future__ import annotations

from pathlib import Path

import click
from skrouter.cli.commands.session import NOT_SUPPORTED, FailedError, Session, global_options
from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.documents import in_namespace, load


@click.group(name="token")
def group() -> None:
    """A token is redeemed at a remote site for a link to the site that issued it."""


@group.command()
@click.argument("filename", default="", metavar="<fileName>")
@click.option("--redemptions-allowed", default=1, type=int, help="How often it can be redeemed.")
@click.option("--expiration-window", default="15m", metavar="DURATION", help="How long it can be redeemed.")
@click.option("--cost", default="1", metavar="NUMBER", help="Cost of the link that it becomes.")
@click.option("--timeout", default="60s", metavar="DURATION", help="How long to wait.")
@global_options
def issue(session: Session, **_: object) -> None:
    """Issue a token."""
    session.check()
    raise FailedError(NOT_SUPPORTED)


@group.command()
@click.argument("filename", default="", metavar="<filename>")
@click.option("--timeout", default="60s", metavar="DURATION", help="How long to wait.")
@global_options
def redeem(session: Session, filename: str, timeout: str) -> None:
    """Redeem a token for a link to the site that issued it."""
    from skrouter.cli.commands import local  # noqa: PLC0415
    from skrouter.cli.commands.redeem import redeem as request  # noqa: PLC0415
    from skrouter.config.resources.rules import duration_seconds  # noqa: PLC0415
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    seconds = duration_seconds(timeout) or 0
    problems = [] if filename else ["token file name must be configured"]
    if seconds < 10:
        problems.append(f"timeout is not valid: duration must not be less than 10s; got {timeout}")
    session.check(problems)
    token = _read(Path(filename))
    try:
        documents = request(token, session.namespace, timeout=seconds)
    except PlatformError as error:
        raise FailedError(str(error)) from error
    for one in documents:
        local.write_input(session, in_namespace(one, session.namespace))
    click.echo(f'Token "{token.name}" has been redeemed.')


def _read(path: Path) -> AccessToken:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise FailedError(f"token file does not exist: {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FailedError(f"cannot open token file: {error}") from error
    loaded = load(text, str(path))
    tokens = [one for one in loaded.resources if isinstance(one, AccessToken)]
    if loaded.problems or len(tokens) != 1:
        reasons = [str(one) for one in loaded.problems] or [f"{path} holds {len(tokens)} tokens, not one"]
        raise FailedError("\n".join(reasons))
    return tokens[0]
