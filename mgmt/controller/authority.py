"""Makes keys, signs and reads certificates: `skrouter.mgmt.sites.platform.Authority` with `cryptography`.

Kinds and lives are those of resources.md §12: RSA of 2048 bits, PKCS#1, five years, both TLS roles; every
host as DNS name and, if it is an address, as address too, because skupper-router compares DNS names only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from skrouter.mgmt.sites.facts import Credentials
from skrouter.mgmt.sites.platform import Pems, PlatformError, content_digest

LIFE = timedelta(days=5 * 365)
CLOCK_SKEW = timedelta(minutes=5)
"""A certificate is valid a little before it is made, for machines whose clock is late."""

KEY_BITS = 2048


class CertificateAuthority:
    """Stateless, but for what it has read already."""

    def __init__(self) -> None:
        self._known: dict[str, Credentials | None] = {}

    def make_issuer(self, subject: str, now: float, key: bytes | None = None) -> Pems:
        """A CA that signs itself, with a new key unless one is given."""
        private = _new_key() if key is None else _load_key(key)
        name = _name(subject)
        builder = _builder(name, name, private.public_key(), now)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signing=True), critical=True)
        certificate = _pem(builder.sign(private, hashes.SHA256()))
        return Pems(certificate, certificate, _key_pem(private))

    def issue(self, issuer: Pems, subject: str, hosts: Sequence[str], now: float) -> Pems:
        """A certificate of both TLS roles with a new key."""
        ca, signer = x509.load_pem_x509_certificate(issuer.certificate), _load_key(issuer.key)
        private = _new_key()
        builder = _builder(_name(subject), ca.subject, private.public_key(), now)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signing=False), critical=True)
        roles = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(roles, critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(identifier, critical=False)
        if hosts:
            builder = builder.add_extension(_alternative_names(hosts), critical=False)
        return Pems(issuer.certificate, _pem(builder.sign(signer, hashes.SHA256())), _key_pem(private))

    def describe(self, name: str, pems: Pems) -> Credentials | None:
        """What they are; None if they do not belong together or cannot be read."""
        key = f"{name} {pems.digest}"
        if key not in self._known:
            self._known[key] = _describe(name, pems)
        return self._known[key]


def _describe(name: str, pems: Pems) -> Credentials | None:
    try:
        certificate = x509.load_pem_x509_certificate(pems.certificate)
        ca = x509.load_pem_x509_certificate(pems.ca)
        private = serialization.load_pem_private_key(pems.key, None)
        if private.public_key() != certificate.public_key():
            return None
        certificate.verify_directly_issued_by(ca)
        return Credentials(
            name=name,
            subject=_common_name(certificate),
            hosts=_hosts(certificate),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            digest=pems.digest,
            ca_digest=content_digest(pems.ca),
            certificate_digest=content_digest(pems.certificate),
            signing=_signs(certificate),
            ca_key=_key_digest(ca),
        )
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return None


def _key_digest(certificate: x509.Certificate) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return content_digest(certificate.public_key().public_bytes(serialization.Encoding.DER, form))


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, KEY_BITS)


def _load_key(pem: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise PlatformError("the key of a CA is not RSA; provide one that is")
    return key


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(subject: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, now: float
) -> x509.CertificateBuilder:
    start = datetime.fromtimestamp(now, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - CLOCK_SKEW)
        .not_valid_after(start + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signing,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signing,
        crl_sign=signing,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = []
    try:
        names += [x509.DNSName(host) for host in hosts]
    except ValueError as error:
        raise PlatformError(f"a host cannot stand in a certificate: {error}") from error
    for host in hosts:
        try:
            names.append(x509.IPAddress(ip_address(host)))
        except ValueError:
            continue  # a name
    return x509.SubjectAlternativeName(names)


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _hosts(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    return frozenset(names.get_values_for_type(x509.DNSName)) | addresses


def _signs(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
