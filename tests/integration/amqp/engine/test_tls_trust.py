"""Whom a TLS session trusts: the configured authority, the host asked for, and nobody else."""

import hashlib
import socket
import ssl
from pathlib import Path

import pytest
from skrouter.amqp.engine.tls import TlsSession
from skrouter_testing.certs import Authority, Pair
from skrouter_testing.tls_parties import (
    Ours,
    Sockets,
    Theirs,
    hear,
    our_client,
    our_server,
    shake,
    their_client,
    their_server,
    transfer,
)


def test_a_verified_client_certificate_is_accepted_both_ways(
    pair: Sockets, authority: Authority, server_pair: Pair, client_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority, client_pair), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair, verify=True))
    shake(ours, theirs)
    assert transfer(theirs, ours, b"welcome") == b"welcome"
    assert theirs.tls.getpeercert() is not None


@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3"])
def test_a_client_certificate_of_another_authority_is_refused(
    pair: Sockets, authority: Authority, other: Authority, server_pair: Pair, protocols: str
) -> None:
    context = our_server(authority, server_pair, require_peer_certificate=True, protocols=protocols)
    theirs = Theirs(pair[1], their_client(authority, other.issue(f"stranger-{protocols}")), "router.example")
    ours = Ours(pair[0], context, None)
    shake(ours, theirs)
    assert ours.failure == "certificate verify failed: unable to get local issuer certificate"
    assert "unknown ca" in hear(theirs).lower()


def test_a_requested_client_certificate_is_verified_too(
    pair: Sockets, authority: Authority, other: Authority, server_pair: Pair
) -> None:
    context = our_server(authority, server_pair, request_peer_certificate=True)
    theirs = Theirs(pair[1], their_client(authority, other.issue("stranger")), "router.example")
    ours = Ours(pair[0], context, None)
    shake(ours, theirs)
    assert ours.failure is not None and "certificate verify failed" in ours.failure


def test_a_missing_client_certificate_is_refused(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    context = our_server(authority, server_pair, require_peer_certificate=True)
    ours, theirs = Ours(pair[0], context, None), Theirs(pair[1], their_client(authority), "router.example")
    shake(ours, theirs)
    assert ours.failure == "peer did not return a certificate"


def test_an_alert_after_our_handshake_reaches_read_with_its_reason(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, server_pair, verify=True))
    shake(ours, theirs)
    assert "certificate required" in hear(ours)


def test_a_server_of_another_authority_is_refused(
    pair: Sockets, authority: Authority, other: Authority
) -> None:
    theirs = Theirs(pair[1], their_server(authority, other.issue("server", dns=("router.example",))))
    ours = Ours(pair[0], our_client(authority), "router.example")
    shake(ours, theirs)
    assert ours.failure == "certificate verify failed: unable to get local issuer certificate"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_an_authority_of_the_system_is_not_trusted(
    pair: Sockets, authority: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    value = other.ca_file if variable == "SSL_CERT_FILE" else _hashed_directory(other)
    monkeypatch.setenv(variable, value)
    certificate = other.issue(f"system-{variable}", dns=("router.example",))
    by_default = ssl.create_default_context()
    assert not _refusal(by_default, certificate, other), (
        "the variable must matter to a client that trusts the system"
    )
    theirs = Theirs(pair[1], their_server(authority, certificate))
    ours = Ours(pair[0], our_client(authority), "router.example")
    shake(ours, theirs)
    assert ours.failure is not None and "certificate verify failed" in ours.failure


def _hashed_directory(authority: Authority) -> str:
    """The authority's certificate under the name by which OpenSSL looks it up."""
    directory = authority.directory / "hashed"
    directory.mkdir()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca_file)
    (directory / f"{_subject_hash(authority.ca_file)}.0").write_bytes(Path(authority.ca_file).read_bytes())
    return str(directory)


def _subject_hash(path: str) -> str:
    """X509_NAME_hash: the first 4 octets, little-endian, of SHA-1 over the canonical subject."""
    from cryptography import x509  # noqa: PLC0415  (only this test needs it)

    subject = x509.load_pem_x509_certificate(Path(path).read_bytes()).subject
    canonical = b""
    for rdn in subject.rdns:
        for attribute in rdn:
            value = " ".join(str(attribute.value).lower().split()).encode()
            oid = x509.Name([attribute]).public_bytes()
            oid = oid[oid.index(b"\x06") :]
            oid = oid[: 2 + oid[1]]
            inner = oid + b"\x0c" + bytes((len(value),)) + value
            pair = b"\x30" + bytes((len(inner),)) + inner
            canonical += b"\x31" + bytes((len(pair),)) + pair
    digest = hashlib.sha1(canonical).digest()  # noqa: S324  (a file name, no security)
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _refusal(client: ssl.SSLContext, certificate: Pair, authority: Authority) -> str | None:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        one, two = Theirs(left, client, "router.example"), Theirs(right, their_server(authority, certificate))
        shake(one, two)
    return one.failure


HOSTS = [
    ("router.example", True),
    ("ROUTER.example", True),
    ("127.0.0.1", True),
    ("::1", True),
    ("other.example", False),
    ("127.0.0.2", False),
    ("::2", False),
    ("router.example.org", False),
]


@pytest.mark.parametrize(("host", "accepted"), HOSTS)
def test_b10_the_host_must_be_in_the_certificate(
    pair: Sockets, authority: Authority, server_pair: Pair, host: str, accepted: bool
) -> None:
    ours = Ours(pair[0], our_client(authority), host)
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    assert ours.done == accepted
    if not accepted:
        assert ours.failure in {
            "certificate verify failed: hostname mismatch",
            "certificate verify failed: IP address mismatch",
        }


def test_host_verification_can_be_off_while_the_certificate_is_verified(
    pair: Sockets, authority: Authority, server_pair: Pair
) -> None:
    ours = Ours(pair[0], our_client(authority), "other.example", verify=False)
    theirs = Theirs(pair[1], their_server(authority, server_pair))
    shake(ours, theirs)
    assert ours.done


@pytest.mark.parametrize(("host", "name"), [("router.example", "router.example"), ("127.0.0.1", None)])
def test_the_server_name_is_sent_unless_it_is_an_address(
    pair: Sockets, authority: Authority, server_pair: Pair, host: str, name: str | None
) -> None:
    seen: list[str | None] = []
    server = their_server(authority, server_pair)
    server.sni_callback = lambda _socket, text, _context: seen.append(text)
    ours, theirs = Ours(pair[0], our_client(authority), host), Theirs(pair[1], server)
    shake(ours, theirs)
    assert seen == [name]


@pytest.mark.parametrize("host", [None, ""])
def test_a_client_that_verifies_needs_a_host(pair: Sockets, authority: Authority, host: str | None) -> None:
    with pytest.raises(ValueError, match="needs a legal name"):
        TlsSession(our_client(authority), pair[0].fileno(), host, True)


def test_an_expired_certificate_is_refused(pair: Sockets, authority: Authority) -> None:
    expired = authority.issue("expired", dns=("router.example",), expired=True)
    ours = Ours(pair[0], our_client(authority), "router.example")
    theirs = Theirs(pair[1], their_server(authority, expired))
    shake(ours, theirs)
    assert ours.failure == "certificate verify failed: certificate has expired"
