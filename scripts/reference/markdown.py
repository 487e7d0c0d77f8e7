"""The reference in Markdown: entity types, programs, and the comparison with skupper-router's schema."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from skrouter.config.schema import Attribute, EntityType, load_schema
from skrouter.mgmt.agent.entities.catalog import CORE, GENERAL
from skrouter.mgmt.agent.naming import snake_case
from skrouter.mgmt.agent.view import RouterView

from reference.programs import PROGRAMS, groups

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "unit" / "config" / "schema" / "reference_schema.json"
_GENERATED = "Written by `make reference` from `{source}`: change that, not this file.\n"
_ABSTRACT = ("abstract", "test")


def entities() -> str:
    """Every entity type with its attributes and operations."""
    lines = [
        "# Entity types",
        "",
        _GENERATED.format(source="config/schema/skrouter.json"),
        "What a configuration file may hold and management shows. *set*: **C** in the file and by CREATE, "
        "**U** by UPDATE, **!** must be",
        "given; nothing: the router sets it. Every entity also has `name`, `identity` and `type`.",
    ]
    for entity_type in load_schema().entity_types.values():
        if entity_type.kind not in _ABSTRACT:
            lines += ["", *_entity(entity_type)]
    return "\n".join(lines) + "\n"


def _entity(entity_type: EntityType) -> Iterator[str]:
    yield f"## {entity_type.shown_name}"
    yield ""
    kind = "Configuration" if entity_type.is_configuration else "Operational"
    only = ", one of each router" if entity_type.singleton else ""
    yield f"{entity_type.description} {kind}{only}; `{entity_type.long_name}`."
    yield f"Operations: {', '.join(dict.fromkeys(('QUERY', *entity_type.operations)))}."
    own = [one for one in entity_type.attributes.values() if one.name not in ("name", "identity")]
    if own:
        yield ""
        yield "| attribute | type | default | set | meaning |"
        yield "|---|---|---|---|---|"
        for attribute in own:
            yield _attribute(attribute)


def _attribute(one: Attribute) -> str:
    kind = " \\| ".join(one.choices) if one.choices else one.type
    default = "" if one.default is None else f"`{json.dumps(one.default)}`"
    flags = "".join(
        letter
        for letter, holds in (("C", one.create), ("U", one.update), ("!", one.required or one.needed))
        if holds
    )
    text = one.description.replace("|", "\\|")
    return f"| `{one.name}` | {kind} | {default} | {flags} | {text} |"


def programs() -> str:
    """Every option of every program."""
    lines = ["# Programs", "", _GENERATED.format(source="cli/")]
    for program in PROGRAMS:
        lines += [f"## {program.name}", "", f"{program.title.capitalize()}: `{program.synopsis}`", ""]
        for title, options in groups(program.parser):
            lines += [f"| {title.lower()} | |", "|---|---|"]
            lines += [f"| `{one.shown.replace('|', chr(92) + '|')}` | {one.text} |" for one in options]
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


# --- beside skupper-router


def coverage() -> str:
    """A row for each entity type of skupper-router's schema: what of it is here."""
    theirs: Mapping[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))["entityTypes"]
    lines = [
        "| entity | operations | attributes | missing | not produced | more |",
        "|---|---|---|---|---|---|",
    ]
    for name, described in theirs.items():
        lines.append(_coverage_row(name, described))
    return "\n".join(lines) + "\n"


def _coverage_row(name: str, theirs: Mapping[str, Any]) -> str:
    ours = {one.shown_name: one for one in load_schema().entity_types.values()}.get(name)
    wanted, operations = theirs.get("attributes", {}), theirs.get("operations", [])
    if ours is None:
        return f"| {name} | | | everything | | |"
    missing = [one for one in wanted if one not in ours.attributes]
    missing += [one for one in operations if one not in ours.operations]
    more = [one for one in produced(ours) if one and one not in (*wanted, "name", "type")]
    unknown = [one for one in ours.attributes if one not in produced(ours)]
    cells = (
        f"`{name}`",
        ", ".join(operations),
        str(len(wanted)),
        ", ".join(missing) or "none",
        ", ".join(f"`{one}`" for one in unknown),
        ", ".join(f"`{one}`" for one in more),
    )
    return "| " + " | ".join(cells) + " |"


def produced(entity_type: EntityType) -> list[str]:
    """The attributes of a type that have a fact behind them."""
    core = CORE.get(entity_type.long_name)
    if core is not None:
        return ["name", *(column.name for column in core.columns)]
    general = GENERAL.get(entity_type.short_name)
    if general is None:
        return list(entity_type.attributes)
    known = {*_facts_of(entity_type.short_name), "name", "identity", *general.computed}
    return [one for one in entity_type.attributes if snake_case(one) in known or one in known]


def _facts_of(short_name: str) -> set[str]:
    """Fields of the facts of a type, by way of the method of the view that its entity asks."""
    if short_name == "management":
        return set()
    method = _Probe.asked_by(short_name)
    hints = get_type_hints(getattr(RouterView, method))
    facts = hints["return"]
    kind = next(iter(getattr(facts, "__args__", (facts,))))
    return {
        *get_type_hints(kind),
        *(name for name, value in vars(kind).items() if isinstance(value, property)),
    }


class _Probe:
    """A view that only notes which method is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return lambda: ()

    @classmethod
    def asked_by(cls, short_name: str) -> str:
        """The method that this type's rows come from."""
        probe: Any = cls()
        list(GENERAL[short_name].facts(probe))
        [name] = probe.asked
        return str(name)
