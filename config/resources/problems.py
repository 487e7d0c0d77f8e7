"""What is wrong with documents: where, which value, what is allowed and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in documents: as far as known.

    `document` counts from 1 in its file; `resource` is `Kind/name`; `path` is as `spec.endpoints[0].port`.
    """

    file: str | None = None
    document: int | None = None
    resource: str | None = None
    path: str = ""

    def at(self, name: str) -> Place:
        """A field of what is here."""
        return replace(self, path=f"{self.path}.{name}" if self.path else name)

    def item(self, key: int | str) -> Place:
        """An item of the list or map that is here."""
        return replace(self, path=f"{self.path}[{key}]")

    def __str__(self) -> str:
        document = None if self.document is None else f"document {self.document}"
        return ": ".join(part for part in (self.file, document, self.resource, self.path) if part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake; `text` names the value and what is allowed, `remedy` says what to do."""

    place: Place
    text: str
    remedy: str

    def __str__(self) -> str:
        where = str(self.place)
        return f"{where}: {self.text}; {self.remedy}" if where else f"{self.text}; {self.remedy}"


@dataclass(slots=True)
class Notes:
    """What was found while reading: mistakes, and what is allowed but has no effect."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def complain(self, place: Place, text: str, remedy: str) -> None:
        """Add a mistake."""
        self.problems.append(Problem(place, text, remedy))

    def warn(self, place: Place, text: str, remedy: str) -> None:
        """Add what is allowed but has no effect."""
        self.warnings.append(Problem(place, text, remedy))


class ResourceError(Exception):
    """Documents that cannot be used; `problems` holds all that is wrong with them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
