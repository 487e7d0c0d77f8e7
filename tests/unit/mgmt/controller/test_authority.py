"""Keys and certificates are those that the other side of a link expects, and are read back as they are."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.sites.platform import Pems, PlatformError, content_digest

NOW = 1_800_000_000.0
AUTHORITY = CertificateAuthority()
CA = AUTHORITY.make_issuer("west site CA", NOW)
LEAF = AUTHORITY.issue(CA, "server", ["localhost", "127.0.0.1", "::1"], NOW)


def test_leaf_is_described_with_subject_hosts_and_its_authority() -> None:
    found = AUTHORITY.describe("server", LEAF)
    assert found is not None
    assert (found.subject, found.hosts) == ("server", {"localhost", "127.0.0.1", "::1"})
    assert found.ca_digest == content_digest(CA.certificate) and not found.signing
    assert found.not_after - NOW == 5 * 365 * 86400


def test_every_host_is_a_dns_name_and_addresses_are_addresses_too() -> None:
    names = x509.load_pem_x509_certificate(LEAF.certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost", "127.0.0.1", "::1"]
    assert [str(one) for one in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_key_is_rsa_of_2048_bits_in_the_form_of_the_reference() -> None:
    assert LEAF.key.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    key = serialization.load_pem_private_key(LEAF.key, None)
    assert key.key_size == 2048  # type: ignore[union-attr]


def test_authority_signs_itself_and_openssl_trusts_it(tmp_path: Path) -> None:
    found = AUTHORITY.describe("ca", CA)
    assert found is not None and found.signing and found.ca_digest == found.certificate_digest
    (tmp_path / "crt").write_bytes(LEAF.certificate)
    (tmp_path / "key").write_bytes(LEAF.key)
    context = ssl.create_default_context(cadata=CA.certificate.decode())
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")


def test_renewed_authority_with_its_key_still_vouches_for_old_leaves() -> None:
    renewed = AUTHORITY.make_issuer("west site CA", NOW + 1000, CA.key)
    assert renewed.certificate != CA.certificate
    assert AUTHORITY.describe("server", Pems(renewed.certificate, LEAF.certificate, LEAF.key)) is not None


@pytest.mark.parametrize(
    "pems",
    [
        Pems(CA.ca, LEAF.certificate, CA.key),
        Pems(AUTHORITY.make_issuer("other", NOW).certificate, LEAF.certificate, LEAF.key),
        Pems(CA.ca, b"", LEAF.key),
        Pems(b"x", LEAF.certificate, LEAF.key),
        Pems(CA.ca, LEAF.certificate, LEAF.key[:-40]),
    ],
    ids=["another key", "another CA", "no certificate", "no CA", "half a key"],
)
def test_files_that_do_not_belong_together_are_nothing(pems: Pems) -> None:
    assert AUTHORITY.describe("x", pems) is None


def test_host_that_no_certificate_can_hold_is_refused_with_its_reason() -> None:
    with pytest.raises(PlatformError, match="a host cannot stand in a certificate"):
        AUTHORITY.issue(CA, "x", ["bücher.example"], NOW)


def test_content_is_shown_nowhere() -> None:
    assert repr(LEAF) == "Pems()"


def test_key_of_the_authority_outlives_its_renewal_and_no_replacement() -> None:
    renewed = AUTHORITY.make_issuer("west site CA", NOW + 1000, CA.key)
    other = AUTHORITY.make_issuer("west site CA", NOW + 1000)
    first, second, third = (
        AUTHORITY.describe("server", AUTHORITY.issue(ca, "server", [], NOW)) for ca in (CA, renewed, other)
    )
    assert first is not None and second is not None and third is not None
    assert first.ca_key == second.ca_key != third.ca_key
