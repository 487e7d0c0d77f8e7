"""TCP services through two routers: listener on A, connector on B."""

from __future__ import annotations

import http.server
import os
import select
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from skrouter_testing.amqp_client import Client
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine
from skrouter_testing.tcp_peers import Service, connect, exchange, is_open, read_all, reset, wait_end


class Net:
    """A - B with one service."""

    def __init__(self, routers: Routers) -> None:
        self.service = Service()
        self.port = free_port()
        listener = section("tcpListener", name="in", host=HOST, port=self.port, address="service")
        connector = section("tcpConnector", name="out", host=HOST, port=self.service.port, address="service")
        self.line = RouterLine(routers, "AB", extra={"A": listener, "B": connector})

    def start(self) -> Net:
        self.line.start()
        wait_until(lambda: self.line["A"].found(": listening for client connections"), "the listener to open")
        return self

    def pair(self):
        """A connected client, and the connection that the service sees."""
        client = connect(self.port)
        return client, self.service.accept()


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    with Routers(tmp_path_factory.mktemp("tcp")) as routers:
        net = Net(routers)
        with net.service:
            yield net.start()


@pytest.fixture
def own_net(routers: Routers) -> Iterator[Net]:
    """For tests that break it."""
    net = Net(routers)
    with net.service:
        yield net


