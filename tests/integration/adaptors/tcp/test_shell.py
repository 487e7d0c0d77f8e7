"""The shell: configuration in, a working service out; sockets, names, logs and facts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from skrouter.adaptors.tcp.shell import Surroundings, TcpShell
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.config.entity import Entity
from skrouter.config.resolve import resolve
from skrouter.config.schema import load_schema
from skrouter_testing.certs import Authority
from skrouter_testing.kept_records import KeptRecords

if TYPE_CHECKING:
    from conftest import Router

BALANCED = 3


def make_config(short_type: str, **given: str | int | bool) -> Any:
    """The typed form of an entity with these camelCase attributes and the schema's defaults."""
    entity_type = load_schema().entity_types[short_type]
    values = {a.name: a.default for a in entity_type.attributes.values() if a.default is not None}
    return resolve(Entity(entity_type, {"identity": str(given.get("name", "")), **values, **given}))


class Site:
    """A shell in a router whose core is two dictionaries."""

    def __init__(self, router: Router, directory: Path) -> None:
        self.router = router
        self.authority = Authority(directory)
        self.pair = self.authority.issue("localhost", dns=("localhost",), addresses=("127.0.0.1",))
        self.lines: list[tuple[str, str]] = []
        self.watched: set[str] = set()
        self.consumers: dict[str, int] = {}
        self.closed = False
        self.records = KeptRecords()
        around = Surroundings(
            self.records, self._log, self._watch, self.watched.discard, self._bind, self._unbind, self._tls
        )
        self.shell = TcpShell(router.bridge, router.loop, around)

    def _log(self, module: str, level: str, text: str) -> None:
        assert module == "TCP_ADAPTOR"
        self.lines.append((level, text))

    def _watch(self, address: str) -> None:
        self.watched.add(address)
        self._tell(address)

    def _tell(self, address: str) -> None:
        if address in self.watched:
            self.shell.address_watch_changed(address, self.consumers.get(address, 0), 0, 0)

    def _bind(self, address: str, link: int) -> None:
        self.router.forwarder.bind_consumer(link, self.router.forwarder.publish(f"M{address}", BALANCED))
        self.consumers[address] = self.consumers.get(address, 0) + 1
        self._tell(address)

    def _unbind(self, address: str, link: int) -> None:
        self.router.forwarder.unbind_consumer(link)
        self.consumers[address] -= 1
        self._tell(address)

    def _tls(self, profile: str, *, server: bool, require_peer: bool, alpn: tuple[bytes, ...]) -> TlsContext:
        if profile != "tls":
            raise ValueError(f"no sslProfile {profile}")
        files = (self.pair.certificate, self.pair.key) if server else ()
        return TlsContext(
            self.authority.ca_file, *files, server=server, require_peer_certificate=require_peer, alpn=alpn
        )

    def listener(self, name: str = "lst", **more: Any) -> None:
        self.shell.configure_listener(
            make_config(
                "tcpListener", **{"name": name, "address": "svc", "host": "127.0.0.1", "port": "0", **more}
            )
        )

    def connector(self, port: int, name: str = "con", **more: Any) -> None:
        values = {"name": name, "address": "svc", "host": "127.0.0.1", "port": str(port), **more}
        self.shell.configure_connector(make_config("tcpConnector", **values))

    async def up(self) -> int:
        """Wait until the listener listens; its port, as the log has it."""
        await self.router.until(lambda: self.shell.listeners()[0].is_up)
        (line,) = (text for _level, text in reversed(self.lines) if "listening for client" in text)
        return int(line.split(" with backlog ")[0].rpartition(":")[2])

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.shell.close()


