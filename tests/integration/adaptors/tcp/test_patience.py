"""Streams that no router has a way for are tried again for a while; half-closed connections end some time."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Router

SOMEWHERE = 1
"""A remote router that the address is known at, and to which there is no way."""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    writer.close()


def test_connection_waits_until_there_is_a_way(router: Router) -> None:
    async def work() -> None:
        router.forwarder.set_entry_routers(router.entry, [SOMEWHERE])
        reader, writer = await router.open()
        writer.write(b"early")
        await router.until(lambda: router.bridge.connection_count == 1)
        await router.serve(echo)
        writer.write_eof()
        assert await reader.read() == b"early"
        writer.close()
        await router.idle()

    router.run(work())


def test_connection_is_reset_when_there_is_no_way_for_too_long(router: Router) -> None:
    async def work() -> None:
        router.forwarder.set_entry_routers(router.entry, [SOMEWHERE])
        reader, writer = await router.open()
        writer.write(b"early")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await router.idle()
        assert router.bridge.endings()["refused"] == 1

    router.run(work())


@pytest.mark.parametrize("ends_first", [True, False], ids=["after its end", "at once"])
def test_client_that_gives_up_leaves_nothing(router: Router, ends_first: bool) -> None:
    async def work() -> None:
        router.forwarder.set_entry_routers(router.entry, [SOMEWHERE])
        _, writer = await router.open()
        writer.write(b"early")
        await router.until(lambda: router.bridge.connection_count == 1)
        if ends_first:
            writer.write_eof()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await router.idle()

    router.run(work())


@pytest.mark.parametrize("side", ["client", "server"])
def test_half_closed_connection_that_is_idle_for_too_long_is_reset(router: Router, side: str) -> None:
    async def work() -> None:
        router.bridge.limit_half_closed(200)
        accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await accepted.put((reader, writer))

        await router.serve(keep)
        client = await router.open()
        client[1].write(b"x")
        server = await accepted.get()
        assert await server[0].readexactly(1) == b"x"
        ending, other = (client, server) if side == "client" else (server, client)
        ending[1].write_eof()
        assert await other[0].read() == b""
        for _ in range(3):  # as long as something moves it lives
            other[1].write(b"still here")
            assert await ending[0].readexactly(10) == b"still here"
        with pytest.raises(ConnectionResetError):
            await ending[0].read()
        await router.idle()
        assert router.bridge.endings()["timeout"] >= 1
        for _, writer in (client, server):
            writer.close()

    router.run(work())
