"""Records of connections and requests: from rows of the data plane, and from what other routers add.

A connection that has ended stays for five seconds, so that the server's side can add what it knows
(spec: vanflow §4).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from skrouter.router.vanflow.attributes import Attribute, Attributes, RecordType
from skrouter.router.vanflow.book import Book
from skrouter.router.vanflow.record import Record
from skrouter.router.vanflow.rows import CO, TPORT, Row, row_attributes
from skrouter.router.vanflow.source import is_identity

HOLD_TICKS: Final = 25
PATIENCE_TICKS: Final = 30
"""How long an addition waits for the row of its record, which may be late under load."""
MAX_WAITING: Final = 2000
MAX_TEXT: Final = 4096
ADDABLE: Final = frozenset(
    {
        Attribute.TRACE,
        Attribute.CONNECTOR,
        Attribute.PROCESS_LATENCY,
        Attribute.PROXY_HOST,
        Attribute.PROXY_PORT,
        Attribute.ERROR_CONNECTOR_SIDE,
    }
)
"""What the server's side knows. Anybody may send it, so all else, and long texts, stay as they are."""


class Flows:
    """The part of the book that changes with the traffic. `source` is this router's id."""

    def __init__(self, book: Book, source: str) -> None:
        self._book = book
        self._source = source
        self._tick = 0
        self._held: deque[tuple[int, Record, int]] = deque()
        self._waiting: dict[str, tuple[int, Attributes]] = {}
        self._additions: dict[int, Record] = {}
        self._changed: dict[Record, None] = {}

    def take(self, rows: Iterable[Row]) -> int:
        """A flush tick with its rows. Returns how many connections will be told for the last time at it."""
        self._tick += 1
        for row in rows:
            if row.kind == CO:
                self._add_to(row)
            else:
                self._own(row)
        self._forget_waiting()
        return self._release()

    def _own(self, row: Row) -> None:
        identity = f"{self._source}:{row.number}"
        attributes = row_attributes(row, self._source)
        record = self._book.get(identity)
        if record is None:
            attributes[Attribute.PARENT] = f"{self._source}:{row.parent}"
            attributes[Attribute.START_TIME] = row.started
            _, added = self._waiting.pop(identity, (0, {}))
            record = self._book.add(row.record_type, identity, attributes | added, self._book.slot)
        else:
            self._book.change(record, attributes)
        if row.ended and row.kind == TPORT:
            self._held.append((self._tick + HOLD_TICKS, record, row.ended))
        elif row.ended:
            self._book.change(record, {Attribute.END_TIME: row.ended})

    def _release(self) -> int:
        """The end of connections that were held long enough."""
        released = 0
        while self._held and self._held[0][0] <= self._tick:
            _, record, ended = self._held.popleft()
            self._book.change(record, {Attribute.END_TIME: ended})
            self._book.tell_now(record)
            released += 1
        return released

    def end_all(self) -> None:
        """Nothing is held any longer."""
        for _, record, ended in self._held:
            self._book.change(record, {Attribute.END_TIME: ended})
        self._held.clear()

    # --- additions to records of connections

    def _add_to(self, row: Row) -> None:
        """What a connector of ours knows of a client's connection."""
        attributes = row_attributes(row, self._source)
        if row.identity.startswith(f"{self._source}:"):
            self.added(row.identity, attributes)
            return
        record = self._additions.get(row.number)
        if record is None:
            record = Record(RecordType.BIFLOW_TPORT, row.identity, 0)
            self._additions[row.number] = record
        if record.set(attributes):
            self._changed[record] = None
        if row.ended:
            del self._additions[row.number]

    def take_additions(self) -> Iterator[tuple[str, list[Record]]]:
        """What is to be told to other routers: their source ids, and records with changes."""
        by_source: dict[str, list[Record]] = {}
        for record in self._changed:
            by_source.setdefault(record.identity.partition(":")[0], []).append(record)
        self._changed.clear()
        yield from by_source.items()

    def added(self, identity: str, attributes: Attributes) -> None:
        """Somebody adds to a record of ours. What fits none is forgotten after a while."""
        if not is_identity(identity) or not identity.startswith(f"{self._source}:"):
            return
        additions = {
            name: value
            for name, value in attributes.items()
            if name in ADDABLE and not (isinstance(value, str) and len(value) > MAX_TEXT)
        }
        record = self._book.get(identity)
        if record is not None and record.kind is RecordType.BIFLOW_TPORT:
            self._book.change(record, additions)
        elif record is None and (identity in self._waiting or len(self._waiting) < MAX_WAITING):
            tick, before = self._waiting.get(identity, (self._tick, {}))
            self._waiting[identity] = (tick, before | additions)

    def _forget_waiting(self) -> None:
        while self._waiting:
            identity, (tick, _) = next(iter(self._waiting.items()))
            if tick + PATIENCE_TICKS > self._tick:
                return
            del self._waiting[identity]
