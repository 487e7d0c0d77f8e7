"""A forward proxy that speaks CONNECT, as well or as badly as a test wants.

Belongs here: one proxy on a thread of its own. Does not: what goes through it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from skrouter_testing.process import HOST, PATIENCE


class Proxy:
    """A context; listens on `port`. `answer`: what it says instead of connecting; empty: nothing, ever.

    `credentials` (`user:password`) are required if given. `targets` are the places it was asked for.
    `rest` goes out in one write with the good answer.
    """

    def __init__(
        self, *, credentials: str = "", answer: bytes | None = None, closes: bool = False, rest: bytes = b""
    ) -> None:
        self._credentials = credentials
        self.answer = answer
        self._closes = closes
        self._rest = rest
        self.targets: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Proxy:
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
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _start(self) -> None:
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
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split()
        assert method == "CONNECT"
        self.targets.append(target)
        answer = self._judge(head)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
            if not self._closes:
                await reader.read()
            return
        host, _, port = target.rpartition(":")
        there_reader, there_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n" + self._rest)
        try:
            await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))
        finally:
            there_writer.close()

    def _judge(self, head: list[str]) -> bytes | None:
        if self.answer is not None:
            return self.answer
        expected = base64.b64encode(self._credentials.encode()).decode()
        if self._credentials and f"Proxy-Authorization: Basic {expected}" not in head:
            return b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\n\r\n"
        return None


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
