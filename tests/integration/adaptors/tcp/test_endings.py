"""Why a connection has ended is told three times: in a counter, to the log, and in its flow record."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.router.vanflow.rows import CO, TPORT, Row
from skrouter_testing.certs import Authority

if TYPE_CHECKING:
    from conftest import Router

SOURCE = "abcde"
SLOTS = 5
SOMEWHERE = 1
"""A remote router that the address is known at, and to which there is no way."""
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Scene:
    """A router with telemetry, and the server's ends of its connections."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.accepted: asyncio.Queue[Client] = asyncio.Queue()
        self.connector = 0

    async def serve(self) -> None:
        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.accepted.put((reader, writer))

        self.connector = await self.router.serve(keep)

    async def joined(self) -> tuple[Client, Client]:
        """A client and its server, after an octet each way."""
        await self.serve()
        client = await self.router.open()
        client[1].write(b"x")
        server = await self.accepted.get()
        assert await server[0].readexactly(1) == b"x"
        server[1].write(b"y")
        assert await client[0].readexactly(1) == b"y"
        return client, server

    def handle(self, direction: str) -> int:
        (found,) = (row[0] for row in self.router.bridge.connections() if row[2] == direction)
        return found


async def ended(client: Client) -> None:
    """Wait for the end of a connection, whatever it is, and close our side."""
    with contextlib.suppress(ConnectionResetError):
        while await client[0].read(65536):
            pass
    client[1].close()


def reset(client: Client) -> None:
    """End a connection as a process that crashes does."""
    raw = client[1].get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client[1].transport.abort()


async def orderly(scene: Scene) -> None:
    client, server = await scene.joined()
    client[1].write_eof()
    server[1].write_eof()
    await ended(client)
    await ended(server)


async def client_resets(scene: Scene) -> None:
    client, server = await scene.joined()
    reset(client)
    await ended(server)


async def server_resets(scene: Scene) -> None:
    client, server = await scene.joined()
    reset(server)
    await ended(client)


async def nobody_takes_it(scene: Scene) -> None:
    scene.router.forwarder.set_entry_routers(scene.router.entry, [SOMEWHERE])
    client = await scene.router.open()
    client[1].write(b"early")
    await ended(client)


async def server_is_not_there(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    scene.connector = scene.router.connect_to(port)
    client = await scene.router.open()
    client[1].write(b"x")
    await ended(client)


async def deleted(scene: Scene) -> None:
    client, server = await scene.joined()
    scene.router.bridge.remove_listener(scene.router.listener, True)
    await ended(client)
    await ended(server)


async def forced(scene: Scene) -> None:
    client, server = await scene.joined()
    scene.router.bridge.close_connection(scene.handle("in"))
    await ended(client)
    await ended(server)


async def idle(scene: Scene) -> None:
    scene.router.bridge.limit_half_closed(100)
    client, server = await scene.joined()
    client[1].write_eof()
    await ended(client)
    await ended(server)


async def web_client(scene: Scene) -> None:
    await scene.serve()
    client = await scene.router.open()
    client[1].write(b"GET / HTTP/1.0\r\n\r\n")
    await ended(client)


UNREACHABLE = "delivery-failed (destination unreachable)"


@pytest.mark.parametrize(
    ("cause", "counts", "notices", "errors"),
    [
        (orderly, {"orderly": 2}, [], ("", "")),
        (client_resets, {"reset": 1, "aborted": 1}, ["reset", "aborted"], ("proton:io (", UNREACHABLE)),
        (server_resets, {"reset": 1, "aborted": 1}, ["reset", "aborted"], (UNREACHABLE, "proton:io (")),
        (nobody_takes_it, {"refused": 1}, ["refused"], (UNREACHABLE, None)),
        (
            server_is_not_there,
            {"connect failed": 1, "refused": 1},
            ["Connection refused", "refused"],
            (UNREACHABLE, "proton:io (Connection refused - on connect 127.0.0.1:"),
        ),
        (deleted, {"deleted": 1, "aborted": 1}, ["aborted"], ("Parent-deleted (Forced closed)", UNREACHABLE)),
        (forced, {"forced": 1, "aborted": 1}, ["aborted"], ("amqp:connection:forced (", UNREACHABLE)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_e1_every_end_has_its_reason_in_counter_log_and_record(
    router: Router,
    cause: Callable[[Scene], Awaitable[None]],
    counts: dict[str, int],
    notices: list[str],
    errors: tuple[str, str | None],
) -> None:
    found = run(router, cause)
    print(found)
    assert {reason: count for reason, count in found.counts.items() if count} == counts
    assert set(notices) <= set(found.notices)
    of_client, of_server = errors
    assert begins(found.error(TPORT), of_client)
    if of_server is not None:
        assert begins(found.error(CO), of_server)


def test_e1_a_half_closed_connection_that_was_idle_is_told_of_by_who_ended_it(router: Router) -> None:
    found = run(router, idle)
    assert found.counts["timeout"] >= 1
    assert "timeout" in found.notices
    assert "amqp:resource-limit-exceeded (half-closed and idle)" in (found.error(TPORT), found.error(CO))


def test_e1_a_client_without_the_header_of_its_proxy_is_told_of(bare_router: Router) -> None:
    bare_router.listen(proxy="accept")
    found = run(bare_router, web_client)
    assert found.counts["PROXY header refused"] == 1
    assert "PROXY" in found.notices[0]
    assert found.error(TPORT).startswith("proxy-header-invalid (")


def test_e2_a_client_without_tls_is_told_of_in_counter_log_and_record(
    bare_router: Router, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("localhost", dns=("localhost",))
    bare_router.listen(TlsContext(authority.ca_file, pair.certificate, pair.key, server=True))
    found = run(bare_router, web_client)
    assert found.counts["TLS failed"] == 1
    assert "http request" in found.notices[0]
    assert found.error(TPORT).startswith("TLS-connection-failed (")


def begins(text: str, beginning: str) -> bool:
    """Whether the text begins so; an empty beginning is the whole of an empty text."""
    return text.startswith(beginning) and bool(text) == bool(beginning)


class Found:
    """What a router tells after a scene."""

    def __init__(self, router: Router) -> None:
        self.counts = router.bridge.endings()
        self.notices = [notice[3] for notice in router.bridge.take_notices()]
        self.rows = [Row(*row) for slot in range(SLOTS) for row in router.bridge.take_records(slot)]

    def __repr__(self) -> str:
        return f"{self.counts}\n{self.notices}\n{self.rows}"

    def error(self, kind: int) -> str:
        """Of the only connection of this kind."""
        (found,) = {row.error for row in self.rows if row.kind == kind and row.ended}
        return found


def run(router: Router, cause: Callable[[Scene], Awaitable[None]]) -> Found:
    """Play a scene to its end."""
    router.bridge.start_records(SOURCE, 1)
    router.bridge.want_records(True)

    async def work() -> Found:
        await cause(Scene(router))
        await router.idle()
        return Found(router)

    return router.run(work())
