"""SecuredAccess: ports of pods that are reached from outside the cluster with TLS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skrouter.config.resources.common import (
    MESSAGE_COLUMN,
    SETTINGS_HELP,
    STATUS_COLUMN,
    CustomResource,
    Endpoint,
    Kind,
    Status,
)
from skrouter.config.resources.router_access import OPTIONAL_PORT
from skrouter.config.resources.rules import PORT, SOME_TEXT
from skrouter.config.resources.shape import attr, mapping, texts


@dataclass(frozen=True, slots=True)
class AccessPort:
    """One port."""

    name: str = attr("Name of the port, that of the endpoint.", required=True, rule=SOME_TEXT)
    port: int = attr("Port of the service.", default=0, required=True, rule=PORT)
    target_port: int = attr("Port of the pods; 0: the same.", default=0, rule=OPTIONAL_PORT)
    protocol: str = attr("Protocol.", default="TCP")


@dataclass(frozen=True, slots=True)
class SecuredAccessSpec:
    """Which ports of which pods."""

    ports: tuple[AccessPort, ...] = texts("The ports.", required=True)
    selector: Mapping[str, str] = mapping("Labels of the pods.", required=True)
    access_type: str = attr("How they are reached from outside; empty: the platform's default.")
    certificate: str = attr("Name of the certificate; empty: that of this resource.")
    issuer: str = attr("The CA that signs it; empty: no certificate is made.")
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class SecuredAccessStatus(Status):
    """Where they are reached."""

    endpoints: tuple[Endpoint, ...] = texts("Where the ports are reached.")
    ca: str = attr("Certificate of the CA, PEM.")


@dataclass(frozen=True, slots=True)
class SecuredAccess(CustomResource):
    """Access from outside."""

    KIND: ClassVar[Kind] = Kind(
        name="SecuredAccess",
        plural="securedaccesses",
        description="Exposes ports of pods outside the cluster, with TLS.",
        spec=SecuredAccessSpec,
        status=SecuredAccessStatus,
        columns=(STATUS_COLUMN, MESSAGE_COLUMN),
        required=("Configured", "Resolved"),
    )
    spec: SecuredAccessSpec = field(default_factory=SecuredAccessSpec)
    status: SecuredAccessStatus = field(default_factory=SecuredAccessStatus)
