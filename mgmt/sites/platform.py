"""What a platform must offer: look, and carry out. Decisions are reconcile's, so a back end has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from skrouter.config.resources.common import CustomResource, Resource
from skrouter.config.resources.problems import Problem
from skrouter.mgmt.sites.changes import Change
from skrouter.mgmt.sites.facts import Credentials, Observed, Setting


class PlatformError(Exception):
    """Something that the platform could not do; the text is for the user. The loop tries again."""


@dataclass(frozen=True, slots=True)
class Pems:
    """CA, certificate and key in PEM; `repr` shows none of them. A CA is its own CA."""

    ca: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """Of all their content."""
        return content_digest(self.ca, self.certificate, self.key)


def content_digest(*parts: bytes) -> str:
    """Of several contents, told apart."""
    found = sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


class Authority(Protocol):
    """Makes keys and signs; knows nothing of files. `now` in seconds since 1970."""

    def make_issuer(self, subject: str, now: float, key: bytes | None = None) -> Pems:
        """A CA, with a new key unless one is given."""

    def issue(self, issuer: Pems, subject: str, hosts: Sequence[str], now: float) -> Pems:
        """A certificate with a new key."""

    def describe(self, name: str, pems: Pems) -> Credentials | None:
        """What they are; None if they do not belong together or cannot be read."""


@dataclass(frozen=True, slots=True)
class Input:
    """What the user wants: valid resources, or the problems that keep all of them from having effect."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


class Platform(Protocol):
    """One site on one platform. Every method may block and may raise PlatformError.

    Each change is carried out whole or not at all, as far as the next `observe` can tell: files by writing
    aside and renaming, credentials as one directory. Repeating a change that was carried out does no harm.
    """

    @property
    def setting(self) -> Setting:
        """Where the site lives."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Nobody else carries out changes of this site meanwhile: commands and controllers take turns."""

    def read_input(self) -> Input:
        """What the user wants now."""

    def observe(self, resources: Sequence[Resource]) -> Observed:
        """What there is now; Secrets among the resources count as the user's credentials."""

    def carry_out(self, change: Change) -> None:
        """Do it. What the router refuses is remembered for `Observed.refusals`, and is no error here."""

    def release(self) -> None:
        """Let go of what `observe` holds open, as a connection to the router."""

    def tell(self, resources: Sequence[CustomResource]) -> None:
        """Keep the resources that have effect, with their statuses; those that are kept and not named go."""

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed`, from any thread, when input may have changed; the result ends that."""
