"""Man pages (man(7)) of the programs and of the configuration file."""

import json
from collections.abc import Iterator

from skrouter.cli.daemon_options import DEFAULT_CONFIG, EXAMPLES
from skrouter.config.schema import Attribute, EntityType, load_schema

from reference.programs import PROGRAMS, Program, groups

_MANUAL = "skrouter"

_FORM = """\
The file consists of sections. A section begins with its type and an opening brace on a line of their own and
ends with a closing brace on a line of its own. Between them stand attributes, one on a line: name, colon,
value. What follows # is a comment. A value is everything up to the comment; quotes are not needed. Sections
that are left out have their defaults.
""".replace("\n", " ").strip()

_EXAMPLE = """\
router {
    mode: interior
    id: west
}
listener {
    host: 127.0.0.1
    port: 5672
}
"""


def pages() -> dict[str, str]:
    """The text of every page by the name of its file."""
    found = {f"{program.name}.8": _program(program) for program in PROGRAMS}
    return {**found, "skrouterd.conf.5": _configuration()}


def _program(program: Program) -> str:
    others = [f"{one.name}(8)" for one in PROGRAMS if one is not program]
    lines = [
        *head(program.name, 8, program.title),
        ".SH SYNOPSIS",
        f".B {literal(program.synopsis)}",
        ".SH DESCRIPTION",
        literal(program.parser.description or f"{program.title.capitalize()}."),
    ]
    for title, options in groups(program.parser):
        lines.append(f".SH {literal(title.upper())}")
        for option in options:
            lines += [".TP", f".B {literal(option.shown)}", literal(option.text)]
    if program.name == "skrouterd":
        lines += [".SH EXAMPLES", ".nf", literal(EXAMPLES.partition("\n")[2].rstrip()), ".fi"]
    lines += [".SH SEE ALSO", literal(", ".join([*others, "skrouterd.conf(5)"]))]
    return "\n".join(lines) + "\n"


def _configuration() -> str:
    lines = [
        *head("skrouterd.conf", 5, "configuration of skrouterd(8)"),
        ".SH DESCRIPTION",
        f"{literal(DEFAULT_CONFIG)} unless skrouterd(8) is told another name.",
        literal(_FORM),
        ".PP",
        "A file whose name ends in .json is a JSON list of pairs of a type and a map of attributes.",
        ".SH EXAMPLE",
        ".nf",
        literal(_EXAMPLE.rstrip()),
        ".fi",
        ".SH SECTIONS",
    ]
    for entity_type in load_schema().entity_types.values():
        if entity_type.is_configuration:
            lines += _section(entity_type)
    lines += [".SH SEE ALSO", "skrouterd(8), skmanage(8), skstat(8)"]
    return "\n".join(lines) + "\n"


def _section(entity_type: EntityType) -> Iterator[str]:
    yield f".SS {literal(entity_type.shown_name)}"
    yield literal(entity_type.description)
    for attribute in entity_type.attributes.values():
        if attribute.create or attribute.update or attribute.required:
            yield ".TP"
            yield f'.BR {literal(attribute.name)} " ({literal(_limits(attribute))})"'
            yield literal(attribute.description)


def _limits(one: Attribute) -> str:
    parts = [", ".join(one.choices) if one.choices else one.type]
    if one.default is not None:
        parts.append(f"default {one.default if isinstance(one.default, str) else json.dumps(one.default)}")
    if one.required or one.needed:
        parts.append("must be given")
    return "; ".join(parts)


def head(name: str, section: int, title: str) -> list[str]:
    """The lines that every page begins with."""
    return [f'.TH {name.upper()} {section} "" "{_MANUAL}"', ".SH NAME", f"{name} \\- {literal(title)}"]


def literal(text: str) -> str:
    """Text that is no request: backslashes and hyphens stay what they are, no line begins with a dot."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.split("\n"))
