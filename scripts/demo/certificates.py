"""A private CA and a certificate for each router of the demo."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


def make_certificates(directory: Path, routers: tuple[str, ...]) -> None:
    """Write `ca.crt`, and `NAME.crt` and `NAME.key` for each router; the CA's own key is not kept."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    write_certificate(directory / "ca.crt", _sign("demo CA", ca_key, ca_key, is_ca=True))
    for router in routers:
        key = ec.generate_private_key(ec.SECP256R1())
        write_certificate(directory / f"{router}.crt", _sign(router, key, ca_key, is_ca=False))
        write_key(directory / f"{router}.key", key)


def write_certificate(file: Path, certificate: x509.Certificate) -> None:
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Readable by its owner only, from the first byte."""
    file.touch(mode=0o600)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


def _sign(
    name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, *, is_ca: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("demo CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
