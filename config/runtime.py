"""One entity created or changed while the router runs, by the rules for files. Answering belongs to mgmt."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from skrouter.config.convert import Identities, Written, convert
from skrouter.config.entity import Entity
from skrouter.config.errors import ConfigError, Problem
from skrouter.config.model import EntityConfig
from skrouter.config.resolve import resolve
from skrouter.config.schema import EntityType, InvalidValueError, Schema, UnknownEntityTypeError, Value
from skrouter.config.validate import validate_one

_IGNORED = ("type", "identity")


def create_entity(
    schema: Schema, type_name: str, attributes: Mapping[str, object], existing: Iterable[Entity]
) -> EntityConfig:
    """The typed form of one more entity beside the existing ones (its `entity` has the attributes).

    `attributes` includes the name, if any. ConfigError with every problem if it cannot be.
    """
    entity_type = _entity_type(schema, type_name)
    others = tuple(existing)
    given = {name: value for name, value in attributes.items() if name != "type" and value is not None}
    if entity_type.name_is_optional:
        given = _as_the_core_reads(entity_type, given)
    forbidden = _forbidden_in_create(entity_type, given)
    written = Written(_allowed(entity_type, given), entity_type.shown_name)
    identities = Identities({one.identity for one in others})
    entity, problems, _ = convert(entity_type, written, identities)
    return _checked(entity, [*forbidden, *problems], others)


def update_entity(entity: Entity, changes: Mapping[str, object], existing: Iterable[Entity]) -> EntityConfig:
    """The typed form of the entity with the changes; null takes a value away.

    Attributes that cannot be updated may be given if they stay the same. ConfigError with every problem.
    """
    values: dict[str, Value] = dict(entity.attributes)
    problems = []
    for name, value in changes.items():
        if name == "type" or (name in _IGNORED and value == entity.get(name)):
            continue
        problem = _change(entity, values, name, value)
        if problem is not None:
            problems.append(problem)
    changed = Entity(entity.type, values, entity.file, entity.line, entity.lines)
    return _checked(changed, problems, tuple(one for one in existing if one.identity != entity.identity))


def _checked(entity: Entity, problems: list[Problem], others: tuple[Entity, ...]) -> EntityConfig:
    found = problems or validate_one(entity, others)
    if found:
        raise ConfigError(_as_the_core_says(problem) for problem in found)
    router = next((one for one in others if one.short_type == "router"), None)
    return resolve(entity, router)


def _as_the_core_says(problem: Problem) -> Problem:
    """The problem in the words of another agent: the one that answers for addresses and autoLinks."""
    if problem.section == "autoLink" and problem.attribute == "direction":
        missing = "Missing" in problem.text
        text = "direction field is mandatory" if missing else "Invalid value for 'direction'"
        return replace(problem, text=text)
    if problem.section in ("address", "autoLink") and problem.attribute == "name":
        return replace(problem, text="Name conflicts with an existing entity")
    return problem


def _entity_type(schema: Schema, type_name: str) -> EntityType:
    try:
        return schema.entity_type(type_name)
    except UnknownEntityTypeError as error:
        raise ConfigError([Problem(str(error), "use a type of GET-TYPES")]) from error


def _as_the_core_reads(entity_type: EntityType, given: Mapping[str, object]) -> dict[str, object]:
    """Without what the reference passes over in these types: unknown attributes and distributions."""
    known = {name: value for name, value in given.items() if name in entity_type.attributes}
    distribution = entity_type.attributes.get("distribution")
    if distribution is not None and known.get("distribution") not in distribution.choices:
        known.pop("distribution", None)
    return known


def _forbidden_in_create(entity_type: EntityType, given: Mapping[str, object]) -> list[Problem]:
    problems = []
    if "CREATE" not in entity_type.operations or not entity_type.is_configuration:
        text = (
            f"Operation 'CREATE' not implemented for '{entity_type.long_name}' {list(entity_type.operations)}"
        )
        problems.append(_problem(entity_type, None, text, "create an entity of another type"))
    for name in given:
        attribute = entity_type.attributes.get(name)
        if name == "identity":
            text = f"'identity' attribute cannot be specified {given[name]!r}"
            problems.append(_problem(entity_type, name, text, "leave it out, the router gives it"))
        elif attribute is not None and not attribute.create:
            text = f"Cannot set attribute '{name}' in CREATE"
            problems.append(_problem(entity_type, name, text, "leave it out"))
    return problems


def _allowed(entity_type: EntityType, given: Mapping[str, object]) -> dict[str, object]:
    """Without what has been refused already."""
    return {
        name: value
        for name, value in given.items()
        if name not in entity_type.attributes or entity_type.attributes[name].create
    }


def _change(entity: Entity, values: dict[str, Value], name: str, value: object) -> Problem | None:
    """Puts a changed value into `values`, or says why it cannot be changed."""
    attribute = entity.type.attributes.get(name)
    if attribute is None:
        text = f"Unknown attribute '{name}' for '{entity.type.long_name}'"
        return _problem(entity.type, name, text, "use an attribute of GET-ATTRIBUTES")
    try:
        converted = None if value is None else attribute.convert(value)
    except InvalidValueError as error:
        return _problem(entity.type, name, f"{entity.type.long_name}: {error}", error.remedy)
    if converted == entity.get(name):
        return None
    if not attribute.update:
        return _problem(entity.type, name, f"Cannot update attribute '{name}' in UPDATE", "leave it as it is")
    if converted is None:
        values.pop(name, None)
    else:
        values[name] = converted
    return None


def _problem(entity_type: EntityType, attribute: str | None, text: str, remedy: str) -> Problem:
    return Problem(text, remedy, section=entity_type.shown_name, attribute=attribute)
