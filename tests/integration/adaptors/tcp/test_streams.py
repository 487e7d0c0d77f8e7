"""Octets through one router: listener and connector on real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import struct
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Router

MIB = 1 << 20


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(MIB):
        writer.write(data)
        await writer.drain()
    writer.close()


def blocks(seed: int, size: int) -> list[bytes]:
    return [random.Random(seed).randbytes(MIB)] * (size // MIB)


async def send_all(writer: asyncio.StreamWriter, data: list[bytes]) -> str:
    digest = hashlib.sha256()
    for block in data:
        digest.update(block)
        writer.write(block)
        await writer.drain()
    writer.write_eof()
    return digest.hexdigest()


async def receive_all(reader: asyncio.StreamReader) -> str:
    digest = hashlib.sha256()
    while data := await reader.read(MIB):
        digest.update(data)
    return digest.hexdigest()


def reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def test_octets_come_back_from_an_echo_server(router: Router) -> None:
    async def scenario() -> None:
        connector = await router.serve(echo)
        reader, writer = await router.open()
        for size in (1, 100, 480, 481, 16320, 16321, 300_000):
            data = random.Random(size).randbytes(size)
            writer.write(data)
            assert await reader.readexactly(size) == data
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await router.idle()
        total = 1 + 100 + 480 + 481 + 16320 + 16321 + 300_000
        assert router.bridge.listener_counters(router.listener) == (1, 1, total, total, 0)
        assert router.bridge.connector_counters(connector) == (2, 1, total, total, 0, 0)

    router.run(scenario())


def test_first_octets_of_a_server_that_speaks_first_arrive(router: Router) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await reader.read()
        writer.close()

    async def scenario() -> None:
        await router.serve(greet)
        reader, writer = await router.open()
        assert await reader.readline() == b"220 ready\r\n"
        writer.close()
        await router.idle()

    router.run(scenario())


def test_fifty_megabytes_each_way_at_once_are_whole(router: Router) -> None:
    up, down = blocks(1, 50 * MIB), blocks(2, 50 * MIB)
    seen: list[str] = []

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received, sent = await asyncio.gather(receive_all(reader), send_all(writer, down))
        seen.extend((received, sent))
        writer.close()

    async def scenario() -> None:
        await router.serve(both)
        reader, writer = await router.open()
        received, sent = await asyncio.gather(receive_all(reader), send_all(writer, up))
        writer.close()
        await router.idle()
        await router.until(lambda: bool(seen))  # the system may hold what the server has not read yet
        assert seen == [sent, received]

    router.run(scenario())


def test_client_may_end_its_stream_and_still_receive(router: Router) -> None:
    async def answer_at_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read()
        for part in (b"you ", b"said ", question):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    async def scenario() -> None:
        await router.serve(answer_at_end)
        reader, writer = await router.open()
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"you said hello"
        writer.close()
        await router.idle()

    router.run(scenario())


def test_server_may_end_its_stream_and_still_receive(router: Router) -> None:
    async def scenario() -> None:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def speak_and_listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"that is all")
            writer.write_eof()
            heard.set_result(await reader.read())
            writer.close()

        await router.serve(speak_and_listen)
        reader, writer = await router.open()
        assert await reader.read() == b"that is all"
        writer.write(b"but I have more")
        await asyncio.sleep(0)
        writer.write(b" to say")
        writer.close()
        assert await heard == b"but I have more to say"
        await router.idle()

    router.run(scenario())


@pytest.mark.parametrize("size", [0, 1, 200_000])
def test_reset_by_the_client_resets_the_server(router: Router, size: int) -> None:
    async def scenario() -> None:
        ended: asyncio.Future[BaseException | bytes] = asyncio.get_running_loop().create_future()
        got = asyncio.Event()

        async def listen_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readexactly(size)
                got.set()
                ended.set_result(await reader.read())
            except ConnectionError as error:
                ended.set_result(error)
            writer.transport.abort()

        await router.serve(listen_on)
        _reader, writer = await router.open()
        writer.write(bytes(size))
        await got.wait()
        reset(writer)
        assert isinstance(await ended, ConnectionResetError)
        await router.idle()

    router.run(scenario())


def test_reset_by_the_server_resets_the_client(router: Router) -> None:
    async def scenario() -> None:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(5)
            reset(writer)

        await router.serve(refuse)
        reader, writer = await router.open()
        writer.write(b"hello")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await router.idle()

    router.run(scenario())


def test_reset_in_the_middle_of_an_answer_is_not_taken_for_its_end(router: Router) -> None:
    async def scenario() -> None:
        stop = asyncio.Event()

        async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(bytes(100_000))
            await stop.wait()
            reset(writer)

        await router.serve(break_off)
        reader, writer = await router.open()
        writer.write_eof()
        await reader.readexactly(100_000)
        stop.set()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await router.idle()

    router.run(scenario())


def test_whole_answer_arrives_though_the_server_read_only_part_of_the_request(router: Router) -> None:
    answer = b"413 too large" * 10_000

    async def scenario() -> None:
        async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1000)
            writer.write(answer)
            writer.write_eof()
            await writer.drain()
            await router.until(lambda: router.bridge.listener_counters(router.listener)[3] == len(answer))
            reset(writer)

        await router.serve(early)
        reader, writer = await router.open()
        writer.write(bytes(1000))
        assert await reader.readexactly(len(answer)) == answer
        writer.transport.abort()
        await router.idle()

    router.run(scenario())


def test_client_learns_that_no_server_answers(router: Router) -> None:
    async def scenario() -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            connector = router.connect_to(closed.getsockname()[1])
            with pytest.raises(ConnectionResetError):
                await (await router.open())[0].read()
        await router.idle()
        assert router.bridge.connector_counters(connector)[-1] == 1
        kind, handle, peer, reason = router.bridge.take_notices()[0]
        assert (kind, handle, reason) == ("connect failed", connector, "Connection refused")
        assert peer.startswith("127.0.0.1:")

    router.run(scenario())


def test_next_target_is_tried_when_the_first_refuses(router: Router) -> None:
    async def scenario() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            router.connect_to(closed.getsockname()[1], server.sockets[0].getsockname()[1])
            for _turn in range(3):
                reader, writer = await router.open()
                writer.write(b"ping")
                assert await reader.readexactly(4) == b"ping"
                writer.close()
        await router.idle()
        assert router.bridge.take_notices() == []
        server.close()

    router.run(scenario())


def test_client_is_turned_away_when_nobody_serves_the_address(router: Router) -> None:
    async def scenario() -> None:
        reader, writer = await router.open()
        assert await reader.read() == b""
        writer.close()
        await router.idle()
        assert router.bridge.listener_counters(router.listener)[:2] == (0, 0)

    router.run(scenario())


@pytest.mark.parametrize("slow", ["client", "server"])
def test_slow_reader_bounds_what_the_router_holds(router: Router, slow: str) -> None:
    async def scenario() -> None:
        proceed = asyncio.Event()
        data = blocks(3, 30 * MIB)
        results: list[str] = []

        async def pour(writer: asyncio.StreamWriter) -> None:
            results.append(await send_all(writer, data))

        async def sip(reader: asyncio.StreamReader) -> None:
            await proceed.wait()
            results.append(await receive_all(reader))

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await (sip(reader) if slow == "server" else pour(writer))
            if slow == "client":
                await reader.read()
            writer.close()

        await router.serve(handle)
        reader, writer = await router.open()
        if slow == "client":
            writer.write_eof()
        work = asyncio.ensure_future(sip(reader) if slow == "client" else pour(writer))
        last = -1
        for _turn in range(400):  # until nothing moves any more
            await asyncio.sleep(0.005)
            moved = sum(router.bridge.listener_counters(router.listener)[2:4])
            held = router.forwarder.metrics()["chunks_live"]
            assert held <= 2 * MIB
            if moved == last and moved > MIB:
                break
            last = moved
        assert router.bridge.connections()[0][9] == "open"
        proceed.set()
        await work
        writer.close()
        await router.idle()
        assert len(results) == 2
        assert results[0] == results[1]

    router.run(scenario())


def test_two_hundred_connections_at_once(router: Router) -> None:
    async def scenario() -> None:
        connectors = [await router.serve(echo), await router.serve(echo)]
        gate = asyncio.Event()

        async def client(number: int) -> None:
            reader, writer = await router.open()
            data = random.Random(number).randbytes(20_000)
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
            if router.bridge.listener_counters(router.listener)[0] == 200:
                gate.set()
            await gate.wait()
            writer.write(data)
            assert await reader.readexactly(len(data)) == data
            writer.close()

        work = asyncio.gather(*(client(number) for number in range(200)))
        await gate.wait()
        rows = router.bridge.connections()
        assert len(rows) == 400
        assert sorted({row[2] for row in rows}) == ["in", "out"]
        await work
        await router.idle()
        assert router.bridge.listener_counters(router.listener)[:2] == (200, 200)
        shares = [router.bridge.connector_counters(connector)[0] - 1 for connector in connectors]
        assert sum(shares) == 200
        assert min(shares) >= 90  # balanced by open connections

    router.run(scenario())


def test_connections_are_rows_with_true_counters(router: Router) -> None:
    async def scenario() -> None:
        connector = await router.serve(echo)
        reader, writer = await router.open()
        writer.write(b"12345")
        await reader.readexactly(5)
        rows = {row[2]: row for row in router.bridge.connections()}
        name = writer.get_extra_info("sockname")
        assert rows["in"][1] == router.listener
        assert rows["in"][3] == f"127.0.0.1:{name[1]}"
        assert rows["in"][4] == f"127.0.0.1:{router.port}"
        assert rows["out"][1] == connector
        for row in rows.values():
            assert row[5] == "svc"
            assert row[7:] == (5, 5, "open", None)
            assert router.engine.now - 60 < row[6] <= router.engine.now
        writer.close()
        await router.idle()
        assert router.bridge.connections() == []

    router.run(scenario())
