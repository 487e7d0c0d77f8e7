"""What VanFlow is told: a closed list. `moment`: microseconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skrouter.router.vanflow.attributes import Attribute, RecordType, Value
from skrouter.router.vanflow.rows import Row

Given = Mapping[Attribute, Value | None]
"""Attributes of a record; None: it has none, or keeps what it has."""


@dataclass(frozen=True, slots=True)
class Started:
    """The router runs; comes first."""


@dataclass(frozen=True, slots=True)
class RecordStarted:
    """Something to tell of has come; `identity` is new, `parent` the identity of another record, or empty."""

    kind: RecordType
    identity: str
    parent: str
    moment: int
    attributes: Given


@dataclass(frozen=True, slots=True)
class RecordChanged:
    """Attributes of a record; those that are as they were are not told again."""

    identity: str
    attributes: Given


@dataclass(frozen=True, slots=True)
class RecordEnded:
    """It is gone."""

    identity: str
    moment: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A line was logged; `identity` is for its record."""

    identity: str
    moment: int
    module: str
    level: str
    text: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ConsumersChanged:
    """How many consume from an event address (`VanFlow.event_addresses`)."""

    address: str
    count: int


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message to the command address or the co-record address."""

    address: str
    content: bytes


@dataclass(frozen=True, slots=True)
class FlushDue:
    """The time for it has come; `rows`: what has changed of connections and requests of `VanFlow.slot`.

    `is_logged`: whether lines of FLOW_LOG are written at all.
    """

    rows: Iterable[Row] = ()
    is_logged: bool = True


@dataclass(frozen=True, slots=True)
class BeatDue:
    """The time for a heartbeat has come."""

    moment: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The router stops: the end of all records; `rows`: what has changed of any slot."""

    moment: int
    rows: Iterable[Row] = ()


Event = (
    Started
    | RecordStarted
    | RecordChanged
    | RecordEnded
    | Logged
    | ConsumersChanged
    | MessageReceived
    | FlushDue
    | BeatDue
    | Stopped
)
