"""What VanFlow asks of the router around it: a closed list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send it, pre-settled, to its `to`."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """A line for module FLOW_LOG."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class ReleaseRows:
    """So many connections, whose end was among the rows, are no records any more."""

    count: int


Effect = SendMessage | Log | ReleaseRows
