"""Clients of the proton library at a real listener: with and without SASL, TLS, credentials."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from proton import ConnectionException, SSLDomain
from proton.utils import BlockingConnection
from skrouter.amqp.sasl.frames import AMQP_HEADER, SASL_HEADER
from skrouter.amqp.types import Described, Symbol, ULong
from skrouter.router.net import connections
from skrouter_testing import frames
from skrouter_testing.certs import Authority, Pair
from skrouter_testing.sasl import CONFIG_NAME, SaslUsers
from skrouter_testing.sasl import LOCAL_PASSWORD as PASSWORD
from skrouter_testing.sasl import LOCAL_USER as USER

Make = Callable[..., Any]


def conf(listener: str, more: str = "") -> str:
    """A router with one listener on an ephemeral port."""
    return f"router {{\n id: A\n}}\n{more}\nlistener {{\n host: 127.0.0.1\n port: 0\n{listener}\n}}\n"


def connect(port: int, **options: object) -> BlockingConnection:
    return BlockingConnection(f"127.0.0.1:{port}", timeout=10, **options)


def read_until(peer: socket.socket, wanted: bytes) -> bool:
    """Whether these octets arrive before the peer ends the stream."""
    seen = b""
    while wanted not in seen and (more := peer.recv(4096)):
        seen += more
    return wanted in seen


def test_an_anonymous_client_is_up_and_down_with_its_facts(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS"))
    client = connect(side.port, allowed_mechs="ANONYMOUS")
    side.wait(lambda: side.ups, "not up")
    (facts,) = side.ups
    assert (facts.incoming, facts.role, facts.mechanism, facts.number) == (True, "normal", "ANONYMOUS", 1)
    assert facts.user == "anonymous"
    assert facts.link_capacity == 250
    assert facts.host.startswith("127.0.0.1:")
    assert client.conn.remote_container == "A"
    assert client.conn.remote_properties["product"] == "skupper-router"
    assert client.conn.remote_properties["qd.conn-id"] == 1
    client.close()
    side.wait(lambda: side.downs, "not down")
    (down,) = side.downs
    assert (down.facts, down.condition) == (facts, "")
    assert side.call(lambda: side.shell.open_connections) == {}
    side.wait_line(
        "ROUTER_CORE (debug) [C1] Connection Opened: dir=in host=127.0.0.1:", "auth=ANONYMOUS user=anonymous"
    )
    side.wait_line("ROUTER_CORE (debug) [C1] Connection Closed")


def test_a_client_without_sasl_is_up_where_no_authentication_is_asked_for(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS"))
    client = connect(side.port, sasl_enabled=False)
    side.wait(lambda: side.ups, "not up")
    assert (side.ups[0].mechanism, side.ups[0].user) == (None, None)
    side.wait_line("encrypted=no auth=no user=(null)")
    client.close()


def test_a_client_without_sasl_is_refused_where_authentication_is_asked_for(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS\n authenticatePeer: yes"))
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as peer:
        peer.sendall(AMQP_HEADER)
        assert peer.recv(100) == SASL_HEADER
        assert peer.recv(100) == b""
    side.wait_line(
        "SERVER (error) [C1] Connection from 127.0.0.1:",
        f"(to 127.0.0.1:{side.port}) failed: amqp:connection:policy-error "
        "Client skipped authentication - forbidden",
    )
    assert side.ups == side.downs == []


def test_a_peer_that_leaves_before_any_header_is_logged(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS"))
    socket.create_connection(("127.0.0.1", side.port)).close()
    side.wait_line("failed: amqp:connection:framing-error No protocol header found (connection aborted)")


def test_a_client_that_vanishes_is_down_with_a_reason(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS"))
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as peer:
        peer.sendall(AMQP_HEADER + frames.amqp_frame("open", container_id="raw"))
        side.wait(lambda: side.ups, "not up")
        peer.shutdown(socket.SHUT_WR)
        side.wait(lambda: side.downs, "not down")
    (down,) = side.downs
    assert (down.condition, down.description) == ("amqp:connection:framing-error", "connection aborted")
    side.wait_line(
        "SERVER (error) [C1] Connection from 127.0.0.1:", "amqp:connection:framing-error connection aborted"
    )


def test_a_peer_is_told_why_it_is_closed(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS"))
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as peer:
        peer.sendall(AMQP_HEADER + frames.amqp_frame("open", container_id="raw"))
        side.wait(lambda: side.ups, "not up")
        side.call(lambda: side.shell.close(side.ups[0].connection, "amqp:connection:forced", "by the test"))
        assert read_until(peer, b"by the test")
    side.wait(lambda: side.downs, "not down")
    assert (side.downs[0].condition, side.downs[0].description) == ("amqp:connection:forced", "by the test")
    side.wait_line("failed: amqp:connection:forced by the test")


def test_a_peer_that_closes_with_an_error_is_quoted(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS"))
    error = Described(ULong(0x1D), [Symbol("amqp:internal-error"), "out of luck"])
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as peer:
        peer.sendall(AMQP_HEADER + frames.amqp_frame("open", container_id="raw"))
        side.wait(lambda: side.ups, "not up")
        peer.sendall(frames.amqp_frame("close", error=error))
        side.wait(lambda: side.downs, "not down")
    assert (side.downs[0].condition, side.downs[0].description) == ("amqp:internal-error", "out of luck")
    side.wait_line("SERVER (error) [C1]", "failed: amqp:internal-error out of luck")


def test_connections_beyond_the_limit_are_dropped_and_a_place_is_free_again(make_side: Make) -> None:
    side = make_side(conf("saslMechanisms: ANONYMOUS"), max_connections=1)
    first = connect(side.port, sasl_enabled=False)
    side.wait(lambda: side.ups, "not up")
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as second:
        assert second.recv(10) == b""
    side.wait_line(
        "POLICY (info) DENY Connection '127.0.0.1' based on global connection count. nConnections= 1"
    )
    side.wait_line("SERVER (error) [C2]", "failed: amqp:connection:framing-error No protocol header found")
    first.close()
    side.wait(lambda: side.downs, "not down")
    third = connect(side.port, sasl_enabled=False)
    side.wait(lambda: len(side.ups) == 2, "no place is free")
    third.close()


def test_a_peer_that_never_opens_is_given_up(make_side: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CLOSE_SECONDS", 0.1)
    side = make_side(conf("saslMechanisms: ANONYMOUS\n initialHandshakeTimeoutSeconds: 1"))
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as peer:
        peer.sendall(AMQP_HEADER)
        side.wait_line("failed: amqp:not-allowed Timeout waiting for initial handshake")
    assert side.ups == side.downs == []


@pytest.mark.parametrize("tls", [False, True])
def test_a_silent_peer_is_given_up(
    make_side: Make, monkeypatch: pytest.MonkeyPatch, authority: Authority, server_pair: Pair, tls: bool
) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_SECONDS", 0.2)
    plain = conf("saslMechanisms: ANONYMOUS")
    side = make_side(with_tls(authority, server_pair, "saslMechanisms: ANONYMOUS") if tls else plain)
    with socket.create_connection(("127.0.0.1", side.port), timeout=10) as peer:
        if tls:
            peer.sendall(b"\x16\x03")
        assert peer.recv(10) == b""
    side.wait_line("failed: amqp:resource-limit-exceeded TLS and SASL not finished within 0.2 seconds")


# --- PLAIN


@pytest.fixture
def sasl_directory(sasl_users: SaslUsers) -> Path:
    """Where a Cyrus configuration with one user is."""
    return sasl_users.directory


def with_passwords(directory: Path, listener: str) -> str:
    router = f"router {{\n id: A\n saslConfigDir: {directory}\n saslConfigName: {CONFIG_NAME}\n}}\n"
    return router + f"listener {{\n host: 127.0.0.1\n port: 0\n authenticatePeer: yes\n{listener}\n}}\n"


def test_b8_the_right_password_makes_a_user(make_side: Make, sasl_directory: Path) -> None:
    side = make_side(with_passwords(sasl_directory, "saslMechanisms: PLAIN"))
    client = connect(
        side.port, allowed_mechs="PLAIN", allow_insecure_mechs=True, user=USER, password=PASSWORD
    )
    side.wait(lambda: side.ups, "not up")
    assert (side.ups[0].mechanism, side.ups[0].user) == ("PLAIN", USER)
    client.close()


def test_a_wrong_password_is_refused_and_logged_without_it(make_side: Make, sasl_directory: Path) -> None:
    side = make_side(with_passwords(sasl_directory, "saslMechanisms: PLAIN"))
    with pytest.raises(ConnectionException):
        connect(side.port, allowed_mechs="PLAIN", allow_insecure_mechs=True, user=USER, password="wrong-word")
    line = side.wait_line(
        "SERVER (error) [C1]", "amqp:unauthorized-access Authentication failed [mech=PLAIN]"
    )
    assert "wrong-word" not in line
    assert side.ups == []


def test_without_configured_mechanisms_all_of_the_installation_are_offered(
    make_side: Make, sasl_directory: Path
) -> None:
    side = make_side(with_passwords(sasl_directory, ""))
    assert {"ANONYMOUS", "PLAIN", "SCRAM-SHA-256"} <= set(side.shell.listeners[0].mechanisms)


def test_b8_our_connector_proves_itself_by_scram(make_side: Make, sasl_directory: Path) -> None:
    listening = make_side(with_passwords(sasl_directory, "saslMechanisms: SCRAM-SHA-256"))
    router = f"router {{\n id: B\n saslConfigDir: {sasl_directory}\n saslConfigName: {CONFIG_NAME}\n}}\n"
    dialling = make_side(
        f"{router}connector {{\n name: up\n host: 127.0.0.1\n port: {listening.port}\n"
        f" saslUsername: {USER}\n saslPassword: pass:{PASSWORD}\n}}\n"
    )
    dialling.wait(lambda: dialling.ups, "not up")
    listening.wait(lambda: listening.ups, "not up")
    assert dialling.ups[0].mechanism == listening.ups[0].mechanism == "SCRAM-SHA-256"
    assert listening.ups[0].user is not None
    assert listening.ups[0].user.startswith(USER)


# --- TLS


def with_tls(authority: Authority, pair: Pair, listener: str, profile: str = "") -> str:
    more = (
        f"sslProfile {{\n name: tls\n caCertFile: {authority.ca_file}\n certFile: {pair.certificate}\n"
        f" privateKeyFile: {pair.key}\n{profile}\n}}\n"
    )
    return conf(f" sslProfile: tls\n{listener}", more)


def domain(authority: Authority, pair: Pair | None = None) -> SSLDomain:
    result = SSLDomain(SSLDomain.MODE_CLIENT)
    result.set_trusted_ca_db(authority.ca_file)
    result.set_peer_authentication(SSLDomain.VERIFY_PEER, authority.ca_file)
    if pair is not None:
        result.set_credentials(pair.certificate, pair.key, None)
    return result


EXTERNAL = "requireSsl: yes\n authenticatePeer: yes\n saslMechanisms: EXTERNAL"


@pytest.mark.parametrize(
    ("profile", "user"), [("", "CN=client,O=skrouter tests"), (" uidFormat: on", "skrouter tests;client")]
)
def test_a_certificate_makes_a_user(  # noqa: PLR0917
    make_side: Make, authority: Authority, server_pair: Pair, client_pair: Pair, profile: str, user: str
) -> None:
    side = make_side(with_tls(authority, server_pair, EXTERNAL, profile))
    client = BlockingConnection(
        f"amqps://127.0.0.1:{side.port}",
        timeout=10,
        allowed_mechs="EXTERNAL",
        ssl_domain=domain(authority, client_pair),
    )
    side.wait(lambda: side.ups, "not up")
    (facts,) = side.ups
    assert (facts.mechanism, facts.user, facts.tls_protocol) == ("EXTERNAL", user, "TLSv1.3")
    assert facts.tls_bits >= 128
    side.wait_line("encrypted=TLSv1.3 auth=EXTERNAL")
    client.close()


def test_without_certificate_the_client_is_refused(
    make_side: Make, authority: Authority, server_pair: Pair
) -> None:
    side = make_side(with_tls(authority, server_pair, EXTERNAL))
    with pytest.raises(ConnectionException):
        BlockingConnection(f"amqps://127.0.0.1:{side.port}", timeout=10, ssl_domain=domain(authority))
    side.wait_line("SERVER (error) [C1] Connection from", "peer did not return a certificate")
    assert side.ups == []


def test_a_certificate_of_another_authority_is_refused(
    make_side: Make, authority: Authority, other: Authority, server_pair: Pair
) -> None:
    side = make_side(with_tls(authority, server_pair, EXTERNAL))
    with pytest.raises(ConnectionException):
        BlockingConnection(
            f"amqps://127.0.0.1:{side.port}",
            timeout=10,
            ssl_domain=domain(authority, other.issue("stranger")),
        )
    side.wait_line("SERVER (error) [C1] Connection from", "certificate verify failed")
    assert side.ups == []


@pytest.mark.parametrize("required", ["requireSsl: yes", "requireEncryption: yes"])
def test_a_plain_client_is_refused_where_encryption_is_required(
    make_side: Make, authority: Authority, server_pair: Pair, required: str
) -> None:
    side = make_side(with_tls(authority, server_pair, f"{required}\n saslMechanisms: ANONYMOUS"))
    with pytest.raises(ConnectionException):
        connect(side.port, allowed_mechs="ANONYMOUS")
    side.wait_line("failed: amqp:connection:policy-error Client connection unencrypted")
    assert side.ups == []


def test_a_plain_client_is_up_where_tls_is_offered_only(
    make_side: Make, authority: Authority, server_pair: Pair
) -> None:
    side = make_side(with_tls(authority, server_pair, "saslMechanisms: ANONYMOUS"))
    plain = connect(side.port, allowed_mechs="ANONYMOUS")
    side.wait(lambda: side.ups, "not up")
    assert side.ups[0].tls_protocol is None
    plain.close()
