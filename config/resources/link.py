"""Link: a connection of this site's router to another site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skrouter.config.resources.common import (
    MESSAGE_COLUMN,
    SETTINGS_HELP,
    STATUS_COLUMN,
    TLS_HELP,
    Column,
    CustomResource,
    Endpoint,
    Kind,
    Status,
)
from skrouter.config.resources.rules import COST
from skrouter.config.resources.shape import attr, mapping, texts


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """Where to and how."""

    endpoints: tuple[Endpoint, ...] = texts("Where the other site listens, by role.", required=True)
    tls_credentials: str = attr(TLS_HELP)
    cost: int = attr("Cost of the way over this link; less than 1 counts as 1.", default=1, rule=COST)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)

    @property
    def proxy(self) -> str:
        """Name of the Secret of an HTTP proxy on the way, if there is one."""
        return self.settings.get("proxy-configuration", "")

    def endpoint_for(self, *, edge: bool) -> Endpoint | None:
        """The endpoint that a router of this mode connects to."""
        role = "edge" if edge else "inter-router"
        return next((one for one in self.endpoints if one.name == role), None)


@dataclass(frozen=True, slots=True)
class LinkStatus(Status):
    """Whom it reaches."""

    remote_site_id: str = attr("Identity of the site at the other end.")
    remote_site_name: str = attr("Name of the site at the other end.")


@dataclass(frozen=True, slots=True)
class Link(CustomResource):
    """A link."""

    KIND: ClassVar[Kind] = Kind(
        name="Link",
        plural="links",
        description="A link connects this site to another; application traffic passes it in both directions.",
        spec=LinkSpec,
        status=LinkStatus,
        short_names=("ln",),
        columns=(STATUS_COLUMN, Column("Remote Site", ".status.remoteSiteName"), MESSAGE_COLUMN),
        required=("Configured", "Operational"),
    )
    spec: LinkSpec = field(default_factory=LinkSpec)
    status: LinkStatus = field(default_factory=LinkStatus)
