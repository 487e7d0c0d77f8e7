"""A service across two routers: the listener on A, the server behind B, one AMQP connection between them."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from skrouter.amqp import events
from skrouter.amqp.engine.pump import Connections

if TYPE_CHECKING:
    from conftest import Router

MIB = 1 << 20
CONTROL, DATA, STREAMING = 1, 2, 3
KINDS = {"control": CONTROL, "data": DATA, "stream": STREAMING}
CLOSEST = 2
HERE, THERE = 0, 1
Result = TypeVar("Result")


class Half:
    """One router's part of the connection: what core would do about it, for exactly one neighbor."""

    def __init__(self, router: Router, name: str, neighbor: str) -> None:
        self.router = router
        self.name = name
        self.neighbor = neighbor
        self.connections = Connections(router.engine)
        self.connection = 0
        self.is_up = False
        self.lost = False
        self._streams = 0
        router.loop.handle_events(self._on_events)

    def _on_events(self, found: list[events.Event]) -> None:
        for event in found:
            self._on_event(event)

    def _on_event(self, event: events.Event) -> None:
        match event:
            case events.StreamReady(handle) if handle == self.connection:
                self._begin(handle, b"")
                self.connections.open(handle, None, b"", b"", b"")
            case events.HandshakeReceived(handle, data):
                self.connection = handle
                self._begin(handle, data)
            case events.ConnectionOpened():
                self._on_opened()
            case events.LinkAttached(_, link, name):
                kind = KINDS[name.partition("-")[0]]
                self.router.forwarder.accept_link(link, kind, 250, 250, annotated=True)
            case events.StreamingLinkWanted():
                self._streams += 1
                self._open(f"stream-{self._streams}", STREAMING)
            case events.ConnectionLost():
                self.lost = True

    def _begin(self, handle: int, data: bytes) -> None:
        self.router.forwarder.adopt(handle)
        self.connections.start_amqp(handle, data, 16384, 32767, 0, 512, self.name)

    def _on_opened(self) -> None:
        forwarder = self.router.forwarder
        if self.name == "B":
            self.connections.open(self.connection, None, b"", b"", b"")
        forwarder.set_neighbor(0, self.connection, self._open("control", CONTROL))
        forwarder.set_neighbor_link(0, 4, self._open("data", DATA))
        forwarder.set_router(THERE, 0, 1, struct.pack("<Q", 1 << HERE))
        forwarder.set_radius(1)
        forwarder.set_entry_routers(forwarder.publish(f"R{self.neighbor}", CLOSEST), [THERE])
        self.is_up = True

    def _open(self, name: str, kind: int) -> int:
        nowhere = (None, 0, 0, 0, False, b"", b"", b"")
        return self.router.forwarder.open_link(
            self.connection, name, True, 0, nowhere, nowhere, kind, 250, annotated=True
        )


class TwoRouters:
    """A on the test's thread, B on one of its own."""

    def __init__(self, a: Router, b: Router) -> None:
        self.a, self.b = a, b
        self.near, self.far = Half(a, "A", "B"), Half(b, "B", "A")
        self._thread = threading.Thread(target=b.loop.run_forever, name="router B")

    def start(self) -> None:
        """Join them, and make the service known at A."""
        listening = socket.create_server(("127.0.0.1", 0))
        address = listening.getsockname()
        listening.setblocking(False)
        self.far.connections.listen(listening.detach())
        self._thread.start()
        client = socket.create_connection(address)
        client.setblocking(False)
        self.near.connection = self.near.connections.connect(client.detach())
        self.a.run(self.a.until(lambda: self.near.is_up and self.far.is_up))
        self.a.forwarder.set_entry_routers(self.a.entry, [THERE])

    def on_b(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine where B lives."""
        return asyncio.run_coroutine_threadsafe(work, self.b.loop).result(60)

    def serve(self, handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> None:
        """A server on B's loop, with a connector to it."""
        self.on_b(self.b.serve(handler))

    async def idle(self) -> None:
        """Until neither router has a connection or a delivery left."""
        await self.a.idle()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.b.idle(), self.b.loop))

    def stop(self) -> None:
        """Leave both loops to their routers."""

        async def end(half: Half) -> None:
            half.router.bridge.close()
            half.connections.shutdown()
            await half.router.until(lambda: half.lost)

        self.on_b(end(self.far))
        self.b.loop.call_soon_threadsafe(self.b.loop.stop)
        self._thread.join()
        self.a.run(end(self.near))


