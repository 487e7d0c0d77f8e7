"""What a configuration file says before anyone asks what it means. Both grammars give this form."""

import json
import re
from dataclasses import dataclass, field

from skrouter.config.errors import Problem
from skrouter.config.schema import Value

MAX_DEPTH = 32
"""Levels of maps and lists in one value; what is deeper cannot be sent in an open (frame guard's limit)."""


@dataclass(frozen=True, slots=True)
class RawAttribute:
    """One attribute as written, its name in camelCase."""

    name: str
    value: Value
    line: int


@dataclass(frozen=True, slots=True)
class RawSection:
    """One section as written, its name in camelCase; a repeated attribute has its last value."""

    name: str
    attributes: tuple[RawAttribute, ...]
    line: int


@dataclass(slots=True)
class Parsed:
    """What the parser found: sections, mistakes, and what is allowed but doubtful."""

    sections: list[RawSection] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def complain(self, line: int, text: str, remedy: str) -> None:
        """Adds a mistake of form, with the heading that scripts look for."""
        self.problems.append(Problem(f"Invalid config file syntax (line {line}): {text}", remedy, line=line))

    def add_section(self, name: str, line: int, attributes: list[RawAttribute]) -> None:
        """Adds a section; of a repeated attribute the last counts, as in the reference, with a warning."""
        last: dict[str, RawAttribute] = {}
        for attribute in attributes:
            if attribute.name in last:
                self.warnings.append(_repeated(name, last[attribute.name], attribute))
            last[attribute.name] = attribute
        self.sections.append(RawSection(name, tuple(last.values()), line))


class _ForbiddenConstantError(ValueError):
    """NaN and the infinities, which JSON does not have."""


def camel_case(name: str) -> str:
    """`ssl-profile` as `sslProfile`; a name without hyphens stays as it is."""
    return re.sub(r"-+(\w)", lambda found: found[1].upper(), name)


def json_decoder() -> json.JSONDecoder:
    """A decoder that takes JSON and nothing more."""
    return json.JSONDecoder(parse_constant=_refuse_constant)


def flaw(value: Value) -> str | None:
    """Why no attribute can have this value: too deep, or text that is not Unicode. None if one can."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return f"more than {MAX_DEPTH} levels of maps and lists"
        if any(isinstance(one, str) and _has_surrogate(one) for one in level):
            return "text with half of a surrogate pair"
        level = [inner for one in level for inner in _inner(one)]
    return None


def _inner(value: Value) -> list[Value]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _refuse_constant(word: str) -> Value:
    raise _ForbiddenConstantError(f"{word} is not JSON")


def _repeated(section: str, first: RawAttribute, again: RawAttribute) -> Problem:
    return Problem(
        f"Attribute {again.name!r} is given again; its value of line {first.line} has no effect",
        "remove one of the two",
        line=again.line,
        section=section,
        attribute=again.name,
    )
