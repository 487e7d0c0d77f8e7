"""Who answers at the port of a site's router: the router, surely another program, or somebody unknown."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from skrouter.mgmt.platforms.linux.live import is_of_another
from skrouter.mgmt.sites.certificates import LOCAL_CLIENT
from skrouter_testing.certs import Authority
from skrouter_testing.process import free_port

Answer = Callable[[socket.socket], None]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """One connection is answered, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.settimeout(10)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def site_files(directory: Path) -> tuple[Path, Authority]:
    """Credentials of the site's own client, and the CA that signed them."""
    authority = Authority(directory)
    pair = authority.issue("client")
    own = directory / "certs" / LOCAL_CLIENT
    own.mkdir(parents=True)
    for name, file in (("ca.crt", authority.ca_file), ("tls.crt", pair.certificate), ("tls.key", pair.key)):
        (own / name).write_bytes(Path(file).read_bytes())
    return own.parent, authority


def router_of(authority: Authority, version: ssl.TLSVersion) -> Answer:
    """TLS as a router does it: its certificate, and it asks for the client's."""
    pair = authority.issue("router")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    context.load_cert_chain(pair.certificate, pair.key)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    return answer


def words(connection: socket.socket) -> None:
    connection.sendall(b"-ERR unknown command\r\n")
    connection.recv(4096)


def silence(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def end(connection: socket.socket) -> None:
    connection.recv(4096)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_router_of_the_site_is_known_by_its_certificate(tmp_path: Path, version: ssl.TLSVersion) -> None:
    files, authority = site_files(tmp_path)
    with server(router_of(authority, version)) as port:
        assert not is_of_another(port, files)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_router_of_another_site_is_another(tmp_path: Path, version: ssl.TLSVersion) -> None:
    files, _ = site_files(tmp_path)
    (tmp_path / "other").mkdir()
    with server(router_of(Authority(tmp_path / "other"), version)) as port:
        assert is_of_another(port, files)


@pytest.mark.parametrize(("answer", "expected"), [(words, True), (silence, False), (end, False)])
def test_server_without_tls_is_another_if_it_says_anything(
    tmp_path: Path, answer: Answer, expected: bool
) -> None:
    files, _ = site_files(tmp_path)
    with server(answer) as port:
        assert is_of_another(port, files) is expected


def test_nobody_is_no_other(tmp_path: Path) -> None:
    files, _ = site_files(tmp_path)
    assert not is_of_another(free_port(), files)


def test_without_certificates_nothing_is_sure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert not is_of_another(listening.getsockname()[1], tmp_path)
