"""Telemetry on a loop: timers, rows that are taken and released, what the log says of too many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from skrouter.config.model import LogConfig
from skrouter.router.net.log import RouterLog
from skrouter.router.net.telemetry import Self, Surroundings, Telemetry
from skrouter.router.vanflow.attributes import Attribute, RecordType
from skrouter.router.vanflow.rows import TPORT, RawRow
from skrouter_testing.flow_decoder import decode

WHOM = Self("A", "interior", "1.0")
TIMEOUT = 30.0


class Rows:
    """A source of rows that the test fills."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.wanted: list[bool] = []
        self.rows: dict[int, list[RawRow]] = {}
        self.slots: list[int] = []
        self.released = 0
        self.records_dropped = 0
        self._number = 0

    def start_records(self, source: str, first: int) -> None:
        self.started.append((source, first))

    def next_record_number(self) -> int:
        self._number += 1
        return self._number

    def want_records(self, wanted: bool) -> None:
        self.wanted.append(wanted)

    def take_records(self, slot: int) -> list[RawRow]:
        self.slots.append(slot)
        return self.rows.pop(slot, [])

    def release_records(self, count: int) -> None:
        self.released += count


class World:
    """A telemetry whose router is two dictionaries."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, levels: str = "info,warning,error") -> None:
        self.sent: list[Any] = []
        self.listeners: dict[str, Callable[[bytes], None]] = {}
        self.watchers: dict[str, Callable[[int], None]] = {}
        config = LogConfig(
            entity=None,  # type: ignore[arg-type]  # the log does not look at it
            name="log/DEFAULT",
            identity="log/DEFAULT",
            module="DEFAULT",
            levels=frozenset(levels.split(",")),
            include_timestamp=None,
            include_source=None,
            output_file=None,
        )
        self.log = RouterLog([config])
        around = Surroundings(
            lambda content: self.sent.append(decode(content)),
            self.listeners.__setitem__,
            self.watchers.__setitem__,
        )
        self.telemetry = Telemetry(loop, self.log, "RANDOMTEXT", around, {"HOSTNAME": "pod-abcde"})
        self.rows = Rows()
        self.telemetry.rows = self.rows

    def lines(self, *parts: str) -> list[str]:
        found = [f"{one.module} ({one.level}) {one.text}" for one in self.log.entries]
        return [line for line in found if all(part in line for part in parts)]


async def until(holds: Callable[[], object]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def run(scenario: Callable[[World], Any], **options: str) -> None:
    async def bounded() -> None:
        world = World(asyncio.get_running_loop(), **options)
        try:
            await asyncio.wait_for(scenario(world), TIMEOUT)
        finally:
            world.telemetry.stop()
            world.log.close()

    asyncio.run(bounded())


def row(number: int, ended: int) -> RawRow:
    return TPORT, number, "", 1, 5, ended, 1, 2, 3, "10.0.0.1", "4", "", "", None


def test_h1_it_listens_and_watches_where_the_source_is_addressed() -> None:
    async def scenario(world: World) -> None:
        world.telemetry.start(WHOM, None)
        assert world.rows.started == [("abcde", 1)]
        assert set(world.listeners) == {"sfe.abcde:0", "vfcr.abcde:0"}
        own = "mc/sfe.abcde:0"
        assert set(world.watchers) == {"mc/sfe.all", own, f"{own}.flows", f"{own}.logs"}

    run(scenario)


def test_h3_every_slot_is_taken_in_turn_and_ended_connections_are_released() -> None:
    async def scenario(world: World) -> None:
        world.telemetry.start(WHOM, None)
        world.watchers["mc/sfe.abcde:0.flows"](1)
        world.rows.rows[2] = [row(7, ended=9)]
        await until(lambda: world.rows.released)
        assert world.rows.released == 1
        slots = world.rows.slots
        assert slots == [number % 5 for number in range(len(slots))]
        assert [one.to for one in world.sent] == ["mc/sfe.abcde:0.flows"] * 2
        assert world.lines("BIFLOW_TPORT [abcde:7] BEGIN END parent=abcde:1")

    run(scenario)


def test_h6_records_are_wanted_where_the_log_or_a_collector_hears_of_them() -> None:
    async def scenario(world: World) -> None:
        world.telemetry.start(WHOM, None)
        await until(lambda: len(world.rows.wanted) > 1)
        assert not any(world.rows.wanted)
        world.watchers["mc/sfe.abcde:0.flows"](1)
        await until(lambda: world.rows.wanted[-1])
        world.watchers["mc/sfe.abcde:0.flows"](0)
        await until(lambda: not world.rows.wanted[-1])

    run(scenario, levels="warning,error")
    run(_wanted_by_the_log)


async def _wanted_by_the_log(world: World) -> None:
    world.telemetry.start(WHOM, None)
    assert world.rows.wanted == [True]


def test_h6_what_was_dropped_is_counted_in_a_warning_that_is_no_record() -> None:
    async def scenario(world: World) -> None:
        world.telemetry.start(WHOM, None)
        world.watchers["mc/sfe.abcde:0.logs"](1)
        world.rows.records_dropped = 12
        warning = "FLOW_LOG (warning) Too many flow records: 12 connections or requests have none"
        await until(lambda: world.lines(warning))
        world.rows.records_dropped = 15
        seen = len(world.rows.slots)
        await until(lambda: len(world.rows.slots) > seen + 6)
        assert len(world.lines("Too many")) == 1
        assert world.sent == []

    run(scenario)


def test_h2_polls_come_before_the_last_words() -> None:
    async def scenario(world: World) -> None:
        world.telemetry.start(WHOM, None)
        number = world.telemetry.begin(RecordType.LINK, {Attribute.OCTETS: 1})
        world.telemetry.polls.append(lambda: world.telemetry.change(number, {Attribute.OCTETS: 5}))
        world.telemetry.stop()
        assert world.lines("LINK [abcde:1] BEGIN END parent=abcde:0 octets=5")
        world.telemetry.end(number)
        assert world.lines()[-1] == "FLOW_LOG (info) Protocol logging completed"

    run(scenario)
