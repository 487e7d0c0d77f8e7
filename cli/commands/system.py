"""`skupper system`: start, reload, stop, setup, teardown, apply, delete, bundles, install, uninstall."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from skrouter.cli.commands.session import (
    FailedError,
    InvalidError,
    Session,
    global_options,
    selected_platform,
)

if TYPE_CHECKING:
    from skrouter.config.resources.common import Resource

NOTHING_TO_INSTALL = "the selected platform is not supported by this command. There is nothing to install"
APPLIED = "Custom resources are applied."
DELETED = (
    "Custom resources deleted. If a site is already running, run `skupper system reload` "
    "to make effective the changes."
)
NEEDS_FILE = """You need to provide a file to apply or use standard input.
Example: cat site.yaml | skupper system apply -f -"""
RELOAD_TYPES = ("manual", "auto")
SUFFIXES = (".yaml", ".json")
WRITTEN = (
    "Site",
    "Connector",
    "Listener",
    "MultiKeyListener",
    "Link",
    "RouterAccess",
    "AccessToken",
    "AccessGrant",
    "Secret",
    "SecuredAccess",
    "Certificate",
)
"""Kinds that apply and delete take (skupper-cli.md §7), and grants, which have effect here too."""


@click.group(name="system")
def group() -> None:
    """Run sites on this machine."""


@group.command()
@global_options
def start(session: Session) -> None:
    """Start the site of the namespace from its input resources."""
    session.check()
    _start(session)


@group.command(name="reload")
@global_options
def reload_command(session: Session) -> None:
    """Apply changed input resources; the router keeps running."""
    reload_site(session)


@group.command()
@global_options
def stop(session: Session) -> None:
    """Stop the site and remove the namespace with all its files."""
    _stop(session)


@group.command()
@click.option("--path", default="", metavar="DIRECTORY", help="Use the resources of this directory.")
@click.option("--force", "-f", is_flag=True, help="Set a running site up again.")
@click.option(
    "--strategy",
    "-b",
    default="",
    metavar="bundle|tarball",
    help="Write a bundle instead: a script or a tarball.",
)
@global_options
def setup(session: Session, path: str, force: bool, strategy: str) -> None:
    """Start a site, from the resources of a directory if one is given."""
    from skrouter.cli.commands import checks  # noqa: PLC0415

    session.check(
        checks.problems(checks.choice("strategy", strategy, ("bundle", "tarball")) if strategy else "")
    )
    if strategy:
        _bundle(session, path, strategy)
        return
    if path:
        _take_input(session, Path(path))
    if force:
        reload_site(session)
    else:
        _start(session)


def _bundle(session: Session, path: str, strategy: str) -> None:
    from skrouter.cli.commands import bundle  # noqa: PLC0415

    kind = "tarball" if strategy == "tarball" else "shell-script"
    bundle.generate(session, (f"skupper-install-{session.namespace}",), path, kind)


@group.command()
@global_options
def teardown(session: Session) -> None:
    """Stop the site and remove the namespace (`skupper system stop`)."""
    _stop(session)


@group.command()
@click.option("--filename", "-f", default="", metavar="FILE", help="A file, or - for standard input.")
@global_options
def apply(session: Session, filename: str) -> None:
    """Add the resources of a file to the input of the namespace."""
    from skrouter.config.resources.documents import dump_one, to_document  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux import files  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux.layout import mode_of  # noqa: PLC0415

    session.check()
    for one in _read(session, filename):
        kind = one.KIND.name
        text = dump_one(to_document(one, status=False))
        files.write(session.layout.input_resources / f"{kind}-{one.name}.yaml", text.encode(), mode_of(kind))
        click.echo(f"{kind} {one.name} added")
    click.echo(APPLIED)


@group.command()
@click.option("--filename", "-f", default="", metavar="FILE", help="A file, or - for standard input.")
@global_options
def delete(session: Session, filename: str) -> None:
    """Remove the resources of a file from the input of the namespace."""
    from skrouter.cli.commands import local  # noqa: PLC0415

    session.check()
    for one in _read(session, filename):
        if local.remove_input(session, one.KIND.name, one.name):
            click.echo(f"{one.KIND.name} {one.name} deleted")
    click.echo(DELETED)


@group.command(name="generate-bundle")
@click.argument("names", nargs=-1, metavar="<bundle-file>")
@click.option(
    "--input", "source", default="", metavar="DIRECTORY", help="Use the resources of this directory."
)
@click.option("--type", "kind", default="tarball", metavar="tarball|shell-script", help="Kind of the file.")
@global_options
def generate_bundle(session: Session, names: tuple[str, ...], source: str, kind: str) -> None:
    """Write the site and its programs to a file that installs them on another machine."""
    from skrouter.cli.commands import bundle  # noqa: PLC0415

    bundle.generate(session, names, source, kind)


@group.command()
@click.option("--reload-type", default="manual", metavar="manual|auto", help="How changes are taken up.")
@global_options
def install(session: Session, reload_type: str) -> None:
    """Prepare a container engine for sites, and run the controller that keeps them."""
    from skrouter.cli.commands import checks  # noqa: PLC0415

    session.check(checks.problems(checks.choice("reload type", reload_type, RELOAD_TYPES)))
    if selected_platform(session) == "linux":
        raise FailedError(NOTHING_TO_INSTALL)
    from skrouter.cli.commands import installing  # noqa: PLC0415

    installing.install(session, reload_type)


@group.command()
@click.option("--force", "-f", is_flag=True, help="Stop and remove active sites first.")
@global_options
def uninstall(session: Session, force: bool) -> None:
    """Undo `skupper system install`."""
    session.check()
    if selected_platform(session) == "linux":
        raise FailedError(NOTHING_TO_INSTALL.replace("install", "uninstall"))
    from skrouter.cli.commands import installing  # noqa: PLC0415

    installing.uninstall(session, force=force)


def reload_site(session: Session) -> None:
    """Apply the input to the running site; certificates and site id stay."""
    session.check()
    _check_sources(session)
    click.echo(f'Sources will be consumed from namespace "{session.namespace}"')
    _render(session)


def _start(session: Session) -> None:
    from skrouter.cli.commands import local  # noqa: PLC0415

    if local.is_started(session):
        raise FailedError(f"namespace already exists: {session.namespace}")
    _check_sources(session)
    click.echo(f'Sources will be consumed from namespace "{session.namespace}"')
    _render(session)


def _check_sources(session: Session) -> None:
    from skrouter.mgmt.platforms.linux import files  # noqa: PLC0415

    if not files.entries(session.layout.input_resources):
        raise FailedError(
            f'Namespace "{session.namespace}" does not exist\n'
            f"No sources found at: {session.layout.input_resources}"
        )


def _render(session: Session) -> None:
    """Have the site as its input says, and tell what came of it."""
    from skrouter.cli.commands import local  # noqa: PLC0415
    from skrouter.config.resources.site import Site  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux import files, snapshot  # noqa: PLC0415

    sites = local.read_input(session, Site)
    if not sites:
        raise FailedError("no valid site definition has been found")
    layout = session.layout
    for issuer in files.entries(layout.issuers):
        for file in files.entries(issuer):
            click.echo(f"WARN certificate will not be overwritten path={file}", err=True)
    platform = local.platform(session)
    outcome = local.settle(platform)
    snapshot.keep(layout, platform.read_input().resources)
    for (kind, name), text in sorted((outcome.observed.refusals if outcome.observed else {}).items()):
        click.echo(f"WARN {kind} {name}: {text}", err=True)
    click.echo(f'Site "{sites[0].name}" has been created on namespace "{session.namespace}"')
    click.echo(f"Platform: {selected_platform(session)}")
    if files.entries(layout.links):
        click.echo(f"Static links have been defined at: {layout.links}")
    click.echo(f"Definition is available at: {layout.input_resources}")
    advice = local.advice(session)
    if advice:
        click.echo(advice, err=True)


def _stop(session: Session) -> None:
    from skrouter.cli.commands import local  # noqa: PLC0415

    session.check()
    if not session.layout.root.exists():
        raise FailedError(f'Namespace "{session.namespace}" does not exist')
    local.remove_namespace(session)
    click.echo(f'Namespace "{session.namespace}" has been removed')


def _take_input(session: Session, directory: Path) -> None:
    """Copy the user's documents, as they are, to the input of the namespace."""
    from skrouter.config.resources.documents import dump_one, load, to_document  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux import files  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux.layout import INPUT_SUFFIXES, mode_of  # noqa: PLC0415

    if not directory.is_dir():
        text = "The input path must be a directory" if directory.exists() else "The input path does not exist"
        raise InvalidError([text])
    layout = session.layout
    if files.entries(layout.input_resources):
        raise FailedError(f"Input sources are already defined for the namespace at: {layout.input_resources}")
    found = [one for one in files.entries(directory) if one.suffix in INPUT_SUFFIXES and one.is_file()]
    loaded = [load(one.read_text(encoding="utf-8"), str(one), namespace=session.namespace) for one in found]
    problems = [str(problem) for one in loaded for problem in one.problems]
    if problems:
        raise FailedError("\n".join(problems))
    for one in (resource for part in loaded for resource in part.resources):
        kind = one.KIND.name
        text = dump_one(to_document(one, status=False))
        files.write(layout.input_resources / f"{kind}-{one.name}.yaml", text.encode(), mode_of(kind))
    for name, target in (("certs", layout.input_certificates), ("issuers", layout.input_issuers)):
        if (directory / name).is_dir() and not target.exists():
            shutil.copytree(directory / name, target)


def _read(session: Session, filename: str) -> list[Resource]:
    """The resources of a file or of standard input, in this namespace."""
    from skrouter.config.resources.documents import load  # noqa: PLC0415

    if not filename and sys.stdin.isatty():
        raise InvalidError([NEEDS_FILE])
    if filename in ("", "-"):
        loaded = load(sys.stdin.read(), namespace=session.namespace)
    else:
        loaded = load(
            _checked(Path(filename)).read_text(encoding="utf-8"), filename, namespace=session.namespace
        )
    for warning in loaded.warnings:
        click.echo(str(warning), err=True)
    if loaded.problems:
        raise FailedError("\n".join(str(one) for one in loaded.problems))
    return [one for one in loaded.resources if one.KIND.name in WRITTEN]


def _checked(path: Path) -> Path:
    if path.suffix not in SUFFIXES:
        shown = ", ".join(SUFFIXES)
        raise InvalidError(
            [f"The file has an unsupported extension, it should have one of the following: {shown}"]
        )
    if not path.exists():
        raise InvalidError([f'The file "{path}" does not exist'])
    if path.is_dir():
        raise InvalidError([f'The file "{path}" is a directory'])
    return path
