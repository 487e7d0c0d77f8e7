"""VanFlow of one router: `effects = machine.handle(event, now)`. What is new is told in flush ticks.

    RecordStarted, RecordChanged, RecordEnded, Logged ──▶ book ──┐
    rows of the data plane, additions of other routers ─▶ flows ─┴─ FlushDue ──▶ messages, lines of FLOW_LOG

A change while nobody consumes from its address is not told later: who comes then asks for all with FLUSH.
"""

from __future__ import annotations

from typing import Final

from skrouter.amqp.errors import DecodeError
from skrouter.router.vanflow import events, wire
from skrouter.router.vanflow.attributes import FLOW_TYPES, Attribute, RecordType
from skrouter.router.vanflow.beacons import Beacons
from skrouter.router.vanflow.book import Book
from skrouter.router.vanflow.effects import Effect, Log, ReleaseRows, SendMessage
from skrouter.router.vanflow.flows import Flows
from skrouter.router.vanflow.record import Record

FLUSH_INTERVAL: Final = 0.2
FIRST_FLUSH: Final = 2.0
FLUSH_LASTS: Final = 5.0
"""Seconds in which a new consumer hears what FLUSH asked for: its command may outrun the news of it."""
SEVERITIES: Final = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}
LOG_MODULE: Final = "FLOW_LOG"
LEAST_LOGGED: Final = SEVERITIES["warning"]
LASTING: Final = frozenset({RecordType.SITE, RecordType.ROUTER})
"""Types whose end is never told: it is that of the source."""


