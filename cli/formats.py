"""Output for programs: JSON and YAML."""

import json
from argparse import SUPPRESS
from collections.abc import Sequence
from typing import Any, Final

JSON: Final = "json"
YAML: Final = "yaml"
FORMATS: Final = (JSON, YAML)


def add_format_options(group: Any, formats: Sequence[str], default: str) -> None:
    """`-o` and its short form `--json`."""
    group.add_argument(
        "-o",
        "--output",
        choices=formats,
        default=default,
        help="Form of the output (default %(default)s)",
    )
    group.add_argument(
        "--json",
        dest="output",
        action="store_const",
        const=JSON,
        default=SUPPRESS,
        help="Render output as JSON",
    )


def dump(value: object, form: str, indent: int | None) -> str:
    """The value as JSON, on one line if `indent` is None, or as YAML; without a line end."""
    if form == JSON:
        return json.dumps(value, indent=indent)
    import yaml  # noqa: PLC0415 — start-up time

    text: str = yaml.safe_dump(
        value, indent=indent or 2, sort_keys=False, allow_unicode=True, explicit_start=True
    )
    return text.rstrip("\n")


def camel_case(value: object) -> object:
    """The value with the keys of its maps as management spells attributes."""
    match value:
        case dict():
            return {_camel(str(key)): camel_case(item) for key, item in value.items()}
        case list() | tuple():
            return [camel_case(item) for item in value]
    return value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
