"""A VanFlow machine on a clock of its own, driven as its shell would drive it."""

from __future__ import annotations

from typing import Any

from skrouter.amqp.message import Message, Properties, encode_message
from skrouter.router.vanflow import events
from skrouter.router.vanflow.attributes import RecordType
from skrouter.router.vanflow.effects import Effect, Log, ReleaseRows, SendMessage
from skrouter.router.vanflow.machine import VanFlow
from skrouter.router.vanflow.rows import APP, CO, TPORT, Row

from skrouter_testing.flow_decoder import Heard, Record, decode

SOURCE, OTHER = "abcde", "fghij"
ME = f"{SOURCE}:0"
ALL, HOME = "mc/sfe.all", f"mc/sfe.{ME}"
FLOWS, LOGS = f"{HOME}.flows", f"{HOME}.logs"
WALL = 1_700_000_000_000_000


class Source:
    """A machine that is driven as its shell would: every deadline in time, effects kept."""

    def __init__(self, *addresses: str) -> None:
        self.now = 100.0
        self.machine = VanFlow(SOURCE)
        self.log: list[str] = []
        self.heard: list[Heard] = []
        self.released = 0
        self.rows: dict[int, list[Row]] = {}
        self.give(events.Started())
        for address in addresses:
            self.consumers(address)

    def give(self, event: events.Event) -> None:
        """Let the machine handle it now."""
        for effect in self.machine.handle(event, self.now):
            self._note(effect)

    def _note(self, effect: Effect) -> None:
        match effect:
            case Log(level, text):
                assert level == "info"
                self.log.append(text)
            case SendMessage(content):
                self.heard.append(decode(content))
            case ReleaseRows(count):
                self.released += count

    def consumers(self, address: str, count: int = 1) -> None:
        """So many consume from an event address."""
        self.give(events.ConsumersChanged(address, count))

    def begin(self, kind: RecordType, number: int, attributes: events.Given | None = None) -> None:
        """A record of this router."""
        self.give(events.RecordStarted(kind, f"{SOURCE}:{number}", ME, WALL, attributes or {}))

    def change(self, number: int, attributes: events.Given) -> None:
        """New values of it."""
        self.give(events.RecordChanged(f"{SOURCE}:{number}", attributes))

    def end(self, number: int) -> None:
        """It is gone."""
        self.give(events.RecordEnded(f"{SOURCE}:{number}", WALL + 1))

    def row(self, row: Row) -> None:
        """As the data plane keeps them: by slot, until it is taken."""
        self.rows.setdefault(row.number % 5, []).append(row)

    def run(self, seconds: float) -> None:
        """Let time pass, with every deadline kept."""
        until = self.now + seconds
        while (due := self.machine.next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            if self.machine.flush_due is not None and self.machine.flush_due <= self.now:
                self.give(events.FlushDue(self.rows.pop(self.machine.slot, [])))
            if self.machine.beat_due is not None and self.machine.beat_due <= self.now:
                self.give(events.BeatDue(WALL + int(self.now)))
        self.now = until

    def told(self, address: str) -> list[Record]:
        """The records told at an address since the last call."""
        found = [one for one in self.heard if one.to == address and one.subject == "RECORD"]
        self.heard = [one for one in self.heard if one not in found]
        return [record for one in found for record in one.records]


def connection(number: int, ended: int = 0, **more: Any) -> Row:
    """A connection of a listener."""
    values = {"parent": 3, "started": WALL, "octets": 1, "octets_reverse": 2, "latency": 9, **more}
    return Row(TPORT, number, "", ended=ended, host="10.0.0.1", port="4", trace="", error="", **values)


def addition(number: int, identity: str, ended: int = 0, **more: Any) -> Row:
    """What a connector adds to a record."""
    values = {"latency": 7, "trace": "0/A", "error": "", **more}
    return Row(
        CO, number, identity, 8, WALL, ended, octets=0, octets_reverse=0, host="10.0.0.2", port="5", **values
    )


def request(number: int, ended: int = 0) -> Row:
    """A request of HTTP/2."""
    asked = ("HTTP/2", "GET", "200", "", "192.0.2.7", 3)
    return Row(APP, number, "", 11, WALL, ended, 0, 30, 40, "", "", "", "", asked)


def flush(source: Source) -> None:
    """A collector asks for everything."""
    content = encode_message(Message(properties=Properties(to=f"sfe.{ME}", subject="FLUSH")))
    source.give(events.MessageReceived(source.machine.command_address, content))
