"""Making TLS contexts: what is refused, and with which words."""

from pathlib import Path
from typing import Any

import pytest
from skrouter.amqp.engine.tls_context import TlsConfigurationError, TlsContext
from skrouter_testing.certs import Authority, Pair
from skrouter_testing.tls_parties import our_client


def test_a_key_with_a_password_is_read_with_it_only(authority: Authority) -> None:
    pair = authority.issue("locked", password="open sesame")
    TlsContext(authority.ca_file, pair.certificate, pair.key, "open sesame", server=True)
    for wrong in (None, "", "wrong"):
        with pytest.raises(
            TlsConfigurationError, match=r"Failed to configure TLS privateKeyFile '.*locked\.key'"
        ):
            TlsContext(authority.ca_file, pair.certificate, pair.key, wrong, server=True)


def test_a_client_without_authority_cannot_be_made(server_pair: Pair) -> None:
    with pytest.raises(TlsConfigurationError, match="caCertFile is not configured"):
        TlsContext(None, server_pair.certificate, server_pair.key, server=False)


@pytest.mark.parametrize("option", ["require_peer_certificate", "request_peer_certificate"])
def test_a_server_that_verifies_needs_an_authority(server_pair: Pair, option: str) -> None:
    options: dict[str, Any] = {option: True}
    with pytest.raises(TlsConfigurationError, match="caCertFile is not configured"):
        TlsContext(None, server_pair.certificate, server_pair.key, server=True, **options)


def test_a_server_needs_a_certificate(authority: Authority) -> None:
    with pytest.raises(TlsConfigurationError, match="certFile is not configured"):
        TlsContext(authority.ca_file, server=True)


@pytest.mark.parametrize("attribute", ["caCertFile", "certFile", "privateKeyFile"])
@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_an_unreadable_file_is_named_with_a_reason(
    authority: Authority, server_pair: Pair, tmp_path: Path, attribute: str, content: bytes | None
) -> None:
    path = tmp_path / "broken.pem"
    if content is not None:
        path.write_bytes(content)
    files = {
        "caCertFile": authority.ca_file,
        "certFile": server_pair.certificate,
        "privateKeyFile": server_pair.key,
    }
    files[attribute] = str(path)
    with pytest.raises(TlsConfigurationError) as caught:
        TlsContext(*files.values(), server=True, require_peer_certificate=True)
    text = str(caught.value)
    assert text.startswith(f"Failed to configure TLS {attribute} '{path}': ")
    assert ("No such file or directory" in text) == (content is None)


def test_a_key_of_another_certificate_is_refused(
    authority: Authority, server_pair: Pair, client_pair: Pair
) -> None:
    with pytest.raises(TlsConfigurationError, match="key values mismatch"):
        TlsContext(authority.ca_file, server_pair.certificate, client_pair.key, server=True)


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("protocols", "TLSv1", "must name TLSv1.2"),
        ("protocols", "SSLv3 TLSv1.2", "must name TLSv1.2"),
        ("protocols", "", "must name TLSv1.2"),
        ("ciphers", "NO-SUCH-CIPHER", "no cipher match"),
        ("ciphers", "TLS_NO_SUCH_SUITE", "no cipher match"),
        ("ciphers", ":", "names no cipher"),
        ("alpn", [b""], "1 to 255 octets"),
        ("alpn", [b"x" * 256], "1 to 255 octets"),
    ],
)
def test_an_illegal_option_is_named(authority: Authority, option: str, value: Any, text: str) -> None:
    with pytest.raises(TlsConfigurationError, match=text):
        our_client(authority, **{option: value})