def test_e1_a_page_is_fetched_through_the_mesh(routers):
    page = b"<html>" + bytes(range(256)) * 2000

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer((HOST, free_port()), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        line = RouterLine(
            routers,
            "AB",
            extra={
                "A": section("tcpListener", name="web", host=HOST, port=port, address="web"),
                "B": section("tcpConnector", name="web", host=HOST, port=server.server_port, address="web"),
            },
        ).start()
        line["A"].wait_line(": listening for client connections")
        for _ in range(20):
            with urllib.request.urlopen(f"http://{HOST}:{port}/page", timeout=10) as answer:
                assert answer.read() == page
        server.shutdown()


def test_fifty_megabytes_pass_both_ways_at_once_unchanged_in_bounded_memory(net):
    client, server = net.pair()
    with client, server:
        exchange(client, server, 50_000_000, 25)
    for name in "AB":
        assert net.line[name].memory().peak < 120_000_000


def test_end_of_input_reaches_the_server_which_can_still_answer(net):
    """What `nc -N` does."""
    client, server = net.pair()
    with client, server:
        client.sendall(b"question" * 10_000)
        client.shutdown(1)
        assert read_all(server) == b"question" * 10_000
        server.sendall(b"answer" * 50_000)
        server.close()
        assert read_all(client) == b"answer" * 50_000


def test_end_of_output_reaches_the_client_which_can_still_send(net):
    client, server = net.pair()
    with client, server:
        server.sendall(b"greeting")
        server.shutdown(1)
        assert read_all(client) == b"greeting"
        client.sendall(b"late" * 10_000)
        client.shutdown(1)
        assert read_all(server) == b"late" * 10_000


def test_server_that_speaks_first_is_heard(net):
    client, server = net.pair()
    with client, server:
        server.sendall(b"220 ready\r\n")
        assert client.recv(100) == b"220 ready\r\n"


@pytest.mark.parametrize("side", ["client", "server"])
def test_reset_of_one_side_ends_the_other(net, side):
    client, server = net.pair()
    ending, seeing = (client, server) if side == "client" else (server, client)
    with client, server:
        client.sendall(b"x")
        assert server.recv(1) == b"x"

        reset(ending)

        assert wait_end(seeing) in ("closed", "reset")


def test_many_connections_live_side_by_side(net):
    pairs = [net.pair() for _ in range(40)]
    for number, (client, _) in enumerate(pairs):
        client.sendall(b"%03d" % number)
    seen = sorted(server.recv(3) for _, server in pairs)
    assert seen == [b"%03d" % number for number in range(40)]
    for client, server in pairs:
        client.close()
        assert wait_end(server) == "closed"
        server.close()


def test_connection_is_closed_when_no_one_listens_at_the_service(routers):
    port = free_port()
    line = RouterLine(
        routers,
        "AB",
        extra={
            "A": section("tcpListener", name="in", host=HOST, port=port, address="gone"),
            "B": section("tcpConnector", name="out", host=HOST, port=free_port(), address="gone"),
        },
    ).start()
    line["A"].wait_line(": listening for client connections")

    try:
        with connect(port) as client:
            end = wait_end(client)
    except ConnectionResetError:  # before our side of the connect was done
        end = "reset"
    assert end in ("closed", "reset")
    assert line["A"].running and line["B"].running


def test_e3_listener_is_closed_until_its_service_is_reachable_and_again_when_it_is_gone(own_net):
    net, line = own_net, own_net.line
    line.start("A")
    assert not is_open(net.port)

    line["B"].start()
    line["A"].wait_line("Computed next hops", "'B': 'B'")
    found = time.monotonic()
    line["A"].wait_line(": listening for client connections")
    opened = time.monotonic()

    assert opened - found < 1.5
    assert is_open(net.port)
    net.service.accept().close()

    mark = line["A"].mark()
    line["B"].stop()
    line["A"].wait_line("stopped listening", after=mark)
    assert not is_open(net.port)


def test_listener_opens_within_a_second_of_a_connector_that_appears_on_a_known_router(own_net):
    """B is in the mesh and restarts with the connector: from its Operational line on A has a second."""
    net, line = own_net, own_net.line
    with_connector = line["B"].config.read_text()
    line["B"].write(with_connector.split("tcpConnector")[0])
    line.start()
    assert not is_open(net.port)
    line["B"].stop()
    line["B"].write(with_connector)

    line["B"].start()
    line["A"].wait_line(": listening for client connections")

    client, server = net.pair()
    client.close()
    server.close()


def test_killed_connector_router_ends_the_client_connections_and_the_listener(own_net):
    net = own_net.start()
    line = net.line
    pairs = [net.pair() for _ in range(5)]
    for client, server in pairs:
        client.sendall(b"hello")
        assert server.recv(5) == b"hello"
    mark = line["A"].mark()

    line["B"].kill()

    assert [wait_end(client) in ("closed", "reset") for client, _ in pairs] == [True] * 5
    line["A"].wait_line("stopped listening", after=mark)
    line.start("B")
    line["A"].wait_line(": listening for client connections", after=mark)
    client, server = net.pair()
    with client, server:
        exchange(client, server, 1_000_000, 10)
    for client, server in pairs:
        client.close()
        server.close()


def test_killed_listener_router_ends_the_service_connections(own_net):
    net = own_net.start()
    client, server = net.pair()
    client.sendall(b"hello")
    assert server.recv(5) == b"hello"

    net.line["A"].kill()

    assert wait_end(server) in ("closed", "reset")
    client.close()
    server.close()


def test_stalled_reader_stops_the_sender_and_not_the_routers(net):
    """A reader that takes nothing: the routers take about the window, then no more."""
    client, server = net.pair()
    with client, server:
        client.setblocking(False)
        sent, quiet_since = 0, time.monotonic()
        while time.monotonic() - quiet_since < 0.5:
            try:
                sent += client.send(bytes(65536))
                quiet_since = time.monotonic()
            except BlockingIOError:
                select.select([], [client], [], 0.1)
            assert sent < 60_000_000
        for name in "AB":
            assert net.line[name].memory().peak < 120_000_000
        client.setblocking(True)
        client.settimeout(20)
        reader = threading.Thread(target=lambda: client.shutdown(1))
        reader.start()
        assert len(read_all(server)) == sent
        reader.join()


def test_router_that_stops_reading_costs_its_neighbor_a_little_of_each_stream(own_net):
    """What the socket between them does not take is neither read from clients nor encoded without end."""
    net, count, most = own_net.start(), 64, 8 << 20
    with ExitStack() as opened:
        pairs = [tuple(map(opened.enter_context, net.pair())) for _ in range(count)]
        before = net.line["A"].memory().resident
        os.kill(net.line["B"].pid, signal.SIGSTOP)
        try:
            sent = _fill([client for client, _ in pairs], most)
            grown = net.line["A"].memory().peak - before
        finally:
            os.kill(net.line["B"].pid, signal.SIGCONT)
        assert grown < 48_000_000, f"{grown} octets for {count} streams"
        for (client, server), length in zip(pairs, sent, strict=True):
            ending = threading.Thread(target=client.shutdown, args=(socket.SHUT_WR,))
            ending.start()
            assert read_all(server) == bytes(length)
            ending.join()


def _fill(clients: list[socket.socket], most: int) -> list[int]:
    """Send as much as they take, until none has taken any for a while; octets of each."""
    sent = [0] * len(clients)
    for client in clients:
        client.setblocking(False)
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 0.7:
        _, ready, _ = select.select([], clients, [], 0.1)
        for client in ready:
            at = clients.index(client)
            if sent[at] < most:
                sent[at] += client.send(bytes(65536))
                quiet_since = time.monotonic()
    return sent


def test_listener_opens_within_a_second_of_each_appearance_of_a_consumer(routers):
    """A receiver is a consumer as good as a connector; the mesh tells of it at most a tick later."""
    port = free_port()
    listener = section("tcpListener", name="in", host=HOST, port=port, address="watched")
    line = RouterLine(routers, "AB", extra={"A": listener}).start()
    with Client(line.ports["B"]) as client:
        for _ in range(3):
            mark = line["A"].mark()
            receiver = client.receiver("watched")
            appeared = time.monotonic()
            line["A"].wait_line(": listening for client connections", after=mark)
            assert time.monotonic() - appeared < 1.3
            assert is_open(port)
            receiver.close()
            line["A"].wait_line("stopped listening", after=mark)
            assert not is_open(port)
