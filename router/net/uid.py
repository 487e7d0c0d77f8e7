"""Who a certificate names: pure (spec: router-config.md §7)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SEPARATOR: Final = ";"
_FINGERPRINTS: Final = "125"
_FIELDS: Final = {
    "c": "2.5.4.6",
    "s": "2.5.4.8",
    "l": "2.5.4.7",
    "o": "2.5.4.10",
    "u": "2.5.4.11",
    "n": "2.5.4.3",
}
_MAPPING_KEY: Final = "sslProfile uidNameMappingFile"


def user_id(
    uid_format: str | None, subject: str | None, der: bytes | None, names: Mapping[str, str]
) -> str | None:
    """The user id of a certificate: the parts that the format asks for, or its subject; None without one.

    `names` maps user ids to display names. ValueError for octets that are no certificate.
    """
    if not uid_format:
        return subject
    if der is None:
        return None
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415  (only where a format asks for it)

    certificate = load_der_x509_certificate(der)
    uid = SEPARATOR.join(part for code in uid_format if (part := _part(certificate, code)) is not None)
    return names.get(uid, uid)


def _part(certificate: Certificate, code: str) -> str | None:
    if code in _FINGERPRINTS:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  (as above)

        algorithms = {"1": hashes.SHA1(), "2": hashes.SHA256(), "5": hashes.SHA512()}  # noqa: S303
        return certificate.fingerprint(algorithms[code]).hex()
    wanted = _FIELDS[code]
    values = [attribute.value for attribute in certificate.subject if attribute.oid.dotted_string == wanted]
    if not values:
        return None
    value = values[0]
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def parse_names(text: str) -> dict[str, str]:
    """The display names of a mapping file: one JSON map of texts. ValueError says what is wrong with it."""
    try:
        names = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{_MAPPING_KEY} is not JSON: {error}") from error
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ValueError(f"{_MAPPING_KEY} must be a JSON map from user ids to names, both strings")
    return names
