"""TLS sessions against Python's ssl module, an independent peer, over socket pairs in one process."""

import hashlib
import select
import signal
import socket
import ssl
from pathlib import Path

import pytest
from skrouter.amqp.engine import tls
from skrouter.amqp.engine.tls import TlsSession
from skrouter_testing.certs import Authority, Pair
from skrouter_testing.tls_parties import (
    Ours,
    Sockets,
    Theirs,
    our_client,
    our_server,
    shake,
    their_client,
    their_server,
    transfer,
)

MEGABYTES_10 = 10 * 1024 * 1024


def test_our_client_and_an_independent_server_exchange_octets(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    assert transfer(ours, theirs, b"ping") == b"ping"
    assert transfer(theirs, ours, b"pong") == b"pong"


def test_our_server_and_an_independent_client_exchange_octets(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_server(authority, server_pair), None)
    theirs = Theirs(pair[1], their_client(authority), "router.example")
    shake(ours, theirs)
    assert transfer(ours, theirs, b"ping") == b"ping"
    assert transfer(theirs, ours, b"pong") == b"pong"


@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3", None])
@pytest.mark.parametrize("we_send", [True, False])
def test_ten_megabytes_arrive_unchanged(
    pair: Sockets, authority: Authority, server_pair: Pair, protocols: str | None, we_send: bool
) -> None:
    ours = Ours(pair[0], our_client(authority, protocols=protocols), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    data = hashlib.shake_256(b"ten megabytes").digest(MEGABYTES_10)
    got = transfer(ours, theirs, data) if we_send else transfer(theirs, ours, data)
    assert got == data


def test_a_write_that_must_wait_is_finished_from_another_address(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    data, sent, got = hashlib.shake_256(b"moving").digest(2_000_000), 0, bytearray()
    while (done := ours.session.write(bytearray(data[sent:]))) > 0:
        sent += done
    assert done == tls.AGAIN and ours.session.want_write
    assert sent < len(data)
    while len(got) < len(data):
        got += theirs.read() or b""
        if sent < len(data):
            sent += max(ours.session.write(bytearray(data[sent:])), 0)
    assert bytes(got) == data


def test_facts_name_protocol_cipher_peer_and_alpn(
    pair: Sockets, authority: Authority, server_pair: Pair, client_pair: Pair
) -> None:
    context = our_server(authority, server_pair, require_peer_certificate=True, alpn=[b"h2", b"amqp"])
    client = their_client(authority, client_pair)
    client.set_alpn_protocols(["amqp", "http/1.1"])
    ours, theirs = Ours(pair[0], context, None), Theirs(pair[1], client, "router.example")
    shake(ours, theirs)
    protocol, cipher, bits, subject, der, alpn = ours.session.facts()
    assert (protocol, cipher, bits) == (theirs.tls.version(), *_suite(theirs))
    assert subject == "CN=client,O=skrouter tests"
    assert der == ssl.PEM_cert_to_DER_cert(Path(client_pair.certificate).read_text())
    assert alpn == b"amqp"


def _suite(theirs: Theirs) -> tuple[str, int]:
    cipher = theirs.tls.cipher()
    assert cipher is not None
    return cipher[0], cipher[2]


def test_facts_of_a_peer_without_certificate_are_none(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    context = our_server(authority, server_pair, request_peer_certificate=True)
    ours, theirs = Ours(pair[0], context, None), Theirs(pair[1], their_client(authority), "router.example")
    shake(ours, theirs)
    assert ours.session.facts()[3:] == (None, None, None)


def test_a_client_session_offers_its_own_protocol(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    server = their_server(authority, server_pair)
    server.set_alpn_protocols(["http/1.1", "h2"])
    ours, theirs = Ours(pair[0], our_client(authority), "router.example"), Theirs(pair[1], server)
    assert ours.session.offer(b"h2")
    shake(ours, theirs)
    assert ours.session.facts()[5] == b"h2" == (theirs.tls.selected_alpn_protocol() or "").encode()


def test_a_client_whose_protocols_are_unknown_is_served_without(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    client = their_client(authority)
    client.set_alpn_protocols(["postgresql"])
    ours = Ours(pair[0], our_server(authority, server_pair, alpn=[b"h2"]), None)
    theirs = Theirs(pair[1], client, "router.example")
    shake(ours, theirs)
    assert ours.session.facts()[5] is None


def test_sessions_outlive_their_context(pair: Sockets, authority: Authority, server_pair: Pair) -> None:
    context = our_server(authority, server_pair, alpn=[b"amqp"])
    client = their_client(authority)
    client.set_alpn_protocols(["amqp"])
    ours, theirs = Ours(pair[0], context, None), Theirs(pair[1], client, "router.example")
    del context
    shake(ours, theirs)
    assert ours.session.facts()[5] == b"amqp"


@pytest.mark.parametrize(
    ("protocols", "version"),
    [
        ("TLSv1.2", "TLSv1.2"),
        ("TLSv1.3", "TLSv1.3"),
        ("TLSv1.2 TLSv1.3", "TLSv1.3"),
        ("TLSv1 TLSv1.1 TLSv1.2", "TLSv1.2"),
    ],
)
def test_b10_protocols_restrict_the_version(
    pair: Sockets, authority: Authority, server_pair: Pair, protocols: str, version: str
) -> None:
    ours = Ours(pair[0], our_server(authority, server_pair, protocols=protocols), None)
    theirs = Theirs(pair[1], their_client(authority), "router.example")
    shake(ours, theirs)
    assert ours.session.facts()[0] == version


def test_a_peer_without_a_common_version_is_refused(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    client = their_client(authority)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    ours = Ours(pair[0], our_server(authority, server_pair, protocols="TLSv1.3"), None)
    theirs = Theirs(pair[1], client, "router.example")
    shake(ours, theirs)
    assert ours.failure == "unsupported protocol"


@pytest.mark.parametrize(
    ("limits", "chosen"),
    [
        (("ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2"), "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (("TLS_AES_128_GCM_SHA256", "TLSv1.3"), "TLS_AES_128_GCM_SHA256"),
        (
            ("TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", None),
            "TLS_CHACHA20_POLY1305_SHA256",
        ),
    ],
)
def test_b10_ciphers_restrict_the_choice(
    pair: Sockets, authority: Authority, server_pair: Pair, limits: tuple[str, str | None], chosen: str
) -> None:
    context = our_server(authority, server_pair, ciphers=limits[0], protocols=limits[1])
    ours, theirs = Ours(pair[0], context, None), Theirs(pair[1], their_client(authority), "router.example")
    shake(ours, theirs)
    assert ours.session.facts()[1] == chosen


def test_a_session_is_never_resumed(authority: Authority, server_pair: Pair) -> None:
    context, client = our_server(authority, server_pair), their_client(authority)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    for _ in range(2):
        left, right = socket.socketpair()
        left.setblocking(False)
        right.setblocking(False)
        with left, right:
            ours, theirs = Ours(left, context, None), Theirs(right, client, "router.example")
            shake(ours, theirs)
            session = theirs.tls.session
            assert session is not None and not session.has_ticket and not session.id


def test_close_notify_is_a_clean_end(pair: Sockets, authority: Authority, server_pair: Pair) -> None:
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    ours.session.shutdown()
    assert theirs.read() == b""
    theirs.attempt(theirs.tls.unwrap)
    assert ours.read() == b""
    assert not ours.session.truncated


def test_an_end_without_close_notify_is_an_error(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    theirs.socket.close()
    assert ours.session.read(100) == tls.ERROR
    assert ours.session.truncated
    assert "eof" in ours.session.error


def test_writing_to_a_vanished_peer_is_an_error_and_no_signal(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    theirs.socket.close()
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a signal would end this process
    try:
        assert ours.session.write(b"x") == tls.ERROR
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert ours.session.error == "Broken pipe"


def test_octets_that_openssl_holds_are_pending(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    assert theirs.write(memoryview(b"0123456789")) == 10
    assert ours.read(4) == b"0123"
    assert ours.session.pending
    assert not select.select([pair[0]], [], [], 0)[0]
    assert ours.read(100) == b"456789"
    assert not ours.session.pending


def test_octets_that_are_not_tls_fail_with_a_reason(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_server(authority, server_pair), None)
    pair[1].send(b"AMQP\x00\x01\x00\x00 and more")
    ours.step()
    assert ours.failure


def test_a_session_is_not_used_before_its_handshake(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    session = TlsSession(our_server(authority, server_pair), pair[0].fileno())
    assert session.write(b"secret") == tls.ERROR
    assert session.error == "used before the handshake was done"
