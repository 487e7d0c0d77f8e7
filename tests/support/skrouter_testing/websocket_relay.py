"""AMQP clients of others over WebSocket: a relay between their TCP and the router's WebSocket.

Its WebSocket is a foreign library's.

Belongs here: octets passed on unchanged, in frames of any cut. Does not: AMQP.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import ssl
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from skrouter_testing.process import HOST, PATIENCE

PIECE = 65536


class WebSocketRelay:
    """A context; clients connect to `port`. `fragments`: messages are cut, with pings between them.

    While `flowing` is cleared nothing is read from the router.
    """

    def __init__(
        self, url: str, *, protocol: str = "amqp", tls: ssl.SSLContext | None = None, fragments: bool = False
    ) -> None:
        self._url = url
        self._protocol = protocol
        self._tls = tls
        self._random = random.Random(11) if fragments else None
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="websocket relay", daemon=True)
        self.close_codes: list[int | None] = []
        """Of the connections that have ended, as the router's close said."""

    def __enter__(self) -> WebSocketRelay:
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    @property
    def port(self) -> int:
        """Where clients connect."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def hold(self) -> None:
        """Read nothing from the router until `release`."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def release(self) -> None:
        """Read again."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _start(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._accept, HOST, 0)

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with connect(
                self._url,
                subprotocols=[self._protocol],  # type: ignore[list-item]  # a NewType of str
                ssl=self._tls,
                max_size=None,
                max_queue=2,
                compression=None,
                ping_interval=None,
            ) as socket:
                await self._relay(socket, reader, writer)
                self.close_codes.append(socket.close_code)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _relay(
        self, socket: ClientConnection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there = asyncio.create_task(self._to_router(socket, reader))
        with contextlib.suppress(ConnectionClosed, ConnectionError):
            while True:
                await self._flowing.wait()
                data = await socket.recv()
                assert isinstance(data, bytes)
                writer.write(data)
                await writer.drain()
        there.cancel()
        await asyncio.gather(there, return_exceptions=True)

    async def _to_router(self, socket: ClientConnection, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(PIECE):
            if self._random is None:
                await socket.send(data)
            else:
                await socket.send(self._cut(data, self._random))
                await socket.ping()
        await socket.close()

    @staticmethod
    def _cut(data: bytes, chance: random.Random) -> list[bytes]:
        bounds = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(4))})
        return [data[a:b] for a, b in itertools.pairwise(bounds)] or [data]
