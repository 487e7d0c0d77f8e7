"""asyncio on the engine: everything that asyncio does on its own selector works here too."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from skrouter.amqp import events
from skrouter.amqp.engine.loop import EngineLoop, EngineSelector
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.pump import Connections

Result = TypeVar("Result")
TIMEOUT = 20.0
CLIENTS = 400


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def loop(engine: Engine) -> Iterator[EngineLoop]:
    loop = EngineLoop(engine)
    yield loop
    loop.close()


def run(loop: EngineLoop, work: Coroutine[Any, Any, Result]) -> Result:
    return loop.run_until_complete(asyncio.wait_for(work, TIMEOUT))


def test_timers_come_in_their_order_and_not_before_their_time(loop: EngineLoop) -> None:
    seen: list[tuple[int, float]] = []

    async def work() -> None:
        started = loop.time()
        done = loop.create_future()
        for delay in (30, 10, 20):
            loop.call_later(delay / 1000, lambda delay=delay: seen.append((delay, loop.time() - started)))
        loop.call_later(0.06, done.set_result, None)
        await done

    run(loop, work())
    assert [delay for delay, _ in seen] == [10, 20, 30]
    assert all(elapsed * 1000 >= delay - 1 for delay, elapsed in seen)


def test_a_subprocess_and_its_pipes_work(loop: EngineLoop) -> None:
    async def work() -> tuple[bytes, int | None]:
        program = "import sys; sys.stdout.write(sys.stdin.read()[::-1]); sys.exit(3)"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate(b"abc")
        return output, process.returncode

    asyncio.set_event_loop(loop)
    try:
        watcher = asyncio.ThreadedChildWatcher()
        asyncio.set_child_watcher(watcher)
        assert run(loop, work()) == (b"cba", 3)
    finally:
        asyncio.set_child_watcher(None)
        asyncio.set_event_loop(None)


def test_an_executor_gives_its_result_back_to_a_waiting_loop(loop: EngineLoop) -> None:
    async def work() -> int:
        return await loop.run_in_executor(None, threading.get_ident)

    assert run(loop, work()) != threading.get_ident()
    run(loop, loop.shutdown_default_executor())


def test_a_call_from_another_thread_wakes_the_loop(loop: EngineLoop) -> None:
    threading.Timer(0.02, lambda: loop.call_soon_threadsafe(loop.stop)).start()
    started = time.monotonic()
    loop.run_forever()
    assert time.monotonic() - started < TIMEOUT


def test_a_signal_wakes_the_loop(loop: EngineLoop) -> None:
    async def work() -> int:
        seen = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, lambda: seen.done() or seen.set_result(1))
        loop.call_later(0.01, os.kill, os.getpid(), signal.SIGUSR1)
        return await seen

    assert run(loop, work()) == 1
    loop.remove_signal_handler(signal.SIGUSR1)


def test_many_streams_echo_at_once(loop: EngineLoop) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(5))
        await writer.drain()
        writer.close()

    async def client(port: int, number: int) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"%05d" % number)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer == b"%05d" % number

    async def work() -> list[bool]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=CLIENTS)
        port = server.sockets[0].getsockname()[1]
        answers = await asyncio.gather(*(client(port, number) for number in range(CLIENTS)))
        server.close()
        await server.wait_closed()
        return answers

    assert all(run(loop, work()))


@pytest.mark.parametrize("how", ["number", "object"])
def test_a_reader_removed_by_another_reader_of_the_same_pass_is_not_called(
    loop: EngineLoop, how: str
) -> None:
    called: list[int] = []
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(2)]
        for left, right in pairs:
            stack.enter_context(left)
            stack.enter_context(right)
        readers = [left if how == "object" else left.fileno() for left, _ in pairs]

        def on_readable(number: int) -> None:
            called.append(number)
            for reader in readers:
                loop.remove_reader(reader)
            loop.call_soon(loop.stop)

        for number, reader in enumerate(readers):
            loop.add_reader(reader, on_readable, number)
            pairs[number][1].send(b"x")
        loop.run_forever()
        assert len(called) == 1


def test_native_and_python_descriptors_are_served_in_one_wait(loop: EngineLoop, engine: Engine) -> None:
    connections = Connections(engine)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    connections.listen(listening.detach())
    seen: list[events.Event] = []
    loop.handle_events(seen.extend)

    async def work() -> None:
        left, right = socket.socketpair()
        left.setblocking(False)
        with left, right, socket.create_connection(("127.0.0.1", port)) as client:
            for turn in range(5):
                right.send(b"x")
                client.send(b"AMQP\x03\x01\x00\x00")
                assert await loop.sock_recv(left, 1) == b"x"
                while (
                    sum(len(item.data) for item in seen if isinstance(item, events.HandshakeReceived))
                    < 8 * turn
                ):
                    await asyncio.sleep(0)
        while not isinstance(seen[-1], events.ConnectionLost):
            await asyncio.sleep(0.001)

    run(loop, work())
    assert [type(item) for item in seen[:2]] == [events.ConnectionAccepted, events.StreamReady]
    assert b"".join(item.data for item in seen if isinstance(item, events.HandshakeReceived)) == (
        b"AMQP\x03\x01\x00\x00" * 5
    )
    connections.shutdown()


def test_events_that_wait_keep_the_loop_from_sleeping(loop: EngineLoop, engine: Engine) -> None:
    """A handler that leaves nothing behind is called once for a batch, and again for the next one."""
    connections = Connections(engine)
    batches: list[list[events.Event]] = []
    loop.handle_events(lambda batch: (batches.append(batch), loop.stop()))
    for _ in range(3):
        left, right = socket.socketpair()
        left.setblocking(False)
        connections.connect(left.detach())
        loop.run_forever()
        right.close()
    assert [type(item) for batch in batches for item in batch].count(events.StreamReady) == 3
    connections.shutdown()


class TestSelector:
    """The selector's own contract."""

    def test_a_descriptor_registered_twice_is_refused(self, engine: Engine) -> None:
        selector = EngineSelector(engine)
        left, right = socket.socketpair()
        with left, right:
            selector.register(left, 1, "data")
            with pytest.raises(KeyError):
                selector.register(left, 1)
            assert selector.get_map()[left.fileno()].data == "data"
            assert selector.unregister(left).data == "data"
            with pytest.raises(KeyError):
                selector.unregister(left)
        selector.close()

    def test_a_socket_closed_while_it_is_registered_can_be_unregistered(self, engine: Engine) -> None:
        selector = EngineSelector(engine)
        left, right = socket.socketpair()
        with right:
            key = selector.register(left, 1)
            left.close()
            assert selector.unregister(left) == key
        selector.close()
