"""What a platform must offer: look, and carry out. Decisions are reconcile's, so a back end has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from skrouter.config.resources.common import CustomResource, Resource
from skrouter.config.resources.problems import Problem
from skrouter.mgmt.sites.changes import Change
from skrouter.mgmt.sites.facts import Observed, Setting


class PlatformError(Exception):
    """Something that the platform could not do; the text is for the user. The loop tries again."""


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

    def read_input(self) -> Input:
        """What the user wants now."""

    def observe(self, resources: Sequence[Resource]) -> Observed:
        """What there is now; Secrets among the resources count as the user's credentials."""

    def carry_out(self, change: Change) -> None:
        """Do it. What the router refuses is remembered for `Observed.refusals`, and is no error here."""

    def tell(self, resources: Sequence[CustomResource]) -> None:
        """Keep the resources that have effect, with their statuses; those that are kept and not named go."""

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed`, from any thread, when input may have changed; the result ends that."""
