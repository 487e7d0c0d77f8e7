"""What every command of `skupper` shares: platform, namespace, two ways to fail, the global options."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from skrouter.mgmt.platforms.linux.layout import Layout

PLATFORMS = ("kubernetes", "podman", "docker", "linux")
AVAILABLE = ("podman", "docker", "linux")
DEFAULT_PLATFORM = "kubernetes"
DEFAULT_NAMESPACE = "default"


class InvalidError(Exception):
    """Arguments that cannot be used: all problems, one a line, exit status 2."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class FailedError(Exception):
    """What was asked for could not be done: one text, exit status 1."""


@dataclass(slots=True)
class Session:
    """The global options of one command line; an option given again after the command wins."""

    platform: str = ""
    namespace: str = DEFAULT_NAMESPACE

    @property
    def layout(self) -> Layout:
        """The files of the namespace."""
        from skrouter.mgmt.platforms.linux.layout import Layout, data_home  # noqa: PLC0415

        return Layout(data_home(os.environ, user_id=os.getuid()), self.namespace)

    def check(self, problems: Sequence[str] = ()) -> None:
        """Fail with these problems and those of the global options, if there are any."""
        from skrouter.config.resources.rules import is_label  # noqa: PLC0415

        platform = selected_platform(self)
        if platform not in PLATFORMS:
            raise FailedError(f'platform "{platform}" not supported')
        if platform not in AVAILABLE:
            raise FailedError(
                f'platform "{platform}" is not supported by this version; '
                f"use --platform {', '.join(AVAILABLE[:-1])} or {AVAILABLE[-1]}, or set SKUPPER_PLATFORM"
            )
        found = list(problems)
        if not is_label(self.namespace):
            expression = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
            found.append(
                f"namespace is not valid: value does not match this regular expression: {expression}"
            )
        if found:
            raise InvalidError(found)


def selected_platform(session: Session) -> str:
    """The platform of the command line, of the environment, or the default."""
    return session.platform or os.environ.get("SKUPPER_PLATFORM") or DEFAULT_PLATFORM


Command = Callable[..., Any]
FORMS = ("json", "yaml")


def _begins(values: Iterable[str]) -> Callable[..., list[str]]:
    """Completes one of these words."""
    return lambda _context, _parameter, begin: [one for one in values if one.startswith(begin)]


def _namespaces(_context: click.Context, _parameter: click.Parameter, begin: str) -> list[str]:
    """Completes a namespace of this machine."""
    from skrouter.mgmt.platforms.linux.files import entries  # noqa: PLC0415

    found = entries(Session().layout.root.parent)
    return [one.name for one in found if one.is_dir() and one.name.startswith(begin)]


def output_option(text: str, default: str = "") -> Callable[[Command], Command]:
    """`--output`: json, or yaml."""
    return click.option(
        "--output",
        "-o",
        default=default,
        metavar="json|yaml",
        help=text,
        shell_complete=_begins(FORMS),
    )


def global_options(command: Command) -> Command:
    """`--platform` and `--namespace`, which stand before or after the command's name."""

    def keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        session = context.ensure_object(Session)
        if value is not None and parameter.name is not None:
            setattr(session, parameter.name, value)

    for option in (
        click.option(
            "--namespace",
            "-n",
            expose_value=False,
            callback=keep,
            metavar="NAME",
            help="The namespace (default: default).",
            shell_complete=_namespaces,
        ),
        click.option(
            "--platform",
            "-p",
            expose_value=False,
            callback=keep,
            metavar="PLATFORM",
            shell_complete=_begins(PLATFORMS),
            help="One of: kubernetes, podman, docker, linux (default: $SKUPPER_PLATFORM, or kubernetes).",
        ),
    ):
        command = option(command)
    return click.pass_obj(command)
