"""User ids of certificates."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from skrouter.router.net.uid import parse_names, user_id

SUBJECT = "CN=ann,OU=unit,O=corp,L=here,ST=state,C=DE"


@pytest.fixture(scope="module")
def der() -> bytes:
    """A certificate with all the fields of SUBJECT."""
    attributes = [
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.STATE_OR_PROVINCE_NAME, "state"),
        (NameOID.LOCALITY_NAME, "here"),
        (NameOID.ORGANIZATION_NAME, "corp"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "unit"),
        (NameOID.COMMON_NAME, "ann"),
    ]
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("form", "uid"),
    [
        (None, SUBJECT),
        ("", SUBJECT),
        ("n", "ann"),
        ("cslon", "DE;state;here;corp;ann"),
        ("nuo", "ann;unit;corp"),
    ],
)
def test_b11_the_format_says_which_fields_in_which_order(der: bytes, form: str | None, uid: str) -> None:
    assert user_id(form, SUBJECT, der, {}) == uid


@pytest.mark.parametrize(("code", "algorithm"), [("1", "sha1"), ("2", "sha256"), ("5", "sha512")])
def test_numbers_are_fingerprints_of_the_whole_certificate(der: bytes, code: str, algorithm: str) -> None:
    assert user_id("n" + code, SUBJECT, der, {}) == "ann;" + hashlib.new(algorithm, der).hexdigest()


def test_b11_the_mapping_gives_a_display_name(der: bytes) -> None:
    assert user_id("on", SUBJECT, der, {"corp;ann": "Ann of Corp"}) == "Ann of Corp"
    assert user_id("n", SUBJECT, der, {"corp;ann": "Ann of Corp"}) == "ann"


@pytest.mark.parametrize("form", [None, "n", "2"])
def test_without_certificate_there_is_no_user(form: str | None) -> None:
    assert user_id(form, None, None, {}) is None


def test_octets_that_are_no_certificate_are_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        user_id("n", None, b"\x30\x03abc", {})


def test_a_mapping_file_is_a_json_map_of_texts() -> None:
    assert parse_names('{"a": "b"}') == {"a": "b"}
    for wrong in ("", "[]", '{"a": 1}', "{"):
        with pytest.raises(ValueError, match="uidNameMappingFile"):
            parse_names(wrong)
