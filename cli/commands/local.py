"""Sites of this machine for the commands: their files, and the platform that runs them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, TypeVar

import click
from skrouter.cli.commands.session import AVAILABLE, FailedError, Session, selected_platform
from skrouter.cli.version import VERSION
from skrouter.config.resources.common import Resource
from skrouter.config.resources.documents import dump_one, load, to_document
from skrouter.config.resources.problems import ResourceError
from skrouter.mgmt.platforms.containers.endpoint import ENGINES
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import INPUT_SUFFIXES, mode_of

if TYPE_CHECKING:
    from pathlib import Path

    from skrouter.mgmt.controller.loop import Outcome
    from skrouter.mgmt.platforms.linux.managers import RouterManager
    from skrouter.mgmt.platforms.linux.platform import LinuxPlatform
    from skrouter.mgmt.sites.facts import Observed
    from skrouter.mgmt.sites.reconcile import Plan

R = TypeVar("R", bound=Resource)

ENGINE_VARIABLE = "CONTAINER_ENGINE"
"""Names the engine whose socket a controller in a container has."""

RELOAD_VARIABLE = "SKUPPER_SYSTEM_RELOAD_TYPE"
"""`manual` if a controller leaves changed documents to `skupper system reload`."""

NOT_INITIALIZED = "Site not initialized yet"
EXPIRY_SHOWN = ("Site", "Link")
"""Kinds whose status tells of certificates that end soon."""
START_TIME = 60.0
POLL = 0.1


# --- files of the input -----------------------------------------------------------------------------------


def write_input(session: Session, resource: Resource) -> None:
    """Write the resource and say where."""
    click.echo(f"File written to {store_input(session, resource)}")


def store_input(session: Session, resource: Resource) -> Path:
    """Write the resource; the path of its file."""
    path = session.layout.input_resources / f"{resource.KIND.name}-{resource.name}.yaml"
    document = to_document(resource, status=False)
    files.write(path, dump_one(document).encode(), mode_of(resource.KIND.name))
    return path


def remove_input(session: Session, kind: str, name: str) -> bool:
    """Remove the file of a resource; whether there was one."""
    path = session.layout.input_resources / f"{kind}-{name}.yaml"
    existed = path.exists()
    files.remove(path)
    return existed


def read_input(session: Session, cls: type[R]) -> list[R]:
    """The resources of a kind in the input; FailedError with all problems if its files cannot be read."""
    found: list[R] = []
    for file in files.entries(session.layout.input_resources):
        if file.suffix in INPUT_SUFFIXES and file.is_file():
            found += [
                one for one in _load(file.read_text(encoding="utf-8"), str(file)) if isinstance(one, cls)
            ]
    return sorted(found, key=lambda one: one.name)


def find_input(session: Session, cls: type[R], name: str) -> R | None:
    """One resource of the input."""
    return next((one for one in read_input(session, cls) if one.name == name), None)


def _load(text: str, file: str) -> tuple[Resource, ...]:
    try:
        return load(text, file).good()
    except ResourceError as error:
        raise FailedError(str(error)) from error


# --- running sites ----------------------------------------------------------------------------------------


def kept_platform(session: Session) -> str:
    """The platform that runs the namespace; empty if nothing does."""
    return (files.read(session.layout.platform_file) or b"").decode().partition(":")[2].strip()


def own_session(namespace: str) -> Session:
    """For a controller: the namespace on the platform that runs it, or that would be chosen here."""
    found = Session("", namespace)
    chosen = os.environ.get(ENGINE_VARIABLE) or selected_platform(found)
    return Session(kept_platform(found) or (chosen if chosen in AVAILABLE else "linux"), namespace)


def is_kept_here(namespace: str) -> bool:
    """Whether a controller of this process keeps the namespace.

    In a container it has one engine only; with manual reload it waits for `skupper system start`.
    """
    engine, session = os.environ.get(ENGINE_VARIABLE), own_session(namespace)
    if engine and session.platform != engine:
        return False
    snapshot = snapshot_sources(session)
    return snapshot is None or bool(files.entries(snapshot))


def snapshot_sources(session: Session) -> Path | None:
    """The documents that a command has loaded last, for a controller with manual reload; None for others."""
    is_manual = os.environ.get(RELOAD_VARIABLE) == "manual"
    return session.layout.snapshot if is_manual else None


def check_platform(session: Session) -> None:
    """FailedError if the namespace runs on another platform than the selected one."""
    kept, wanted = kept_platform(session), selected_platform(session)
    if kept and kept != wanted:
        raise FailedError(f'existing namespace uses "{kept}" platform and it cannot change to "{wanted}"')


def manager(session: Session) -> RouterManager:
    """Who keeps the router of the namespace running."""
    check_platform(session)
    if selected_platform(session) in ENGINES:
        from skrouter.cli.commands import containers  # noqa: PLC0415

        return containers.manager(session)
    from skrouter.mgmt.platforms.linux.managers import choose_manager  # noqa: PLC0415

    return choose_manager(session.layout, os.environ)


def advice(session: Session) -> str:
    """What the user should know of the next start of the machine."""
    from skrouter.mgmt.platforms.linux.managers import start_advice  # noqa: PLC0415

    return start_advice(manager(session), user_id=os.getuid())


def platform(session: Session, sources: Path | None = None) -> LinuxPlatform:
    """The namespace as a platform. Its imports are paid by commands that need a running site only."""
    import uuid  # noqa: PLC0415

    from skrouter.cli.commands.redeem import redeem  # noqa: PLC0415
    from skrouter.mgmt.controller.authority import CertificateAuthority  # noqa: PLC0415
    from skrouter.mgmt.platforms.containers.shapes import PROFILES  # noqa: PLC0415
    from skrouter.mgmt.platforms.linux.platform import LinuxPlatform  # noqa: PLC0415
    from skrouter.mgmt.sites.facts import Identity  # noqa: PLC0415

    now = time.time_ns()
    name = selected_platform(session)
    return LinuxPlatform(
        session.layout,
        authority=CertificateAuthority(),
        manager=manager(session),
        new_identity=Identity(str(uuid.uuid4()), f"{now // 10**9}-{now % 10**9}"),
        now=time.time,
        redeem=redeem,
        version=VERSION,
        platform=name,
        profiles=PROFILES if name in ENGINES else "",
        sources=sources,
    )


def remove_namespace(session: Session) -> None:
    """Stop the router of the namespace, and remove all its files."""
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    layout = session.layout
    with files.turn(layout.turn):
        try:
            manager(session).stop()
        except PlatformError as error:
            raise FailedError(str(error)) from error
        files.remove(layout.root)


def settle(found: LinuxPlatform, *, timeout: float = START_TIME) -> Outcome:
    """Passes until the site is as wanted; FailedError with what is in the way."""
    from skrouter.mgmt.controller.loop import reconcile_once  # noqa: PLC0415
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    deadline = time.monotonic() + timeout
    warned: set[str] = set()
    while True:
        try:
            outcome = reconcile_once(found, time.time, lambda *_: None)
        except PlatformError as error:
            raise FailedError(str(error)) from error
        if outcome.problems:
            raise FailedError("\n".join(str(one) for one in outcome.problems))
        for text in outcome.warnings:
            if text not in warned:
                click.echo(f"WARN {text}", err=True)
        warned.update(outcome.warnings)
        if outcome.is_settled or (outcome.observed is not None and outcome.observed.refusals):
            return outcome
        if time.monotonic() > deadline:
            raise FailedError(
                f"the router is not ready after {timeout:.0f} s; look into its log: {found.log}"
            )
        time.sleep(POLL)


def look(session: Session) -> tuple[Plan, Observed]:
    """What would be done now, with the statuses of all resources; nothing is changed."""
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415
    from skrouter.mgmt.sites.reconcile import Desired, reconcile  # noqa: PLC0415

    found = platform(session)
    wanted = found.read_input()
    if wanted.problems:
        raise FailedError("\n".join(str(one) for one in wanted.problems))
    try:
        observed = found.observe(wanted.resources)
    except PlatformError as error:
        raise FailedError(str(error)) from error
    finally:
        found.release()
    return reconcile(Desired(wanted.resources, found.setting), observed, time.time()), observed


def is_initialized(session: Session) -> bool:
    """Whether the site was started and not stopped since."""
    return session.layout.router_config.exists()


def not_active(session: Session) -> FailedError:
    """The error of a command that needs a started site."""
    return FailedError(
        "there is no active skupper site in this namespace; start it: "
        f"skupper system start -n {session.namespace}"
    )


def is_started(session: Session) -> bool:
    """Whether the site was started, and its router is kept running."""
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    try:
        return is_initialized(session) and manager(session).is_started()
    except PlatformError as error:
        raise FailedError(str(error)) from error


def with_statuses(session: Session, cls: type[R]) -> list[R]:
    """The resources of a kind with statuses from the running router, or as written if there is none."""
    if not is_initialized(session):
        found = read_input(session, cls)
        if found:
            click.echo(NOT_INITIALIZED, err=True)
        return found
    from skrouter.mgmt.sites.certificates import expiry_warnings  # noqa: PLC0415
    from skrouter.mgmt.sites.reconcile import with_statuses as of_plan  # noqa: PLC0415

    plan, observed = look(session)
    if cls.KIND.name in EXPIRY_SHOWN:
        for text in expiry_warnings(observed, time.time()):
            click.echo(f"WARN {text}", err=True)
    return sorted((one for one in of_plan(plan) if isinstance(one, cls)), key=lambda one: one.name)
