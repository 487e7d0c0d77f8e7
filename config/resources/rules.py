"""What a value of a field may be: said to people, to our reader and to OpenAPI. Knows no kinds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])*(\.[a-z0-9]([-a-z0-9]*[a-z0-9])*)*$"
"""Names of resources, routing keys and credentials (skupper-cli.md §1.4); shown to people in this form."""

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value may be: a number between bounds, one of the choices, or text of a form of `_FORMS`."""

    allowed: str
    remedy: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    form: str | None = None

    def holds(self, value: str | int) -> bool:
        """Whether the value may stand there."""
        if isinstance(value, int):
            return self._holds_number(value)
        if self.choices:
            return value in self.choices
        if self.form is not None:
            return _FORMS[self.form](value)
        return value.isascii() and value.isdigit() and len(value) < 20 and self._holds_number(int(value))

    def _holds_number(self, value: int) -> bool:
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value <= self.maximum
        )

    def schema(self, *, number: bool) -> dict[str, Any]:
        """The rule as OpenAPI states it, as far as it can."""
        if self.choices:
            return {"enum": list(self.choices)}
        if not number:
            return {}
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        return {name: bound for name, bound in bounds.items() if bound is not None}


def is_name(text: str) -> bool:
    """A name of a resource, routing key or credentials."""
    return len(text) <= 253 and _NAME.fullmatch(text) is not None


def is_label(text: str) -> bool:
    """A label of RFC 1123: the names of resources on local systems, and of namespaces."""
    return _LABEL.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """An IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_host(text: str) -> bool:
    """A host name or an IP address."""
    return (len(text) <= 253 and _HOST.fullmatch(text) is not None) or is_address(text)


def duration_seconds(text: str) -> float | None:
    """Seconds of a duration as `15m`, `1h30m` or `90s`; None if it is none."""
    position, total = 0, 0.0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None:
            return None
        total += float(part[1]) * _SECONDS[part[2]]
        position = part.end()
    return total if text else None


_FORMS: Mapping[str, Callable[[str], bool]] = {
    "name": is_name,
    "label": is_label,
    "host": is_host,
    "duration": lambda text: (duration_seconds(text) or 0) > 0,
    "some": bool,
}

NAME = Rule(
    "lower case letters, digits, '-' and '.', with a letter or digit at both ends of each part",
    "choose a name as my-service",
    form="name",
)
LABEL = Rule(
    "at most 63 lower case letters, digits and '-', with a letter or digit at both ends",
    "choose a name as my-site",
    form="label",
)
HOST = Rule("a host name or an IP address", "give one as db.example.com or 10.0.0.5", form="host")
PORT = Rule("a port number from 1 to 65535", "give the number of the port", minimum=1, maximum=65535)
COST = Rule("a whole number from 0 to 2147483647", "give 1 or more", minimum=0, maximum=(1 << 31) - 1)
COUNT = Rule("a whole number from 0", "give 1 or more", minimum=0, maximum=(1 << 31) - 1)
DURATION = Rule("a duration as 15m, 1h30m or 90s", "give hours, minutes or seconds", form="duration")
SOME_TEXT = Rule("some text", "give a value", form="some")


def one_of(*choices: str) -> Rule:
    """One of these words."""
    shown = ", ".join(choice for choice in choices if choice)
    return Rule(f"one of: {shown}", f"choose {next(choice for choice in choices if choice)}", choices=choices)
