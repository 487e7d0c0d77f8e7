"""Completion of options for bash, with the values where there is a choice."""

from skrouter.cli.skmanage import SHORTHANDS
from skrouter.config.schema import load_schema

from reference.programs import PROGRAMS, Option, Program, groups

_FILES = ("PATH", "FILE", "CERT", "KEY", "TRUSTED-CA-DB", "SSL-PASSWORD-FILE", "SASL-PASSWORD-FILE")

_FUNCTION = """\
_{name}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    case $before in
{cases}    esac
    COMPREPLY=($(compgen -W '{words}' -- "$word"))
}}
complete -F _{name} {name}
"""


def bash() -> str:
    """A script to be sourced, or put where bash-completion looks."""
    head = "# Completion for bash. Written by `make reference`.\n"
    return head + "".join("\n" + _function(program.name, _options(program)) for program in PROGRAMS)


def _options(program: Program) -> list[Option]:
    return [option for _, options in groups(program.parser) for option in options]


def _function(name: str, options: list[Option]) -> str:
    cases = [case for option in options for case in _case(option)]
    if name == "skmanage":
        cases.append(_reply(("--type",), _types()))
    words = [word for option in options for word in option.names] + (
        list(_operations()) if name == "skmanage" else []
    )
    return _FUNCTION.format(name=name, cases="".join(cases), words=" ".join(words))


def _case(option: Option) -> list[str]:
    value = option.value.strip("[]")
    if "|" in value:
        return [_reply(option.names, value.split("|"))]
    if value in _FILES:
        names = "|".join(option.names)
        return [f'        {names}) COMPREPLY=($(compgen -f -- "$word")); return ;;\n']
    return []


def _reply(names: tuple[str, ...], words: list[str]) -> str:
    return (
        f"        {'|'.join(names)}) COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$word\")); return ;;\n"
    )


def _types() -> list[str]:
    known = [one.short_name for one in load_schema().entity_types.values() if one.kind != "abstract"]
    return [*known, *SHORTHANDS]


def _operations() -> list[str]:
    node = load_schema().entity_type("management")
    general = ("CREATE", "READ", "UPDATE", "DELETE")
    return [one.lower() for one in dict.fromkeys((*node.operations, *general))]
