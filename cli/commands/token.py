"""`skupper token`: issue and redeem."""

from __future__ import annotations

from pathlib import Path

import click
from skrouter.cli.commands import checks
from skrouter.cli.commands.session import FailedError, Session, global_options
from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.documents import in_namespace, load

ISSUED = """
Grant "{0}" is ready
Token file {1} created

Transfer this file to a remote site. At the remote site,
create a link to this site using the "skupper token redeem" command:

\tskupper token redeem {1}

The token expires after {2} use(s) or after {3}."""


@click.group(name="token")
def group() -> None:
    """A token is redeemed at a remote site for a link to the site that issued it."""


@group.command()
@click.argument("filename", default=None, required=False, type=click.Path(), metavar="<fileName>")
@click.option("--redemptions-allowed", default="1", metavar="NUMBER", help="How often it can be redeemed.")
@click.option("--expiration-window", default="15m", metavar="DURATION", help="How long it can be redeemed.")
@click.option("--cost", default="1", metavar="NUMBER", help="Cost of the link that it becomes.")
@click.option("--timeout", default="60s", metavar="DURATION", help="How long to wait.")
@click.option("--name", default="", metavar="NAME", help="Of grant, token and link (default: one is made).")
@click.option("--host", default="", metavar="HOST", help="By which the remote site reaches this machine.")
@click.option("--grant", default="", metavar="NAME", help="Issue a token of this AccessGrant of the input.")
@global_options
def issue(session: Session, filename: str | None, **options: str) -> None:
    """Issue a token that remote sites redeem for a link to this one.

    The remote site must reach two ports of this machine: the one of the grant server (9090, or the next that
    is free), and the one of links (55671, or 45671 for edge sites).
    """
    session.check([*_file_problems(filename), *_issue_problems(options)])
    _check_site(session)
    from skrouter.cli.commands import issuing  # noqa: PLC0415
    from skrouter.config.resources.access_grant import AccessGrantSpec  # noqa: PLC0415
    from skrouter.config.resources.rules import duration_seconds  # noqa: PLC0415

    site, plan, observed = issuing.check_site(session)
    if options["host"]:
        issuing.check_host(options["host"], plan, observed)
    if options["grant"]:
        grant = issuing.existing_grant(session, options["grant"])
    else:
        settings = {"host": options["host"]} if options["host"] else {}
        allowed, window = int(options["redemptions_allowed"]), options["expiration_window"]
        spec = AccessGrantSpec(allowed, window, settings=settings)
        grant = issuing.new_grant(session, site, options["name"], spec)
    click.echo("Waiting for token status ...")
    status = issuing.ready(session, site, grant, duration_seconds(options["timeout"]) or 0)
    token = issuing.token(options["name"] or grant.name, status, int(options["cost"]))
    _write(Path(filename or ""), token)
    window = issuing.shown_duration(duration_seconds(grant.spec.expiration_window) or 0)
    click.echo(ISSUED.format(grant.name, filename, max(grant.spec.redemptions_allowed, 1), window))


def _check_site(session: Session) -> None:
    """There is one, and it was started."""
    from skrouter.cli.commands import local  # noqa: PLC0415
    from skrouter.config.resources.site import Site  # noqa: PLC0415

    if not local.read_input(session, Site):
        raise FailedError(f"A site must exist in namespace {session.namespace} before a token can be created")
    if not local.is_initialized(session):
        raise local.not_active(session)


def _file_problems(filename: str | None) -> list[str]:
    if filename is None:
        return ["file name must be configured"]
    if not filename:
        return ["file name must not be empty"]
    problem = checks.file_name("token file name", filename)
    if problem:
        return [problem]
    return ["token file name is a directory"] if Path(filename).is_dir() else []


def _issue_problems(options: dict[str, str]) -> list[str]:
    allowed, name, host, grant = (options[key] for key in ("redemptions_allowed", "name", "host", "grant"))
    counts = allowed.isascii() and allowed.isdigit() and 0 < int(allowed) < 1 << 31
    return checks.problems(
        "" if counts else "number of redemptions is not valid",
        checks.duration("expiration time", options["expiration_window"], 60, "1m0s"),
        checks.duration("timeout", options["timeout"], 10, "10s"),
        checks.number("link cost", options["cost"], (1 << 31) - 1),
        checks.name("name", name) if name else "",
        checks.host(host) if host else "",
        checks.name("grant name", grant) if grant else "",
        "host is that of the grant: give --grant without --host" if grant and host else "",
    )


def _write(path: Path, token: AccessToken) -> None:
    """The token, for its owner only: who has it can make a link."""
    from skrouter.config.resources.documents import dump  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux import files  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux.layout import SECRET_MODE  # noqa: PLC0415

    try:
        files.write(path.expanduser(), dump([token], status=False).encode(), SECRET_MODE)
    except OSError as error:
        raise FailedError(f"invalid token file name: {error}") from error


@group.command()
@click.argument("filename", default="", type=click.Path(), metavar="<filename>")
@click.option("--timeout", default="60s", metavar="DURATION", help="How long to wait.")
@global_options
def redeem(session: Session, filename: str, timeout: str) -> None:
    """Redeem a token for a link to the site that issued it."""
    from skrouter.cli.commands import local  # noqa: PLC0415
    from skrouter.cli.commands.redeem import redeem as request  # noqa: PLC0415
    from skrouter.config.resources.rules import duration_seconds  # noqa: PLC0415
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    problem = "" if filename else "token file name must be configured"
    session.check(checks.problems(problem, checks.duration("timeout", timeout, 10, "10s")))
    seconds = duration_seconds(timeout) or 0
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
