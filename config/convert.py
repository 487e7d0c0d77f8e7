"""Written attributes to an Entity, with defaults, name and identity. Further rules belong to rules/."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.schema import EntityType, InvalidValueError, Value


@dataclass(slots=True)
class Identities:
    """The identities that are taken; gives a number to an entity that has nothing else to be known by."""

    taken: set[str] = field(default_factory=set)
    _next: dict[str, int] = field(default_factory=dict)

    def of(self, entity_type: EntityType, values: Mapping[str, Value]) -> str:
        """The identity of an entity with these values; it counts as taken afterwards."""
        identifier = entity_type.identifier(values)
        if identifier is None:
            identifier = self._number(entity_type.short_name)
        identity = f"{entity_type.short_name}/{identifier}"
        self.taken.add(identity)
        return identity

    def _number(self, short_name: str) -> str:
        number = self._next.get(short_name, 0)
        while f"{short_name}/{number}" in self.taken:
            number += 1
        self._next[short_name] = number + 1
        return str(number)


@dataclass(frozen=True, slots=True)
class Written:
    """The attributes of one entity as given: from a section of a file (with lines), or from a request."""

    attributes: Mapping[str, object]
    section: str
    file: str | None = None
    line: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)


def convert(
    entity_type: EntityType, written: Written, identities: Identities
) -> tuple[Entity, list[Problem], list[Problem]]:
    """The entity with all attributes that are right, the mistakes in the others, and the warnings."""
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for name, value in written.attributes.items():
        attribute = entity_type.attributes.get(name)
        if attribute is None:
            problems.append(_unknown(entity_type, written, name))
        elif attribute.status:
            warnings.append(_set_by_router(entity_type, written, name))
        else:
            try:
                values[name] = attribute.convert(value)
            except InvalidValueError as error:
                problems.append(_invalid(entity_type, written, name, error))
    problems.extend(_missing(entity_type, written))
    return _complete(entity_type, values, written, identities), problems, warnings


def _complete(
    entity_type: EntityType, values: dict[str, Value], written: Written, identities: Identities
) -> Entity:
    """Adds defaults, name and identity."""
    for attribute in entity_type.attributes.values():
        if attribute.default is not None and not attribute.status:
            values.setdefault(attribute.name, attribute.default)
    if not values.get("name"):
        values.pop("name", None)
    values["identity"] = identities.of(entity_type, values)
    if not entity_type.name_is_optional:
        values.setdefault("name", values["identity"])
    return Entity(entity_type, values, written.file, written.line, written.lines)


def _missing(entity_type: EntityType, written: Written) -> Iterable[Problem]:
    for attribute in entity_type.attributes.values():
        if attribute.name in written.attributes:
            continue
        if attribute.required:
            text = f"{entity_type.long_name}: Missing required attribute '{attribute.name}'"
            yield _problem(written, attribute.name, text, "give it")
        elif attribute.needed:
            # the reference fails with the error of its own table look-up, and scripts match on that
            text = f"KeyError: ('{attribute.name}',)"
            yield _problem(written, attribute.name, text, f"give the attribute {attribute.name!r}", "Python")


def _unknown(entity_type: EntityType, written: Written, name: str) -> Problem:
    text = f"Unknown attribute '{name}' for '{entity_type.long_name}'"
    return _problem(written, name, text, f"use one of {', '.join(_settable(entity_type))}")


def _settable(entity_type: EntityType) -> list[str]:
    return [one.name for one in entity_type.attributes.values() if not one.status]


def _invalid(entity_type: EntityType, written: Written, name: str, error: InvalidValueError) -> Problem:
    return _problem(written, name, f"{entity_type.long_name}: {error}", error.remedy)


def _set_by_router(entity_type: EntityType, written: Written, name: str) -> Problem:
    text = f"The router sets '{name}' of '{entity_type.long_name}' itself; the value given has no effect"
    return _problem(written, name, text, "remove it")


def _problem(
    written: Written, attribute: str, text: str, remedy: str, kind: str = "ValidationError"
) -> Problem:
    return Problem(
        text,
        remedy,
        kind,
        file=written.file,
        line=written.lines.get(attribute, written.line),
        section=written.section,
        attribute=attribute,
    )
