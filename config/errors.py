"""All that is wrong with a configuration, with the place and the way out. Finding it belongs to validate."""

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    `text` begins with the text that scripts know, where there is one; `remedy` says what to do. `kind` is the
    class of error as the reference names it: ValidationError, AttributeError, PolicyError, or Configuration
    and Python for what it calls a CError. `line` counts from 1.
    """

    text: str
    remedy: str
    kind: str = "ValidationError"
    file: str | None = None
    line: int | None = None
    section: str | None = None
    attribute: str | None = None

    @property
    def place(self) -> str:
        """File, line, section and attribute, as far as they are known: `a.conf:3: listener.port`."""
        where = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        what = ".".join(part for part in (self.section, self.attribute) if part is not None)
        return ": ".join(part for part in (where, what) if part)

    @property
    def status(self) -> str:
        """The text as a management answer states it (management.md §2), without file and line."""
        return f"CError: {self.kind}: {self.text}" if self.is_c_error else self.text

    @property
    def is_c_error(self) -> bool:
        """Whether a management answer has status 500 for it, and not 400."""
        return self.kind in ("Configuration", "Python")

    def __str__(self) -> str:
        head = f"{self.place}: " if self.place else ""
        return f"{head}{self.kind}: {self.text}; {self.remedy}"


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` holds all that is wrong with it, in file order."""

    def __init__(self, problems: Iterable[Problem], heading: str | None = None) -> None:
        self.problems = _in_order(list(problems))
        self.heading = heading
        super().__init__(self.problems, heading)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.heading}: {self.problems[0]}" if self.heading else str(self.problems[0])
        lines = [f"{self.heading or 'Invalid configuration'}: {len(self.problems)} problems"]
        return "\n".join([*lines, *(f"  {problem}" for problem in self.problems)])


def in_file(problems: Iterable[Problem], file: str) -> list[Problem]:
    """The same problems, each with the name of its file."""
    return [replace(problem, file=file) for problem in problems]


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """By file, in the order in which the files were read, then by line."""
    files = list(dict.fromkeys(problem.file for problem in problems))
    return tuple(sorted(problems, key=lambda problem: (files.index(problem.file), problem.line or 0)))
