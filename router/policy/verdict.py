"""What the policy answers: values. Conditions and texts are those of the reference [captured]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from skrouter.amqp import conditions


@dataclass(frozen=True, slots=True)
class Refusal:
    """Condition and description for the peer."""

    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line for the log, module POLICY."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision. `refusal` is what the peer is told of a denial, if it is told by a condition at all."""

    allowed: bool
    line: Line
    refusal: Refusal | None = None


CONNECTION: Final = Refusal(conditions.RESOURCE_LIMIT_EXCEEDED, "connection disallowed by local policy")
LINK_LIMIT: Final = Refusal(conditions.RESOURCE_LIMIT_EXCEEDED, "link disallowed by local policy")
LINK_ADDRESS: Final = Refusal(conditions.UNAUTHORIZED_ACCESS, "link disallowed by local policy")


def allow(text: str, tag: str = "") -> Verdict:
    """Allowed; the line is for those who look closely. `tag`: the connection's, as `[C7] `."""
    return Verdict(True, Line("debug", f"{tag}ALLOW {text}"))


def deny(text: str, refusal: Refusal | None = None, tag: str = "") -> Verdict:
    """Denied."""
    return Verdict(False, Line("info", f"{tag}DENY {text}"), refusal)
