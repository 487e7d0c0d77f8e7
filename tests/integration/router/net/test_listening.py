"""Listening sockets: addresses, ports, failures."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from proton import ConnectionException
from proton.utils import BlockingConnection
from skrouter.router.net.errors import ListenError, NetworkConfigurationError
from skrouter_testing.certs import Authority

Make = Callable[..., Any]


def conf(*listeners: str, more: str = "") -> str:
    sections = "".join(f"listener {{\n saslMechanisms: ANONYMOUS\n{text}\n}}\n" for text in listeners)
    return f"router {{\n id: A\n}}\n{more}{sections}"


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def reachable(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=10).close()
    except OSError:
        return False
    return True


def test_b1_an_ephemeral_port_is_logged_with_the_name(make_side: Make) -> None:
    side = make_side(conf(" name: here\n host: 127.0.0.1\n port: 0"))
    assert side.port > 0
    side.wait_line("CONN_MGR (info) Configured  Listener: 127.0.0.1:0 proto=any, role=normal")
    side.wait_line(f"SERVER (info) Listening on 127.0.0.1:{side.port} (here)")


def test_a_fixed_port_is_logged_without_the_name(make_side: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as item:
        port = item.getsockname()[1]
    side = make_side(conf(f" name: here\n host: 127.0.0.1\n port: {port}"))
    assert side.wait_line("Listening on") == f"SERVER (info) Listening on 127.0.0.1:{port}"


@needs_ipv6
def test_no_host_means_all_addresses_of_both_families(make_side: Make) -> None:
    side = make_side(conf(" port: 0"))
    assert reachable("127.0.0.1", side.port)
    assert reachable("::1", side.port)


@needs_ipv6
@pytest.mark.parametrize("family", ["IPv4", "IPv6"])
def test_b1_the_family_can_be_chosen(make_side: Make, family: str) -> None:
    yes, no = ("127.0.0.1", "::1") if family == "IPv4" else ("::1", "127.0.0.1")
    side = make_side(conf(f" port: 0\n socketAddressFamily: {family}"))
    assert reachable(yes, side.port)
    assert not reachable(no, side.port)


def test_a_port_in_use_is_an_error_that_names_it(make_side: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        side = make_side(conf(f" host: 127.0.0.1\n port: {port}"), opened=False)
        with pytest.raises(ListenError, match="required listener failed 127"):
            side.open()
    side.wait_line(f"SERVER (error) Listener error on 127.0.0.1:{port}: Address already in use")
    assert side.shell.listeners == ()


def test_an_unresolvable_host_is_an_error(make_side: Make) -> None:
    side = make_side(conf(" host: no-such-host.invalid\n port: 0"), opened=False)
    with pytest.raises(ListenError, match=r"no-such-host\.invalid"):
        side.open()


def test_a_port_may_be_a_service(make_side: Make) -> None:
    side = make_side(conf(" host: 127.0.0.1\n port: amqp"), opened=False)
    try:
        side.open()
    except ListenError as error:  # somebody else's AMQP server: then that is the reason
        assert error.reason == "Address already in use"
    else:
        assert side.port == 5672


def test_a_profile_without_its_file_is_refused_before_listening(make_side: Make) -> None:
    more = "sslProfile {\n name: tls\n caCertFile: /no/such/ca\n certFile: /no/such/cert\n}\n"
    side = make_side(conf(" host: 127.0.0.1\n port: 0\n sslProfile: tls", more=more), opened=False)
    with pytest.raises(NetworkConfigurationError, match="sslProfile 'tls': Failed to configure TLS"):
        side.open()


def test_renewed_certificates_count_for_connections_to_come(
    make_side: Make, authority: Authority, other: Authority
) -> None:
    server_pair = authority.issue("before", addresses=("127.0.0.1",))

    def profile(text: str) -> str:
        return f"sslProfile {{\n name: tls\n{text}\n}}\n"

    files = (
        f" caCertFile: {authority.ca_file}\n certFile: {server_pair.certificate}\n"
        f" privateKeyFile: {server_pair.key}"
    )
    side = make_side(conf(" host: 127.0.0.1\n port: 0\n sslProfile: tls", more=profile(files)))
    client = (
        "router {\n id: B\n}\n"
        f"sslProfile {{\n name: tls\n caCertFile: {other.ca_file}\n}}\n"
        f"connector {{\n host: 127.0.0.1\n port: {side.port}\n sslProfile: tls\n}}\n"
    )
    make_side(client).wait_line("certificate verify failed")
    pair = other.issue("renewed", addresses=("127.0.0.1",))
    for path, source in ((server_pair.certificate, pair.certificate), (server_pair.key, pair.key)):
        Path(path).write_bytes(Path(source).read_bytes())
    side.call(lambda: side.shell.change_tls(side.config.ssl_profiles["tls"]))
    second = make_side(client)
    second.wait(lambda: second.ups, "the new certificate is not used")


def test_a_tls_client_at_a_plain_listener_is_an_unknown_protocol(make_side: Make) -> None:
    side = make_side(conf(" host: 127.0.0.1\n port: 0"))
    with pytest.raises(ConnectionException):
        BlockingConnection(f"amqps://127.0.0.1:{side.port}", timeout=10)
    side.wait_line("SERVER (error) [C1] Connection from", "Unknown protocol detected: '\\x16\\x03\\x01")
