"""Certificate: a CA or a key pair that shall exist, as the Secret of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skrouter.config.resources.common import (
    MESSAGE_COLUMN,
    SETTINGS_HELP,
    STATUS_COLUMN,
    Column,
    CustomResource,
    Kind,
    Status,
)
from skrouter.config.resources.rules import CERTIFICATE_HOST, SOME_TEXT
from skrouter.config.resources.shape import attr, mapping, texts


@dataclass(frozen=True, slots=True)
class CertificateSpec:
    """Whose it is and who signs it."""

    ca: str = attr("Name of the CA that signs it; empty: it signs itself.")
    subject: str = attr("Common name.", required=True, rule=SOME_TEXT)
    hosts: tuple[str, ...] = texts("Host names and addresses.", rule=CERTIFICATE_HOST)
    client: bool = attr("For clients.", default=False)
    server: bool = attr("For servers.", default=False)
    signing: bool = attr("A CA.", default=False)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class CertificateStatus(Status):
    """How long it is good."""

    expiration: str = attr("End of its validity, RFC 3339.")


@dataclass(frozen=True, slots=True)
class Certificate(CustomResource):
    """A certificate."""

    KIND: ClassVar[Kind] = Kind(
        name="Certificate",
        plural="certificates",
        description="A TLS certificate, or a CA, kept in a Secret of the same name.",
        spec=CertificateSpec,
        status=CertificateStatus,
        columns=(
            Column("CA", ".spec.ca"),
            Column("Server", ".spec.server", "boolean"),
            Column("Client", ".spec.client", "boolean"),
            Column("Signing", ".spec.signing", "boolean"),
            STATUS_COLUMN,
            Column("Expiration", ".status.expiration"),
            MESSAGE_COLUMN,
        ),
        required=("Ready",),
    )
    spec: CertificateSpec = field(default_factory=CertificateSpec)
    status: CertificateStatus = field(default_factory=CertificateStatus)
