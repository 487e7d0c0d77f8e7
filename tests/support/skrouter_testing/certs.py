"""Throw-away certificate authorities and certificates for tests, written as PEM files."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """Paths of a certificate (0644) and its private key (0600)."""

    certificate: str
    key: str


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "skrouter tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _write(path: Path, octets: bytes, mode: int) -> str:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_bytes(octets)
    return str(path)


def _key_octets(key: ec.EllipticCurvePrivateKey, password: str | None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(password.encode())
        if password is not None
        else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _builder(subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
    )


class Authority:
    """A CA with its certificate at `ca_file`; issues into the same directory."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        now = datetime.datetime.now(datetime.UTC)
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        certificate = (
            _builder(name, self._name, self._key)
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        self.ca_file = _write(directory / f"{name}.crt", pem, 0o644)

    def issue(
        self,
        name: str,
        *,
        dns: tuple[str, ...] = (),
        addresses: tuple[str, ...] = (),
        password: str | None = None,
        expired: bool = False,
    ) -> Pair:
        """A certificate for both TLS roles: subject O=skrouter tests, CN=name, with alternative names."""
        now = datetime.datetime.now(datetime.UTC) - (5 * DAY if expired else 0 * DAY)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._name, key).not_valid_before(now - DAY).not_valid_after(now + 3 * DAY)
        alternatives: list[x509.GeneralName] = [x509.DNSName(item) for item in dns]
        alternatives += [x509.IPAddress(ipaddress.ip_address(item)) for item in addresses]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        return Pair(
            _write(self.directory / f"{name}.crt", pem, 0o644),
            _write(self.directory / f"{name}.key", _key_octets(key, password), 0o600),
        )