@pytest.fixture
def site(bare_router: Router, tmp_path: Path) -> Iterator[Site]:
    """A site without entities."""
    one = Site(bare_router, tmp_path)
    yield one
    one.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def echo_server(site: Site, host: str = "127.0.0.1") -> int:
    server = await asyncio.start_server(echo, host, 0)
    site.router.keep(server)
    return int(server.sockets[0].getsockname()[1])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_service_works_from_configuration_to_deletion(site: Site) -> None:
    async def scenario() -> None:
        site.listener()
        assert not site.shell.listeners()[0].is_up
        port = await echo_server(site)
        site.connector(port)
        place = await site.up()
        reader, writer = await site.router.open_at(place)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        (incoming,) = (row for row in site.shell.connections() if row.incoming)
        (outgoing,) = (row for row in site.shell.connections() if not row.incoming)
        assert (incoming.parent, incoming.address, incoming.bytes_in) == ("lst", "svc", 5)
        assert (outgoing.parent, outgoing.host, outgoing.bytes_out) == ("con", f"127.0.0.1:{port}", 5)
        facts = site.shell.listeners()[0]
        assert (facts.connections_opened, facts.connections_closed, facts.bytes_in) == (1, 0, 5)
        assert site.shell.connectors()[0].connections_opened == 2
        site.shell.delete_connector("con")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert not site.shell.listeners()[0].is_up
        with pytest.raises(ConnectionRefusedError):
            await site.router.open_at(place)
        site.shell.delete_listener("lst")
        await site.router.idle()
        assert site.watched == set()
        backlog = socket.SOMAXCONN
        assert [line for line in site.lines if line[0] != "debug"] == [
            ("info", "Configured TcpListener for svc, 127.0.0.1:0"),
            ("info", f"Configured TcpConnector for svc, 127.0.0.1:{port}"),
            (
                "info",
                f"Listener lst: listening for client connections on 127.0.0.1:{place} with backlog {backlog}",
            ),
            ("info", f"Deleted TcpConnector for svc, 127.0.0.1:{port}"),
            ("info", f"Listener lst: stopped listening for client connections on 127.0.0.1:{place}"),
            ("info", "Deleted TcpListener for svc, 127.0.0.1:0"),
        ]

    site.router.run(scenario())


def test_port_in_use_is_reported_and_tried_again_with_the_next_consumer(site: Site) -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            site.listener(port=str(taken.getsockname()[1]))
            site.connector(await echo_server(site))
            await site.router.until(lambda: site.shell.listeners()[0].message != "")
            facts = site.shell.listeners()[0]
            assert (facts.is_up, facts.message) == (False, "Address already in use")
        site.connector(await echo_server(site), name="second")
        await site.up()
        assert site.shell.listeners()[0].message == ""

    site.router.run(scenario())


@pytest.mark.parametrize("host", ["", "localhost"])
def test_all_addresses_of_a_host_are_listened_on_with_one_port(site: Site, host: str) -> None:
    async def scenario() -> None:
        site.listener(host=host)
        site.connector(await echo_server(site))
        place = await site.up()
        infos = await asyncio.get_running_loop().getaddrinfo("localhost", place, type=socket.SOCK_STREAM)
        for family, _kind, _protocol, _name, address in infos:
            with socket.socket(family) as client:
                client.setblocking(False)
                await asyncio.get_running_loop().sock_connect(client, address)
                await asyncio.get_running_loop().sock_sendall(client, b"x")
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b"x"
        await site.router.idle()

    site.router.run(scenario())


def test_server_is_found_by_name(site: Site) -> None:
    async def scenario() -> None:
        site.listener()
        site.connector(await echo_server(site, "localhost"), host="localhost")
        reader, writer = await site.router.open_at(await site.up())
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"

    site.router.run(scenario())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_name_that_does_not_exist_is_told_and_its_clients_are_turned_away(site: Site, host: str) -> None:
    async def scenario() -> None:
        site.listener()
        site.connector(1, host=host)
        place = await site.up()
        with pytest.raises(ConnectionResetError):
            await (await site.router.open_at(place))[0].read()
        texts = [text for level, text in site.lines if level == "error"]
        assert len(texts) == 1
        assert texts[0].startswith(f"Connector con: cannot resolve {host}:1: ")
        await site.router.until(
            lambda: any("the host name is not resolved" in text for _, text in site.lines)
        )

    site.router.run(scenario())


