"""The HTTPS server of grants: TLS 1.3, one exchange a connection, bounds on what strangers may hold."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from skrouter.mgmt.grants.claims import Request, Response
from skrouter.mgmt.grants.exchange import Exchange
from skrouter.mgmt.grants.limits import party

MOST_CONNECTIONS = 64
MOST_OF_ONE = 8
"""Connections at a time, of all and of one address."""
TIME = 20.0
"""Seconds for a connection, TLS and answer included."""
PAUSE = 0.5
"""Seconds after which it is tried again to accept, when the system has no descriptor left."""
CHUNK = 4096

Answer = Callable[[Request, str], Response]
"""Takes a request and the address that it came from; runs on a thread of its own, never twice at a time."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.3 and nothing older. Another certificate loaded into it serves from the next connection on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    return context


class Server:
    """Accepts on a listening socket, which stays its owner's."""

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, answer: Answer) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._context = context
        self._answer = answer
        self._held: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker = ThreadPoolExecutor(1, "redemption")

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    sock, address = await loop.sock_accept(self._listener)
                except OSError:
                    await asyncio.sleep(PAUSE)
                    continue
                self._admit(sock, str(address[0]).removeprefix("::ffff:"))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._worker.shutdown()

    def _admit(self, sock: socket.socket, address: str) -> None:
        key = party(address)
        if self._held.total() >= MOST_CONNECTIONS or self._held[key] >= MOST_OF_ONE:
            sock.close()
            return
        self._held[key] += 1
        task = asyncio.create_task(self._serve(sock, address))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(done, key))

    def _over(self, task: asyncio.Task[None], key: str) -> None:
        self._tasks.discard(task)
        self._held[key] -= 1
        if not self._held[key]:
            del self._held[key]

    async def _serve(self, sock: socket.socket, address: str) -> None:
        try:
            async with asyncio.timeout(TIME):
                reader, writer = await self._secured(sock)
                try:
                    await self._exchange(reader, writer, address)
                    writer.close()
                    await writer.wait_closed()
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError):
            return  # strangers come and go as they like

    async def _secured(self, sock: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=CHUNK)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=self._context)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str
    ) -> None:
        exchange = Exchange()
        found: Request | Response | None = None
        while found is None:
            found = exchange.receive(await reader.read(CHUNK))
        if isinstance(found, Request):
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._worker, self._answer, found, address)
        writer.write(exchange.respond(found))
        await writer.drain()
