"""VanFlow in a running router: timers, messages and rows for the machine of router/vanflow."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from skrouter.config.model import SiteConfig
from skrouter.router.net import clock
from skrouter.router.net.log import LogEntry, RouterLog
from skrouter.router.vanflow import effects, events
from skrouter.router.vanflow.attributes import Attribute, RecordType
from skrouter.router.vanflow.book import SLOTS
from skrouter.router.vanflow.machine import LOG_MODULE, VanFlow
from skrouter.router.vanflow.rows import RawRow, Row
from skrouter.router.vanflow.source import router_attributes, source_id

TICKS_OF_A_POLL: Final = 5
"""Flush ticks between two looks at counters."""
WARN_INTERVAL: Final = 10.0
"""Seconds between two warnings of records that were not made."""
MICROSECONDS: Final = 1_000_000


class RowSource(Protocol):
    """Where connections and requests leave their records: the TCP bridge."""

    def start_records(self, source: str, first: int) -> None:
        """Make records, numbered from `first` on."""

    def next_record_number(self) -> int:
        """A number for a record that is made elsewhere."""

    def want_records(self, wanted: bool) -> None:
        """Whether those are kept that end before they are taken."""

    def take_records(self, slot: int) -> list[RawRow]:
        """What has changed of a slot."""

    def release_records(self, count: int) -> None:
        """So many ended connections do not count any more."""

    @property
    def records_dropped(self) -> int:
        """How many there were too many of."""


class NoRows:
    """Of a router without adaptors."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.records_dropped = 0

    def start_records(self, source: str, first: int) -> None:
        """Nothing ever has a record."""

    def next_record_number(self) -> int:
        """The next one."""
        return next(self._numbers)

    def want_records(self, wanted: bool) -> None:
        """There are none."""

    def take_records(self, slot: int) -> list[RawRow]:  # noqa: ARG002
        """There are none."""
        return []

    def release_records(self, count: int) -> None:
        """There are none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What telemetry needs: `listen` takes messages for an address, `watch` counts its consumers."""

    send: Callable[[bytes], None]
    listen: Callable[[str, Callable[[bytes], None]], None]
    watch: Callable[[str, Callable[[int], None]], None]


@dataclass(frozen=True, slots=True)
class Self:
    """Whom the ROUTER record is about."""

    router_id: str
    mode: str
    version: str


