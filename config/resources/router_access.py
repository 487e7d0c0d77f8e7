"""RouterAccess: listeners of the router for other sites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skrouter.config.resources.common import (
    MESSAGE_COLUMN,
    SETTINGS_HELP,
    STATUS_COLUMN,
    TLS_HELP,
    CustomResource,
    Endpoint,
    Kind,
    Status,
)
from skrouter.config.resources.rules import CERTIFICATE_HOST, HOST, NAME, Rule, one_of
from skrouter.config.resources.shape import attr, mapping, texts

DEFAULT_PORTS = {"inter-router": 55671, "edge": 45671, "normal": 5671}
ROLE = one_of("inter-router", "edge", "normal")
OPTIONAL_PORT = Rule(
    "a port number from 0 to 65535; 0 for the role's own", "give the number", minimum=0, maximum=65535
)


@dataclass(frozen=True, slots=True)
class Role:
    """One listener."""

    name: str = attr("inter-router or edge; normal is for the site's own use.", required=True, rule=ROLE)
    port: int = attr("Port; 0 for the role's own.", default=0, rule=OPTIONAL_PORT)

    @property
    def actual_port(self) -> int:
        """The port, the role's own if none is given."""
        return self.port or DEFAULT_PORTS[self.name]


@dataclass(frozen=True, slots=True)
class RouterAccessSpec:
    """Which listeners, and how they are reached."""

    roles: tuple[Role, ...] = texts("The listeners.", required=True)
    tls_credentials: str = attr(TLS_HELP, required=True, rule=NAME)
    generate_tls_credentials: bool = attr("Make the credentials.", default=False)
    issuer: str = attr("The CA that signs them; empty: the site's default.")
    access_type: str = attr("How they are reached from outside; empty: the platform's default.")
    bind_host: str = attr("Local systems: where to listen; empty: everywhere.", rule=HOST)
    subject_alternative_names: tuple[str, ...] = texts(
        "Hosts and addresses of the server certificate.", rule=CERTIFICATE_HOST
    )
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class RouterAccessStatus(Status):
    """Where they are reached."""

    endpoints: tuple[Endpoint, ...] = texts("Where other sites can link to.")


@dataclass(frozen=True, slots=True)
class RouterAccess(CustomResource):
    """Access for other sites."""

    KIND: ClassVar[Kind] = Kind(
        name="RouterAccess",
        plural="routeraccesses",
        description="Configuration of secure access to the router, for links from other sites.",
        spec=RouterAccessSpec,
        status=RouterAccessStatus,
        columns=(STATUS_COLUMN, MESSAGE_COLUMN),
        required=("Configured", "Resolved"),
    )
    spec: RouterAccessSpec = field(default_factory=RouterAccessSpec)
    status: RouterAccessStatus = field(default_factory=RouterAccessStatus)
