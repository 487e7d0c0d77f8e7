"""Flow records in the data plane: what connections leave, when that is forgotten, and when it is too much."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from skrouter.router.vanflow.rows import APP, CO, TPORT, Row

if TYPE_CHECKING:
    from conftest import Router

SOURCE = "abcde"
SLOTS = 5
LIMIT, RESUME = 5000, 4990
FIRST_TIME = 200
AT_ONCE = 250


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that repeats what it hears."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


def recording(router: Router, wanted: bool = True) -> None:
    router.bridge.start_records(SOURCE, 1)
    router.bridge.want_records(wanted)


def take(router: Router) -> list[Row]:
    return [Row(*row) for slot in range(SLOTS) for row in router.bridge.take_records(slot)]


class Books:
    """The newest row of each record, by kind and number."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.rows: dict[tuple[int, int], Row] = {}
        self.turns = 0

    def of(self, kind: int) -> list[Row]:
        self.turns += 1
        self.rows.update({(row.kind, row.number): row for row in take(self.router)})
        return [row for row in self.rows.values() if row.kind == kind]

    async def ended(self, count: int = 1) -> None:
        """Until so many connections and what was added to them have ended."""
        await self.router.until(lambda: all(len(self._ended(kind)) == count for kind in (TPORT, CO)))

    def _ended(self, kind: int) -> list[Row]:
        return [row for row in self.of(kind) if row.ended]


async def one_connection(router: Router, ask: bytes = b"hello") -> str:
    """A connection from beginning to end; the client's port."""
    reader, writer = await router.open()
    port = str(writer.get_extra_info("sockname")[1])
    writer.write(ask)
    assert await reader.readexactly(len(ask)) == ask
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    await router.idle()
    return port


def test_h3_a_connection_and_its_addition_are_told_with_all_facts(router: Router) -> None:
    async def scenario() -> None:
        recording(router)
        router.bridge.offer_address(router.listener, "svc", 1, 77)
        connector = await router.serve(echo)
        router.bridge.set_connector_record(connector, 88)
        began = time.time()
        port = await one_connection(router)
        books = Books(router)
        await books.ended()
        (here,) = books.of(TPORT)
        assert (here.number, here.parent, here.host, here.port) == (1, 77, "127.0.0.1", port)
        assert (here.octets, here.octets_reverse) == (5, 5)
        assert 0 < here.latency < 30_000_000
        assert (here.error, here.trace, here.request) == ("", "", None)
        assert began - 1 < here.started / 1e6 <= here.ended / 1e6 < time.time() + 1
        (there,) = books.of(CO)
        assert (there.identity, there.parent, there.host) == (f"{SOURCE}:1", 88, "127.0.0.1")
        assert 0 < there.latency <= here.latency
        assert there.port not in ("", port)
        assert (there.error, there.trace) == ("", "")

    router.run(scenario())


def test_h6_short_connections_that_nobody_wants_leave_nothing(router: Router) -> None:
    async def scenario() -> None:
        recording(router, wanted=False)
        await router.serve(echo)
        for _ in range(20):
            await one_connection(router)
        assert take(router) == []
        assert router.bridge.next_record_number() == 21, "they have had numbers"

    router.run(scenario())


def test_h3_a_connection_that_was_seen_is_told_to_its_end_though_nobody_wants_it_any_more(
    router: Router,
) -> None:
    async def scenario() -> None:
        recording(router, wanted=False)
        await router.serve(echo)
        reader, writer = await router.open()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        books = Books(router)
        await router.until(lambda: len(books.of(TPORT)) == 1)
        writer.write(b"more")
        assert await reader.readexactly(4) == b"more"
        writer.write_eof()
        await router.until(lambda: bool(books.of(TPORT)[0].ended))
        assert books.of(TPORT)[0].octets == 5
        writer.close()
        await router.idle()

    router.run(scenario())


def test_h3_without_telemetry_there_are_no_records(router: Router) -> None:
    async def scenario() -> None:
        router.bridge.want_records(True)
        await router.serve(echo)
        await one_connection(router)
        assert take(router) == []
        assert router.bridge.records_dropped == 0

    router.run(scenario())


def test_h3_an_idle_connection_is_told_once(router: Router) -> None:
    async def scenario() -> None:
        recording(router)
        await router.serve(echo)
        reader, writer = await router.open()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        books = Books(router)
        await router.until(lambda: all(row.latency for row in books.of(TPORT)) and bool(books.of(CO)))
        turns = books.turns
        await router.until(lambda: bool(books.of(TPORT)) and books.turns > turns + 5)
        assert take(router) == []
        writer.close()

    router.run(scenario())


def _management(router: Router) -> None:
    for row in router.bridge.connections():
        if row[2] == "in":
            router.bridge.close_connection(row[0])


@pytest.mark.parametrize(
    ("end", "here", "there"),
    [
        (
            lambda router: router.bridge.remove_listener(router.listener, True),
            "Parent-deleted (Forced closed)",
            "delivery-failed (destination unreachable)",
        ),
        (
            lambda router: router.bridge.remove_connector(router.connectors[0], True),
            "delivery-failed (destination unreachable)",
            "Parent-deleted (Forced closed)",
        ),
        (
            _management,
            "amqp:connection:forced (Connection forced-closed by management request)",
            "delivery-failed (destination unreachable)",
        ),
    ],
)
def test_h3_forced_ends_have_reasons(
    router: Router, end: Callable[[Router], None], here: str, there: str
) -> None:
    async def scenario() -> None:
        recording(router)
        await router.serve(echo)
        reader, writer = await router.open()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        end(router)
        books = Books(router)
        await books.ended()
        assert [row.error for row in books.of(TPORT)] == [here]
        assert [row.error for row in books.of(CO)] == [there]
        writer.close()

    router.run(scenario())


@pytest.mark.slow
def test_h6_beyond_the_limit_connections_have_no_record_and_are_counted(router: Router) -> None:
    """5000 live ones, ended ones included until the owner releases them; then again below 4990."""

    async def connections(count: int) -> None:
        opened = router.bridge.listener_counters(router.listener)[0]
        for size in (min(AT_ONCE, count - done) for done in range(0, count, AT_ONCE)):
            clients = [socket.socket() for _ in range(size)]
            for client in clients:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", router.port))
            opened += size
            await router.until(lambda: router.bridge.listener_counters(router.listener)[0] == opened)  # noqa: B023
            await router.idle()
            for client in clients:
                client.close()

    async def scenario() -> None:
        recording(router)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            router.connect_to(probe.getsockname()[1])
            books = Books(router)
            await connections(LIMIT + 10)
            assert router.bridge.records_dropped == 10
            assert len(take(router)) <= FIRST_TIME * SLOTS, "no tick has too much to do"
            router.bridge.release_records(LIMIT - RESUME)
            await connections(1)
            assert router.bridge.records_dropped == 11
            router.bridge.release_records(1)
            await connections(5)
            assert router.bridge.records_dropped == 11
            while rows := take(router):
                books.rows.update({(row.kind, row.number): row for row in rows})
            numbers = {row.number for row in books.of(TPORT)}
            assert max(numbers) == LIMIT + 5, "only who has a record has a number"
            assert not books.of(APP)

    router.run(scenario())