class VanFlow:
    """The records of a router and who hears of them. `source`: this source's id; the router is its `:0`."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.identity = f"{source}:0"
        self.command_address = wire.command_address(self.identity)
        self.co_record_address = wire.co_record_address(source)
        self._home = wire.event_address(self.identity)
        self._flow_home = wire.event_address(self.identity, ".flows")
        self._log_home = wire.event_address(self.identity, ".logs")
        self.event_addresses = (wire.ALL_SOURCES, self._home, self._flow_home, self._log_home)
        self._consumers: dict[str, int] = dict.fromkeys(self.event_addresses, 0)
        self._book = Book()
        self._flows = Flows(self._book, source)
        self._beacons = Beacons()
        self._flush_due: float | None = None
        self._sent = 0
        self._to_log: set[Record] = set()
        self._flush_lasts = 0.0
        self._again: set[str] = set()

    # --- what the shell asks

    @property
    def slot(self) -> int:
        """Whose rows the next flush wants."""
        return self._book.slot

    @property
    def flush_due(self) -> float | None:
        """When FlushDue is wanted; None before the start."""
        return self._flush_due

    @property
    def beat_due(self) -> float | None:
        """When BeatDue is wanted; None: not at all."""
        return self._beacons.due

    @property
    def wants_flows(self) -> bool:
        """Whether somebody consumes records of connections and requests."""
        return self._consumers[self._flow_home] > 0

    def next_deadline(self) -> float | None:
        """When FlushDue or BeatDue is wanted."""
        return min((one for one in (self._flush_due, self._beacons.due) if one is not None), default=None)

    # --- events

    def handle(self, event: events.Event, now: float) -> list[Effect]:
        """Take in an event; `now`: monotonic seconds."""
        match event:
            case events.Started():
                self._flush_due = now + FIRST_FLUSH
                return [Log("info", "Protocol logging started")]
            case events.ConsumersChanged(address, count):
                is_new = count > self._consumers[address]
                self._consumers[address] = count
                self._beacons.collected(self._consumers[wire.ALL_SOURCES] > 0, now)
                if is_new and now < self._flush_lasts:
                    self._again.add(address)
            case events.MessageReceived(address, content):
                self._received(address, content, now)
            case events.BeatDue(moment):
                return self._beat(moment, now)
            case events.FlushDue():
                return self._flush(event, now)
            case events.Stopped(moment, rows):
                self._flows.take(rows)
                return self._stop(moment)
            case _:
                self._note(event)
        return []

    def _note(self, event: events.Event) -> None:
        match event:
            case events.RecordStarted():
                self._start_record(event)
            case events.RecordChanged(identity, attributes):
                if (record := self._book.get(identity)) is not None:
                    self._book.change(record, attributes)
                    if record.kind is RecordType.LISTENER and record.attributes.get(Attribute.FLOW_COUNT_L4):
                        self._log_once(record)
            case events.RecordEnded(identity, moment):
                if (record := self._book.get(identity)) is not None:
                    self._book.change(record, {Attribute.END_TIME: moment})
            case events.Logged():
                self._logged(event)

    def _start_record(self, event: events.RecordStarted) -> None:
        own = {Attribute.PARENT: event.parent or None, Attribute.START_TIME: event.moment}
        record = self._book.add(event.kind, event.identity, {**own, **event.attributes})
        if event.kind is RecordType.ROUTER:
            self._log_once(record)

    def _logged(self, event: events.Logged) -> None:
        severity = SEVERITIES[event.level]
        if event.module == LOG_MODULE or severity < LEAST_LOGGED:
            return
        attributes: events.Given = {
            Attribute.PARENT: self.identity,
            Attribute.START_TIME: event.moment,
            Attribute.END_TIME: event.moment,
            Attribute.LOG_SEVERITY: severity,
            Attribute.LOG_TEXT: f"LOG_{event.module}: {event.text}",
            Attribute.SOURCE_FILE: event.file or None,
            Attribute.SOURCE_LINE: event.line if event.file else None,
        }
        self._book.add(RecordType.LOG, event.identity, attributes)

    def _received(self, address: str, content: bytes, now: float) -> None:
        """A command or an addition. What makes no sense changes nothing: anybody can send here."""
        try:
            if address == self.command_address and wire.read_subject(content) == wire.FLUSH:
                self._flush_lasts = now + FLUSH_LASTS
                self._again.update((self._home, self._flow_home, self._log_home))
            elif address == self.co_record_address:
                for kind, identity, attributes in wire.read_records(content):
                    if kind is RecordType.BIFLOW_TPORT:
                        self._flows.added(identity, attributes)
        except DecodeError:
            return

    # --- telling

    def _number(self) -> int:
        self._sent += 1
        return self._sent - 1

    def _beat(self, moment: int, now: float) -> list[Effect]:
        effects: list[Effect] = []
        is_beacon = self._beacons.beat(now)
        if self._consumers[self._home]:
            effects.append(SendMessage(wire.heartbeat(self._number(), self.identity, moment)))
        if is_beacon:
            effects.append(SendMessage(wire.beacon(self._number(), self.identity)))
        return effects

    def _flush(self, event: events.FlushDue, now: float) -> list[Effect]:
        self._flush_due = max((self._flush_due or now) + FLUSH_INTERVAL, now)
        released = self._flows.take(event.rows)
        if self._again:
            self._book.tell_all(lambda record: self._home_of(record) in self._again)
            self._again.clear()
        records = self._book.take()
        effects: list[Effect] = self._tell(records)
        for source, additions in self._flows.take_additions():
            effects += self._send(wire.co_record_address(source), additions)
        if event.is_logged:
            effects += self._log_lines(records)
        self._to_log.difference_update(records)
        if released:
            effects.append(ReleaseRows(released))
        return effects

    def _tell(self, records: list[Record]) -> list[Effect]:
        homes: dict[str, list[Record]] = {}
        for record in records:
            homes.setdefault(self._home_of(record), []).append(record)
        effects: list[Effect] = []
        for home, its in homes.items():
            if self._consumers[home]:
                effects += self._send(home, its)
            else:
                for record in its:
                    record.changed.clear()
        return effects

    def _home_of(self, record: Record) -> str:
        if record.kind is RecordType.LOG:
            return self._log_home
        return self._flow_home if record.kind in FLOW_TYPES else self._home

    def _send(self, to: str, records: list[Record]) -> list[Effect]:
        effects: list[Effect] = []
        for first in range(0, len(records), wire.MAX_RECORDS):
            some = records[first : first + wire.MAX_RECORDS]
            told = [(one.kind, one.identity, one.take_changes()) for one in some]
            effects.append(SendMessage(wire.records(self._number(), to, told)))
        return effects

    # --- the log

    def _log_lines(self, records: list[Record]) -> list[Effect]:
        """Of what has ended, and of the first time that some others are told."""
        logged = [one for one in records if one.has_ended or one in self._to_log]
        return [Log("info", one.log_line()) for one in logged]

    def _log_once(self, record: Record) -> None:
        """Some have a line before their end too."""
        if not record.was_logged:
            self._to_log.add(record)

    def _stop(self, moment: int) -> list[Effect]:
        self._flush_due = self._beacons.due = None
        self._flows.end_all()
        lines: list[Effect] = []
        for record in self._book.all():
            if record.kind not in LASTING:
                record.set({Attribute.END_TIME: record.attributes.get(Attribute.END_TIME, moment)})
                lines.append(Log("info", record.log_line()))
        return [*lines, Log("info", "Protocol logging completed")]
