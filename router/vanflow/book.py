"""All records of this router, and which of them have something new to tell at which flush tick."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from skrouter.router.vanflow.attributes import FLOW_TYPES, Attribute, RecordType, Value
from skrouter.router.vanflow.record import Record

SLOTS: Final = 5
"""Ticks until it is a record's turn again."""


class Book:
    """Records by identity; `slot` is the one whose turn is next."""

    def __init__(self) -> None:
        self.slot = 0
        self._records: dict[str, Record] = {}
        self._changed: list[dict[Record, None]] = [{} for _ in range(SLOTS)]
        self._turn = 0

    def get(self, identity: str) -> Record | None:
        """The record, if it has not been told for the last time."""
        return self._records.get(identity)

    def all(self) -> Iterable[Record]:
        """All records, oldest first."""
        return self._records.values()

    def add(
        self,
        kind: RecordType,
        identity: str,
        attributes: Mapping[Attribute, Value | None],
        slot: int | None = None,
    ) -> Record:
        """A new record, of this slot if it has one already."""
        self._turn += 1
        record = Record(kind, identity, self._turn % SLOTS if slot is None else slot)
        self._records[identity] = record
        self.change(record, attributes)
        return record

    def change(self, record: Record, attributes: Mapping[Attribute, Value | None]) -> None:
        """Give it new values, to be told at its turn."""
        if record.set(attributes):
            self._changed[record.slot][record] = None

    def tell_all(self, is_meant: Callable[[Record], bool]) -> None:
        """All of these are told again, whole: flows at their turn, others at the next tick."""
        for record in self._records.values():
            if is_meant(record):
                record.tell_all()
                slot = record.slot if record.kind in FLOW_TYPES else self.slot
                self._changed[slot][record] = None

    def tell_now(self, record: Record) -> None:
        """What it has to tell is told at the next tick."""
        self._changed[self.slot][record] = None

    def take(self) -> list[Record]:
        """The records whose turn it is, oldest change first, and on to the next slot. Ended ones are gone."""
        taken = [record for record in self._changed[self.slot] if record.changed]
        self._changed[self.slot] = {}
        self.slot = (self.slot + 1) % SLOTS
        for record in taken:
            if record.has_ended:
                self._records.pop(record.identity, None)
        return taken
