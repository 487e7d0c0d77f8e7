"""PROXY protocol through two routers, with HAProxy before the listener and nginx as the server."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine
from skrouter_testing.tcp_peers import Service, connect, is_open, wait_end

LISTENER = ": listening for client connections"
HEADER = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(
    [192, 0, 2, 7, 198, 51, 100, 1, 0x13, 0x88, 1, 187]
)


def a_line(
    routers: Routers, server: int, *, listener: str = "none", connector: str = "none"
) -> tuple[RouterLine, int]:
    port = free_port()
    extra = {
        "A": section("tcpListener", name="in", host=HOST, port=port, address="web", proxyProtocol=listener),
        "B": section(
            "tcpConnector", name="out", host=HOST, port=server, address="web", proxyProtocol=connector
        ),
    }
    line = RouterLine(routers, "AB", extra=extra).start()
    line["A"].wait_line(LISTENER)
    return line, port


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[int]:
    """A server that wants a header, and answers with the client's address in it."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        pytest.skip("needs nginx")
    port = free_port()
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;"
        f" fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f"server {{ listen {HOST}:{port} proxy_protocol;\n"
        f'location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port"; }} }} }}\n'
    )
    process = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(config)])
    wait_until(lambda: is_open(port), "nginx to listen")
    yield port
    process.terminate()
    process.wait()


@pytest.fixture
def haproxy(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A proxy that begins its connections with a header: its port, and that of its server."""
    program = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    if program is None:
        pytest.skip("needs HAProxy")
    port, server = free_port(), free_port()
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n"
        f"listen front\n bind {HOST}:{port}\n server routers {HOST}:{server} send-proxy-v2\n"
    )
    process = subprocess.Popen([program, "-f", str(config)], stderr=subprocess.DEVNULL)
    wait_until(lambda: is_open(port), "HAProxy to listen")
    yield port, server
    process.terminate()
    process.wait()


def ask(port: int) -> tuple[str, str]:
    """What the server says of us, and the address that we have."""
    with connect(port) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while part := client.recv(65536):
            answer += part
        host, number = client.getsockname()
    return answer.rpartition(b"\r\n\r\n")[2].decode(), f"{host} {number}"


def test_server_is_told_the_client_that_the_listener_passes_on(routers, nginx):
    _, port = a_line(routers, nginx, listener="pass", connector="send")
    for _ in range(3):
        told, own = ask(port)
        assert told == own


def test_server_is_told_the_client_that_a_proxy_before_the_listener_names(routers, nginx, haproxy):
    front, behind = haproxy
    extra = {
        "A": section("tcpListener", name="in", host=HOST, port=behind, address="web", proxyProtocol="accept"),
        "B": section("tcpConnector", name="out", host=HOST, port=nginx, address="web", proxyProtocol="send"),
    }
    RouterLine(routers, "AB", extra=extra).start()["A"].wait_line(LISTENER)
    told, own = ask(front)
    assert told == own


def test_header_is_off_by_default_and_octets_pass_as_they_are(routers):
    with Service() as service:
        _, port = a_line(routers, service.port)
        with connect(port) as client, service.accept() as server:
            client.sendall(HEADER + b"hello")
            assert server.recv(100) == HEADER + b"hello"


def test_header_in_single_octets_is_taken_and_what_follows_reaches_the_server(routers):
    with Service() as service:
        _, port = a_line(routers, service.port, listener="accept")
        with connect(port) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in HEADER:
                client.sendall(bytes([octet]))
            client.sendall(b"hello")
            with service.accept() as server:
                assert server.recv(100) == b"hello"


@pytest.mark.parametrize(
    "octets", [b"GET / HTTP/1.0\r\n\r\n", HEADER[:14] + b"\xff\xff", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"]
)
def test_client_without_a_valid_header_is_reset_and_told_of(routers, octets):
    with Service() as service:
        line, port = a_line(routers, service.port, listener="accept")
        with connect(port) as client:
            client.sendall(octets)
            assert wait_end(client) in ("closed", "reset")
        line["A"].wait_line(
            "Listener in: connection of 127.0.0.1:", "no valid PROXY protocol header of version 2"
        )


def test_server_hears_of_a_client_that_nobody_names_as_local(routers):
    with Service() as service:
        _, port = a_line(routers, service.port, connector="send")
        with connect(port) as client, service.accept() as server:
            client.sendall(b"hello")
            header = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
            octets = b""
            while len(octets) < len(header) + 5:
                octets += server.recv(100)
            assert octets == header + b"hello"