def test_refused_connection_to_the_server_is_logged(site: Site) -> None:
    async def scenario() -> None:
        site.listener()
        port = free_port()
        site.connector(port)
        place = await site.up()
        with pytest.raises(ConnectionResetError):
            await (await site.router.open_at(place))[0].read()
        text = f"Connector con: connection to 127.0.0.1:{port} failed: Connection refused"
        await site.router.until(lambda: ("info", text) in site.lines)

    site.router.run(scenario())


def test_e4_listener_with_priorities_moves_to_the_best_address(site: Site) -> None:
    async def scenario() -> None:
        site.shell.configure_listener(
            make_config(
                "tcpListener", name="lst", host="127.0.0.1", port="0", multiAddressStrategy="priority"
            )
        )
        for address, value in (("low", 1), ("high", 2)):
            site.shell.configure_listener_address(
                make_config("listenerAddress", name=address, listener="lst", address=address, value=value)
            )
        site.connector(await echo_server(site), name="low", address="low")
        place = await site.up()
        for number, expected in enumerate([{"low": 1, "high": 0}, {"low": 1, "high": 1}]):
            if number:
                site.connector(await echo_server(site), name="high", address="high")
            reader, writer = await site.router.open_at(place)
            writer.write(b"x")
            await reader.readexactly(1)
            opened = {f.config.address: f.connections_opened for f in site.shell.listener_addresses()}
            assert opened == expected
        with pytest.raises(
            ValueError, match="listenerAddress entities exist for  multi-address listener lst"
        ):
            site.shell.delete_listener("lst")

    site.router.run(scenario())


def test_tls_profile_that_does_not_work_changes_nothing(site: Site) -> None:
    with pytest.raises(ValueError, match="no sslProfile wrong"):
        site.listener(sslProfile="wrong")
    with pytest.raises(ValueError, match="no sslProfile wrong"):
        site.connector(1, sslProfile="wrong")
    assert site.shell.listeners() == []
    assert site.shell.connectors() == []
    assert site.lines == []


def test_plain_client_of_a_tls_listener_is_logged_as_tls_connection_failed(site: Site) -> None:
    async def scenario() -> None:
        site.listener(sslProfile="tls")
        site.connector(await echo_server(site))
        reader, writer = await site.router.open_at(await site.up())
        writer.write(b"plain text, sorry\r\n")
        with pytest.raises(ConnectionResetError):
            while await reader.read(100):
                pass
        await site.router.until(lambda: any("TLS connection failed" in text for _, text in site.lines))
        site.shell.ssl_profile_changed("tls")

    site.router.run(scenario())


def test_single_connection_is_closed_on_request(site: Site) -> None:
    async def scenario() -> None:
        site.listener()
        site.connector(await echo_server(site))
        reader, writer = await site.router.open_at(await site.up())
        writer.write(b"x")
        await reader.readexactly(1)
        handle = site.shell.connections()[0].handle
        assert site.shell.close_connection(handle)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await site.router.idle()
        assert not site.shell.close_connection(handle)

    site.router.run(scenario())


def test_closing_deletes_everything_and_says_so(site: Site) -> None:
    async def scenario() -> None:
        site.listener()
        site.connector(await echo_server(site), host="localhost")
        await site.up()
        site.close()
        assert site.shell.listeners() == []
        assert [text for _level, text in site.lines[-4:] if text.startswith("Deleted")] == [
            "Deleted TcpListener for svc, 127.0.0.1:0",
            f"Deleted TcpConnector for svc, localhost:{site.lines[1][1].rpartition(':')[2]}",
        ]
        assert ("info", "Shutting down TCP protocol adaptor") in site.lines

    site.router.run(scenario())