@pytest.fixture
def routers(make_router: Callable[[str], Router]) -> Iterator[TwoRouters]:
    """Two routers, with the listener of `svc` on A."""
    a, b = make_router("A"), make_router("B")
    a.listen()
    both = TwoRouters(a, b)
    both.start()
    yield both
    both.stop()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(MIB):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def test_octets_come_back_and_links_are_used_again(routers: TwoRouters) -> None:
    routers.serve(echo)

    async def scenario() -> None:
        for turn in range(20):
            reader, writer = await routers.a.open()
            data = random.Random(turn).randbytes(turn * 1000 + 1)
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await routers.idle()
        assert routers.a.forwarder.metrics()["links_live"] < 12

    routers.a.run(scenario())


def test_many_connections_at_once(routers: TwoRouters) -> None:
    routers.serve(echo)

    async def client(number: int) -> None:
        reader, writer = await routers.a.open()
        data = random.Random(number).randbytes(5000)
        for _turn in range(5):
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
        writer.close()

    async def scenario() -> None:
        await asyncio.gather(*(client(number) for number in range(50)))
        await routers.idle()

    routers.a.run(scenario())


def test_bulk_both_ways_is_whole_and_within_the_window(routers: TwoRouters) -> None:
    blocks = [random.Random(1).randbytes(MIB)] * 20
    digests: list[str] = []

    async def send(writer: asyncio.StreamWriter) -> None:
        for block in blocks:
            writer.write(block)
            await writer.drain()
        writer.write_eof()

    async def receive(reader: asyncio.StreamReader) -> None:
        digest = hashlib.sha256()
        while data := await reader.read(MIB):
            digest.update(data)
        digests.append(digest.hexdigest())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.gather(send(writer), receive(reader))
        writer.close()

    routers.serve(serve)

    async def scenario() -> None:
        reader, writer = await routers.a.open()
        await asyncio.gather(send(writer), receive(reader))
        writer.close()
        await routers.idle()
        assert digests == [hashlib.sha256(b"".join(blocks)).hexdigest()] * 2

    routers.a.run(scenario())


LARGEST_WINDOW = 16 * MIB
"""What a reader may be ahead of its writer where the path was fast before (ADR 27)."""


def test_slow_server_bounds_what_both_routers_hold(routers: TwoRouters) -> None:
    proceed = threading.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not proceed.is_set():
            await asyncio.sleep(0.01)
        while await reader.read(MIB):
            pass
        writer.close()

    routers.serve(wait)

    async def scenario() -> None:
        reader, writer = await routers.a.open()
        writer.write(bytes(40 * MIB))
        last = -1
        for _turn in range(400):
            await asyncio.sleep(0.01)
            moved = routers.a.bridge.listener_counters(routers.a.listener)[2]
            held = [r.forwarder.metrics()["chunks_live"] for r in (routers.a, routers.b)]
            assert sum(held) <= LARGEST_WINDOW + MIB
            if moved == last and moved > MIB:
                break
            last = moved
        proceed.set()
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await routers.idle()

    routers.a.run(scenario())


def test_reset_of_the_client_reaches_the_server(routers: TwoRouters) -> None:
    ended: list[BaseException | bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            ended.append(await reader.read())
        except ConnectionError as error:
            ended.append(error)
        writer.transport.abort()

    routers.serve(hear)

    async def scenario() -> None:
        _reader, writer = await routers.a.open()
        writer.write(b"hello")
        await routers.a.until(lambda: len(routers.b.bridge.connections()) == 1)
        reset(writer)
        await routers.a.until(lambda: len(ended) == 1)
        assert isinstance(ended[0], ConnectionResetError)
        await routers.idle()

    routers.a.run(scenario())


def test_reset_of_the_server_reaches_the_client(routers: TwoRouters) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        reset(writer)

    routers.serve(refuse)

    async def scenario() -> None:
        reader, writer = await routers.a.open()
        writer.write(b"hello")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await routers.idle()

    routers.a.run(scenario())


def test_refused_connection_at_the_far_router_reaches_the_client(routers: TwoRouters) -> None:
    async def point_at(port: int) -> None:
        routers.b.connect_to(port)

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        routers.on_b(point_at(closed.getsockname()[1]))

        async def scenario() -> None:
            with pytest.raises(ConnectionResetError):
                await (await routers.a.open())[0].read()
            await routers.idle()

        routers.a.run(scenario())


def test_lost_connection_between_routers_resets_both_ends(routers: TwoRouters) -> None:
    ended: list[BaseException | bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x")
        try:
            ended.append(await reader.read())
        except ConnectionError as error:
            ended.append(error)
        writer.transport.abort()

    routers.serve(hear)

    async def scenario() -> None:
        reader, writer = await routers.a.open()
        await reader.readexactly(1)
        routers.near.connections.drop(routers.near.connection)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await routers.a.until(lambda: len(ended) == 1)
        assert isinstance(ended[0], ConnectionResetError)
        await routers.idle()

    routers.a.run(scenario())
