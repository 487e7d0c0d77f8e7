"""The bridge's services and servers: removal, TLS, several addresses, and what arrives that is no stream."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from skrouter.adaptors.tcp.bridge.bridge import GoneError
from skrouter.adaptors.tcp.bridge.encapsulation import write_head
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter_testing.certs import Authority, Pair

if TYPE_CHECKING:
    from conftest import Router

BALANCED = 3


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"ping")
    assert await reader.readexactly(4) == b"ping"


# --- the ends of listeners and connectors


@pytest.mark.parametrize("which", ["listener", "connector"])
def test_e7_removal_with_drop_resets_connections(router: Router, which: str) -> None:
    async def scenario() -> None:
        connector = await router.serve(echo)
        reader, writer = await router.open()
        await ping(reader, writer)
        if which == "listener":
            router.bridge.remove_listener(router.listener, True)
        else:
            router.bridge.remove_connector(connector, True)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await router.idle()
        writer.close()

    router.run(scenario())


@pytest.mark.parametrize("which", ["listener", "connector"])
def test_e7_removal_without_drop_lets_connections_live(router: Router, which: str) -> None:
    async def scenario() -> None:
        connector = await router.serve(echo)
        reader, writer = await router.open()
        await ping(reader, writer)
        if which == "listener":
            router.bridge.remove_listener(router.listener, False)
            with pytest.raises(ConnectionRefusedError):
                await router.open()
        else:
            router.bridge.remove_connector(connector, False)
        await ping(reader, writer)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await router.idle()

    router.run(scenario())


def first_notices(router: Router) -> list[tuple[str, int, str, str]]:
    """What has gone wrong, without what ended with it."""
    return [notice for notice in router.bridge.take_notices() if notice[0] != "ended"]


def test_handles_of_what_was_removed_are_refused(router: Router) -> None:
    connector = router.connect_to(1)
    router.bridge.remove_connector(connector, True)
    router.bridge.remove_listener(router.listener, True)
    for attempt in (
        lambda: router.bridge.listener_counters(router.listener),
        lambda: router.bridge.connector_counters(connector),
        lambda: router.bridge.remove_listener(router.listener, True),
        lambda: router.bridge.set_connector_addresses(connector, []),
        lambda: router.bridge.close_connection(12345),
    ):
        with pytest.raises(GoneError):
            attempt()


def test_handle_of_a_listener_is_not_one_of_a_connector_or_connection(router: Router) -> None:
    with pytest.raises(GoneError):
        router.bridge.connector_counters(router.listener)
    with pytest.raises(GoneError):
        router.bridge.close_connection(router.listener)


def test_single_connection_can_be_reset(router: Router) -> None:
    async def scenario() -> None:
        await router.serve(echo)
        reader, writer = await router.open()
        await ping(reader, writer)
        (handle,) = (row[0] for row in router.bridge.connections() if row[2] == "in")
        router.bridge.close_connection(handle)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await router.idle()

    router.run(scenario())


@pytest.mark.parametrize("moment", ["open", "uploading", "half-closed"])
def test_closing_the_bridge_leaves_nothing(router: Router, moment: str) -> None:
    async def scenario() -> None:
        await router.serve(echo)
        for _turn in range(5):
            reader, writer = await router.open()
            await ping(reader, writer)
            if moment == "uploading":
                writer.write(bytes(3 << 20))
            elif moment == "half-closed":
                writer.write_eof()
        router.bridge.close()
        assert router.bridge.connection_count == 0

    router.run(scenario())


def test_listener_on_two_sockets_accepts_from_both(router: Router) -> None:
    async def scenario() -> None:
        await router.serve(echo)
        second = socket.create_server(("127.0.0.1", 0))
        second.setblocking(False)
        port = second.getsockname()[1]
        router.bridge.listen(router.listener, second.detach())
        await ping(*await router.open())
        await ping(*await router.open_at(port))
        router.bridge.stop_listening(router.listener)
        for number in (router.port, port):
            with pytest.raises(ConnectionRefusedError):
                await router.open_at(number)

    router.run(scenario())


def test_e4_connections_are_shared_out_by_weight(router: Router) -> None:
    async def scenario() -> None:
        await router.serve(echo)
        router.bridge.offer_address(router.listener, "svc", 3)
        router.bridge.offer_address(router.listener, "other", 1)
        router.bridge.offer_address(router.listener, "never", 0)
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        connector, link = router.bridge.add_connector("other", "localhost")
        router.bridge.set_connector_addresses(connector, [_packed(server.sockets[0].getsockname()[1])])
        router.forwarder.bind_consumer(link, router.forwarder.publish("Mother", BALANCED))
        for _turn in range(200):
            reader, writer = await router.open()
            await ping(reader, writer)
            writer.close()
        counts = router.bridge.address_counters(router.listener)
        assert counts["never"] == 0
        assert counts["svc"] + counts["other"] == 200
        assert 15 <= counts["other"] <= 90  # 50 expected; both bounds are more than five deviations away
        await router.idle()
        server.close()

    router.run(scenario())


def _packed(port: int) -> bytes:
    return socket.AF_INET.to_bytes(2, "little") + port.to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)


# --- what arrives that is no stream


@pytest.mark.parametrize(
    ("message", "counter"),
    [
        (
            b"\x00\x53\x73\xd0\x00\x00\x00\x0b\x00\x00\x00\x03\x40\x40\xa1\x03svc\x00\x53\x77\xa1\x02hi",
            "released_deliveries",
        ),
        (write_head(b"svc"), "rejected_deliveries"),
        (write_head(b"svc", b"amqp:/_topo/0/A/temp.x")[:-1], "rejected_deliveries"),
        (
            b"\x00\x53\x73\xd0\x00\x00\x00\x0b\x00\x00\x00\x03\x40\x40\xa1\x03svc" + bytes(3),
            "released_deliveries",
        ),
    ],
    ids=["message", "no reply-to", "cut off", "rubbish"],
)
def test_message_that_is_no_stream_is_refused(router: Router, message: bytes, counter: str) -> None:
    async def scenario() -> None:
        connector = await router.serve(echo)
        before = router.forwarder.metrics()[counter]
        router.forwarder.send(message)
        await router.idle()
        assert router.forwarder.metrics()[counter] == before + 1
        assert router.bridge.connector_counters(connector)[0] == 1
        await ping(*await router.open())

    router.run(scenario())


def test_stream_whose_reply_address_is_gone_ends_the_connection_to_the_server(router: Router) -> None:
    async def scenario() -> None:
        ended: asyncio.Future[BaseException | bytes] = asyncio.get_running_loop().create_future()

        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                ended.set_result(await reader.read())
            except ConnectionError as error:
                ended.set_result(error)
            writer.close()

        await router.serve(hear)
        router.forwarder.send(write_head(b"svc", b"amqp:/_topo/0/A/temp.nobody") + b"hello")
        await ended
        await router.idle()

    router.run(scenario())


# --- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("localhost", dns=("localhost",), addresses=("127.0.0.1",))


def listener_tls(authority: Authority, pair: Pair, **more: Any) -> TlsContext:
    return TlsContext(
        authority.ca_file, pair.certificate, pair.key, server=True, alpn=(b"http/1.1", b"h2"), **more
    )


def client_tls(authority: Authority, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.ca_file)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


async def serve_tls(
    router: Router, authority: Authority, pair: Pair, seen: list[str | None], name: str
) -> None:
    """A TLS echo server that knows h2, and a connector to it that expects the host `name`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    context.set_alpn_protocols(["h2"])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await echo(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    router.keep(server)
    tls = TlsContext(authority.ca_file, server=False)
    router.connect_to(server.sockets[0].getsockname()[1], tls=tls, host=name)


def test_e2_tls_on_both_sides_carries_octets_and_alpn(
    bare_router: Router, authority: Authority, pair: Pair
) -> None:
    router = bare_router
    router.listen(listener_tls(authority, pair))
    seen: list[str | None] = []

    async def scenario() -> None:
        await serve_tls(router, authority, pair, seen, "localhost")
        reader, writer = await asyncio.open_connection(
            "localhost", router.port, ssl=client_tls(authority, "h2"), family=socket.AF_INET, limit=1 << 22
        )
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        data = bytes(range(256)) * 8192
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        assert seen == ["h2"]
        facts = {row[2]: row[10] for row in router.bridge.connections()}
        assert facts["in"] is not None
        assert facts["out"] is not None
        assert facts["in"][0] == facts["out"][0] == "TLSv1.3"
        assert facts["in"][5] == facts["out"][5] == b"h2"
        writer.close()
        await router.idle()

    router.run(scenario())


def test_plain_client_of_a_tls_listener_is_reset_and_told_of(
    bare_router: Router, authority: Authority, pair: Pair
) -> None:
    router = bare_router
    router.listen(listener_tls(authority, pair))

    async def scenario() -> None:
        connector = await router.serve(echo)
        reader, writer = await router.open()
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            while await reader.read(100):
                pass
        writer.close()
        await router.idle()
        ((kind, handle, peer, reason),) = router.bridge.take_notices()
        assert (kind, handle) == ("TLS failed", router.listener)
        assert peer.startswith("127.0.0.1:")
        assert "http request" in reason
        assert router.bridge.connector_counters(connector)[0] == 1

    router.run(scenario())


def test_server_with_a_wrong_name_is_not_spoken_to(
    bare_router: Router, authority: Authority, pair: Pair
) -> None:
    router = bare_router
    router.listen()
    seen: list[str | None] = []

    async def scenario() -> None:
        await serve_tls(router, authority, pair, seen, "other.example")
        reader, writer = await router.open()
        writer.write(b"secret")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await router.idle()
        assert seen == []
        ((kind, _handle, _peer, reason),) = first_notices(router)
        assert kind == "TLS failed"
        assert "certificate verify failed" in reason

    router.run(scenario())


def test_e2_client_without_certificate_is_refused_where_one_is_required(
    bare_router: Router, authority: Authority, pair: Pair
) -> None:
    router = bare_router
    router.listen(listener_tls(authority, pair, require_peer_certificate=True))

    async def scenario() -> None:
        await router.serve(echo)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            reader, _writer = await asyncio.open_connection(
                "localhost", router.port, ssl=client_tls(authority), family=socket.AF_INET
            )
            await reader.readexactly(1)
        own = client_tls(authority)
        own.load_cert_chain(pair.certificate, pair.key)
        reader, writer = await asyncio.open_connection(
            "localhost", router.port, ssl=own, family=socket.AF_INET
        )
        await ping(reader, writer)
        writer.close()
        await router.idle()

    router.run(scenario())


def test_new_tls_counts_for_new_connections(
    bare_router: Router, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    router = bare_router
    router.listen(listener_tls(authority, pair))
    other = Authority(tmp_path, "other")
    fresh = other.issue("localhost", dns=("localhost",))

    async def scenario() -> None:
        await router.serve(echo)
        before = await asyncio.open_connection(
            "localhost", router.port, ssl=client_tls(authority), family=socket.AF_INET
        )
        await ping(*before)
        router.bridge.set_listener_tls(router.listener, listener_tls(other, fresh))
        after = await asyncio.open_connection(
            "localhost", router.port, ssl=client_tls(other), family=socket.AF_INET
        )
        await ping(*after)
        await ping(*before)
        for _reader, writer in (before, after):
            writer.close()
        await router.idle()

    router.run(scenario())
