"""`skupper system generate-bundle`: a site with its programs in one file (local-system.md §10)."""

from __future__ import annotations

import platform as machine
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from skrouter.cli.commands import checks
from skrouter.cli.commands.session import FailedError, InvalidError, Session, selected_platform
from skrouter.cli.version import VERSION
from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.common import Resource
from skrouter.config.resources.documents import dump_one, in_namespace, load, to_document
from skrouter.config.resources.site import Site
from skrouter.config.resources.validate import of_kind, validate
from skrouter.mgmt.bundles import archive
from skrouter.mgmt.bundles.archive import Member
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import INPUT_SUFFIXES, SECRET_MODE, mode_of

NO_NAME = "You need to specify a name for the bundle file to generate."
ONE_ONLY = "This command does not accept more than one argument."
LIBRARIES = "libssl.so.3:libssl3 libsasl2.so.2:libsasl2-2"
"""What wheels do not carry: shared libraries, with their packages of Debian 12."""

CREDENTIALS = ("certs", "issuers")


def generate(session: Session, names: tuple[str, ...], source: str, kind: str) -> None:
    """Write the bundle of the namespace's input, or of the documents in a directory, and tell where."""
    problems = [NO_NAME] if not names or not names[0] else [ONE_ONLY] if len(names) > 1 else []
    if kind not in archive.TYPES:
        problems += [checks.choice("bundle type", kind, archive.TYPES)]
    session.check([one[:1].upper() + one[1:] for one in problems])
    directory = _checked(Path(source)) if source else session.layout.input_resources
    credentials = directory if source else directory.parent
    resources = _redeemed(_documents(session, directory, credentials), session)
    site = of_kind(resources, Site)[0]
    members = [*_input_members(session, resources, credentials), *_wheel_members()]
    path = session.layout.home / "bundles" / f"{Path(names[0]).name}{archive.TYPES[kind]}"
    files.write(path, archive.bundle(members, _installer(session, site), kind), SECRET_MODE)
    click.echo(f'Site "{site.name}" has been created (as a distributable bundle)')
    click.echo(f"Installation bundle available at: {path}")
    click.echo(f"Default namespace: {session.namespace}")
    click.echo(f"Default platform: {selected_platform(session)}")


def _checked(directory: Path) -> Path:
    if not directory.exists():
        raise InvalidError(["The input path does not exist"])
    if not directory.is_dir():
        raise InvalidError(["The input path must be a directory"])
    return directory


def _documents(session: Session, directory: Path, credentials: Path) -> list[Resource]:
    """All documents, checked as one site; FailedError with all that is wrong."""
    found: list[Resource] = []
    problems: list[str] = []
    for file in files.entries(directory):
        if file.suffix in INPUT_SUFFIXES and file.is_file():
            loaded = load(file.read_text(encoding="utf-8"), str(file), namespace=session.namespace)
            found += loaded.resources
            problems += [str(one) for one in loaded.problems]
    if not found and not problems:
        raise FailedError(f"No sources found at: {directory}")
    known = [one.name for one in files.entries(credentials / "certs")]
    problems += [str(one) for one in validate(found, known_credentials=known)] if not problems else []
    if problems:
        raise FailedError("\n".join(problems))
    return found


def _redeemed(resources: Iterable[Resource], session: Session) -> list[Resource]:
    """Tokens become links now: the bundle may be installed long after their end."""
    from skrouter.cli.commands.redeem import redeem  # noqa: PLC0415
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    found = list(resources)
    subject = of_kind(found, Site)[0].name
    for token in of_kind(found, AccessToken):
        try:
            links = redeem(token, subject)
        except PlatformError as error:
            raise FailedError(f"{token.name}: {error}") from error
        found.remove(token)
        found += [in_namespace(one, session.namespace) for one in links]
    return found


def _input_members(session: Session, resources: Iterable[Resource], credentials: Path) -> Iterator[Member]:
    base = f"{session.namespace}/input"
    for one in resources:
        kind = one.KIND.name
        document = to_document(in_namespace(one, ""), status=False)
        yield Member(f"{base}/resources/{kind}-{one.name}.yaml", dump_one(document).encode(), mode_of(kind))
    for part in CREDENTIALS:
        for one_set in files.entries(credentials / part):
            for file in files.entries(one_set):
                mode = SECRET_MODE if file.name == files.KEY_FILE else 0o644
                yield Member(f"{base}/{part}/{one_set.name}/{file.name}", file.read_bytes(), mode)


def _wheel_members() -> Iterator[Member]:
    from skrouter.mgmt.bundles.wheels import WheelError, wheels  # noqa: PLC0415

    try:
        for one in wheels():
            yield Member(f"wheels/{one.name}", one.content)
    except WheelError as error:
        raise FailedError(str(error)) from error


def _installer(session: Session, site: Site) -> bytes:
    from skrouter.cli.commands.containers import image  # noqa: PLC0415
    from skrouter.mgmt import bundles  # noqa: PLC0415
    from skrouter.mgmt.bundles.wheels import programs  # noqa: PLC0415
    from skrouter.mgmt.platforms.containers.images import ROUTER  # noqa: PLC0415

    template = Path(bundles.__path__[0]) / archive.INSTALLER
    facts = {
        "SITE": site.name,
        "VERSION": VERSION,
        "PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "MACHINE": machine.machine(),
        "LIBC": machine.libc_ver()[1],
        "LIBRARIES": LIBRARIES,
        "PROGRAMS": " ".join(f"{name}={module}" for name, module in sorted(programs().items())),
        "IMAGE": image(ROUTER).name,
        "NAMESPACE": session.namespace,
        "PLATFORM": selected_platform(session),
    }
    return archive.filled(template.read_text(encoding="utf-8"), facts)
