"""One router in this process: engine, forwarder, bridge and loop, with clients and servers on that loop."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from skrouter.adaptors.tcp.bridge.bridge import Bridge
from skrouter.amqp.engine.loop import EngineLoop
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.router.forwarder.forwarder import Forwarder

BALANCED = 3
TIMEOUT = 60.0
Result = TypeVar("Result")
_kept: list[object] = []
"""Engines and forwarders: they must not end inside a cycle that the garbage collector takes apart."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def packed(host: str, port: int) -> bytes:
    """A sockaddr_in."""
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Router:
    """A router with one service, `svc`, and what tests need of it."""

    def __init__(self, name: str = "A") -> None:
        self.engine = Engine()
        self.loop = EngineLoop(self.engine)
        self.forwarder = Forwarder(self.engine, name, True)
        _kept.extend((self.engine, self.forwarder))
        self.bridge = Bridge(self.forwarder, f"amqp:/_topo/0/{name}/")
        self.entry = self.forwarder.publish("Msvc", BALANCED)
        self.listener = 0
        self.port = 0
        self.connectors: list[int] = []
        self._servers: list[asyncio.Server] = []
        self._clients: list[asyncio.StreamWriter] = []

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a test's coroutine on the engine."""
        return self.loop.run_until_complete(asyncio.wait_for(work, TIMEOUT))

    def listen(self, tls: TlsContext | None = None, proxy: str = "none") -> None:
        """Open the listener of `svc`."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self.listener = self.bridge.add_listener(tls, proxy)
        self.bridge.offer_address(self.listener, "svc")
        self.bridge.listen(self.listener, listening.detach())

    def connect_to(self, *ports: int, tls: TlsContext | None = None, host: str = "localhost") -> int:
        """A connector of `svc` whose host has these ports, tried in order."""
        handle, link = self.bridge.add_connector("svc", host, tls, True)
        self.bridge.set_connector_addresses(handle, [packed("127.0.0.1", port) for port in ports])
        self.forwarder.bind_consumer(link, self.entry)
        self.connectors.append(handle)
        return handle

    async def serve(self, handler: Serve) -> int:
        """A TCP server, and a connector to it. Returns the connector."""
        server = await asyncio.start_server(handler, "127.0.0.1", 0, limit=1 << 20)
        self.keep(server)
        return self.connect_to(server.sockets[0].getsockname()[1])

    def keep(self, server: asyncio.Server) -> None:
        """Close it at the end."""
        self._servers.append(server)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client of the service."""
        return await self.open_at(self.port)

    async def open_at(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client of some port."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        self._clients.append(writer)
        return reader, writer

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the engine work until something holds; the time-out of `run` ends it."""
        while not holds():
            await asyncio.sleep(0.001)

    async def idle(self) -> None:
        """Until no connection is left, and no delivery of any."""
        await self.until(lambda: self.bridge.connection_count == 0)
        await self.until(lambda: not self.live())

    def live(self) -> dict[str, int]:
        """What the forwarder still holds, beside links."""
        names = ("arrivals_live", "copies_live", "contents_live", "chunks_live")
        metrics = self.forwarder.metrics()
        return {name: metrics[name] for name in names if metrics[name]}

    def close(self) -> None:
        """Close everything; nothing may be left."""
        for server in self._servers:
            server.close()
        self.bridge.close()
        for writer in self._clients:
            writer.transport.abort()
        for _turn in range(3):  # the servers' handlers see the end
            self.loop.run_until_complete(asyncio.sleep(0.001))
        left = self.live()
        links = self.forwarder.metrics()["links_live"]
        self.loop.close()
        assert left == {}
        assert links == 0


@pytest.fixture
def router() -> Iterator[Router]:
    """A router that listens; tests add servers."""
    one = Router()
    one.listen()
    yield one
    one.close()


@pytest.fixture
def bare_router() -> Iterator[Router]:
    """A router without a listener."""
    one = Router()
    yield one
    one.close()


@pytest.fixture
def make_router() -> Iterator[Callable[[str], Router]]:
    """Makes routers by id, without listeners."""
    made: list[Router] = []

    def make(name: str) -> Router:
        made.append(Router(name))
        return made[-1]

    yield make
    for one in made:
        one.close()
