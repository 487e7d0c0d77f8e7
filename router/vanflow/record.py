"""One record: its attributes, which of them have not been told yet, and its line in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skrouter.router.vanflow.attributes import LOG_NAMES, Attribute, Attributes, RecordType, Value

_NEVER_LOGGED = frozenset(
    {Attribute.RECORD_TYPE, Attribute.IDENTITY, Attribute.START_TIME, Attribute.END_TIME}
)


@dataclass(slots=True, eq=False)
class Record:
    """Attributes in `changed` have not been told. `slot`: the flush tick at which it is told."""

    kind: RecordType
    identity: str
    slot: int
    attributes: Attributes = field(default_factory=dict)
    changed: set[Attribute] = field(default_factory=set)
    was_logged: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether its end is to be told, or was."""
        return Attribute.END_TIME in self.attributes

    def set(self, attributes: Mapping[Attribute, Value | None]) -> bool:
        """Take new values, except None; whether any differs from what it has."""
        news = {
            name: value
            for name, value in attributes.items()
            if value is not None and self.attributes.get(name) != value
        }
        self.attributes.update(news)
        self.changed.update(news)
        return bool(news)

    def tell_all(self) -> None:
        """Everything is to be told again."""
        self.changed.update(self.attributes)

    def take_changes(self) -> Attributes:
        """What is to be told, in the order of the numbers; it counts as told from now on."""
        changes = {name: self.attributes[name] for name in sorted(self.changed)}
        self.changed.clear()
        return changes

    def log_line(self) -> str:
        """`TYPE [identity] BEGIN END name=value …`: BEGIN if it is the first one, END if it has ended."""
        words = [self.kind.name, f"[{self.identity}]"]
        words += [] if self.was_logged else ["BEGIN"]
        words += ["END"] if self.has_ended else []
        words += [
            f"{LOG_NAMES[name]}={self.attributes[name]}"
            for name in sorted(self.attributes)
            if name not in _NEVER_LOGGED
        ]
        self.was_logged = True
        return " ".join(words)
