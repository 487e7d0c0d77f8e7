"""Checks of arguments: each gives the text of a problem, or nothing (skupper-cli.md §1.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from skrouter.config.resources.rules import NAME_PATTERN, duration_seconds, is_host, is_name

FILE_PATTERN = "^[A-Za-z0-9./~-]+$"
EXPRESSION = "value does not match this regular expression: "


def name(what: str, value: str) -> str:
    """A name of a resource, a routing key, credentials."""
    return "" if is_name(value) else f"{what} is not valid: {EXPRESSION}{NAME_PATTERN}"


def host(value: str) -> str:
    """A host name or an address."""
    return "" if is_host(value) else "host is not valid: a valid IP address or hostname is expected"


def file_name(what: str, value: str) -> str:
    """A name of a file that is written."""
    good = re.fullmatch(FILE_PATTERN, value)
    return "" if good else f"{what} is not valid: {EXPRESSION}{FILE_PATTERN}"


def number(what: str, value: str, most: int) -> str:
    """A whole number that is not negative."""
    text = value.strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        return f'{what} is not valid: strconv.Atoi: parsing "{value}": invalid syntax'
    if text.startswith("-"):
        return f"{what} is not valid: value is not positive"
    return "" if int(text) <= most else f"{what} is not valid: value must be at most {most}"


def port(what: str, value: str) -> str:
    """A port."""
    return number(f"{what} port", value, 65535)


def duration(what: str, value: str, least: float, shown: str) -> str:
    """A duration of at least so many seconds, `shown` as Go does."""
    seconds = duration_seconds(value)
    if seconds is None:
        return f'{what} is not valid: time: invalid duration "{value}"'
    return (
        ""
        if seconds >= least
        else f"{what} is not valid: duration must not be less than {shown}; got {value}"
    )


def choice(what: str, value: str, choices: Iterable[str]) -> str:
    """One of these words."""
    known = tuple(choices)
    if value in known:
        return ""
    shown = " ".join(known)
    return f"{what} is not valid: value {value} not allowed. It should be one of this options: [{shown}]"


def output(value: str) -> str:
    """json or yaml."""
    return choice("output type", value, ("json", "yaml"))


def problems(*found: str) -> list[str]:
    """Those that are problems."""
    return [one for one in found if one]