class Telemetry:
    """What the rest of the router tells of itself. Records begin once it has started."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        log: RouterLog,
        unique: str,
        around: Surroundings,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._loop = loop
        self._log = log
        self._around = around
        self._environment = environment
        self.machine = VanFlow(source_id(environment.get("HOSTNAME"), unique))
        self.rows: RowSource = NoRows()
        """To be replaced before the start, if there is a better one."""
        self.polls: list[Callable[[], None]] = []
        """Called about once a second: those who keep counters tell how they stand."""
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_running = False
        self._dropped = 0
        self._may_warn = 0.0

    # --- life

    def start(self, whom: Self, site: SiteConfig | None) -> None:
        """Begin to tell, and to hear who wants to know."""
        machine = self.machine
        self.rows.start_records(machine.source, 1)
        self._want()
        self._is_running = True
        self._handle(events.Started())
        self._log.followers.append(self._logged)
        self._start_router(whom, site)
        for address in (machine.command_address, machine.co_record_address):
            self._around.listen(address, self._receiver(address))
        for address in machine.event_addresses:
            self._around.watch(address, self._watcher(address))

    def _start_router(self, whom: Self, site: SiteConfig | None) -> None:
        environment = self._environment
        parent = environment.get("SKUPPER_SITE_ID", "")
        attributes = router_attributes(environment, whom.router_id, whom.mode, whom.version)
        if site is not None:
            parent = self._start_site(site, parent)
        self._start_record(RecordType.ROUTER, self.machine.identity, parent, attributes)

    def _start_site(self, site: SiteConfig, identity: str) -> str:
        identity = identity or self.identity(self.reserve())
        attributes: events.Given = {
            Attribute.NAME: site.name,
            Attribute.BUILD_VERSION: site.version,
            Attribute.LOCATION: site.location,
            Attribute.PROVIDER: site.provider,
            Attribute.PLATFORM: site.platform,
            Attribute.NAMESPACE: site.namespace,
        }
        self._start_record(RecordType.SITE, identity, "", attributes)
        return identity

    def stop(self) -> None:
        """Tell no more; the log gets the end of all records."""
        if not self._is_running:
            return
        self._log.followers.remove(self._logged)
        self._poll()
        rows = [Row._make(row) for slot in range(SLOTS) for row in self.rows.take_records(slot)]
        self._handle(events.Stopped(moment(), rows))
        self._is_running = False

    # --- what others tell

    def reserve(self) -> int:
        """A number for a record to come."""
        return self.rows.next_record_number()

    def identity(self, number: int) -> str:
        """What others call a record."""
        return f"{self.machine.source}:{number}"

    def begin(self, kind: RecordType, attributes: events.Given, number: int | None = None) -> int:
        """A record of something of this router; returns its number."""
        number = self.reserve() if number is None else number
        self._start_record(kind, self.identity(number), self.machine.identity, attributes)
        return number

    def change(self, number: int, attributes: events.Given) -> None:
        """New values, where they differ."""
        self._handle(events.RecordChanged(self.identity(number), attributes))

    def end(self, number: int) -> None:
        """It is gone."""
        self._handle(events.RecordEnded(self.identity(number), moment()))

    def _start_record(self, kind: RecordType, identity: str, parent: str, attributes: events.Given) -> None:
        self._handle(events.RecordStarted(kind, identity, parent, moment(), attributes))

    def _logged(self, entry: LogEntry) -> None:
        if entry.module == LOG_MODULE or entry.level in ("debug", "info"):
            return
        identity = self.identity(self.reserve())
        when = int(entry.time * MICROSECONDS)
        self._handle(
            events.Logged(identity, when, entry.module, entry.level, entry.text, entry.file, entry.line)
        )

    # --- what the router hears

    def _receiver(self, address: str) -> Callable[[bytes], None]:
        return lambda content: self._handle(events.MessageReceived(address, content))

    def _watcher(self, address: str) -> Callable[[int], None]:
        return lambda count: self._handle(events.ConsumersChanged(address, count))

    # --- the machine

    def _handle(self, event: events.Event) -> None:
        if not self._is_running:
            return
        for effect in self.machine.handle(event, clock.monotonic()):
            match effect:
                case effects.SendMessage(content):
                    self._around.send(content)
                case effects.Log(level, text):
                    self._log.log(LOG_MODULE, level, text)
                case effects.ReleaseRows(count):
                    self.rows.release_records(count)
        self._set_timer()

    def _set_timer(self) -> None:
        due = self.machine.next_deadline()
        if self._timer is not None:
            if due is not None and self._timer.when() <= due and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        now = clock.monotonic()
        if self.machine.flush_due is not None and self.machine.flush_due <= now:
            self._flush(now)
        if self.machine.beat_due is not None and self.machine.beat_due <= now:
            self._handle(events.BeatDue(moment()))
        self._set_timer()

    def _flush(self, now: float) -> None:
        self._ticks += 1
        if self._ticks % TICKS_OF_A_POLL == 0:
            self._poll()
        is_logged = self._want()
        rows = [Row._make(row) for row in self.rows.take_records(self.machine.slot)]
        self._handle(events.FlushDue(rows, is_logged))
        self._warn(now)

    def _want(self) -> bool:
        """Let connections leave records if anybody hears of them; whether the log does."""
        is_logged = self._log.enabled(LOG_MODULE, "info")
        self.rows.want_records(is_logged or self.machine.wants_flows)
        return is_logged

    def _poll(self) -> None:
        for poll in self.polls:
            poll()

    def _warn(self, now: float) -> None:
        """Records that were not made leave a trace, though not for each of them."""
        dropped = self.rows.records_dropped
        if dropped > self._dropped and now >= self._may_warn:
            text = f"Too many flow records: {dropped - self._dropped} connections or requests have none"
            self._log.log(LOG_MODULE, "warning", text)
            self._dropped, self._may_warn = dropped, now + WARN_INTERVAL


def moment() -> int:
    """Microseconds since 1970."""
    return int(clock.wall() * MICROSECONDS)
