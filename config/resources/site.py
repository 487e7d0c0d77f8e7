"""Site: a place of the network, with one router or two."""

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
    Endpoint,
    Kind,
    Status,
)
from skrouter.config.resources.shape import attr, mapping, texts

NO_ACCESS = ("", "none")
ACCESS_TYPES = (
    "default",
    "route",
    "loadbalancer",
    "nodeport",
    "ingress",
    "ingress-nginx",
    "contour-http-proxy",
    "gateway",
    "local",
)
_OLDER_SETTINGS = {
    "router-data-connection-count": "routerDataConnections",
    "router-logging": "routerLogging",
}


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """What a site shall be."""

    service_account: str = attr("Kubernetes service account of the routers; empty: one is made.")
    link_access: str = attr("How links from other sites get in: none, default or an access type.")
    default_issuer: str = attr("Name of the CA that signs link credentials.")
    edge: bool = attr("Run the router in edge mode; an edge site accepts no links.", default=False)
    ha: bool = attr("Run two routers.", default=False)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)

    @property
    def accepts_links(self) -> bool:
        """Whether link access is asked for, in a way that there is."""
        return self.link_access in ACCESS_TYPES

    @property
    def link_access_is_known(self) -> bool:
        """Whether its value is one that there is."""
        return self.link_access in (*NO_ACCESS, *ACCESS_TYPES)

    def setting(self, name: str) -> str:
        """A setting under its name or its older spelling; empty if it is not given."""
        return self.settings.get(name) or self.settings.get(_OLDER_SETTINGS.get(name, ""), "")


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """A link in the picture of the network."""

    name: str = attr("Name of the link.")
    remote_site_id: str = attr("Identity of the site at the other end.")
    remote_site_name: str = attr("Name of the site at the other end.")
    operational: bool = attr("Whether it is up.", default=False)


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A routing key at a site in the picture of the network."""

    routing_key: str = attr("The routing key.")
    connectors: tuple[str, ...] = texts("Where connectors lead to.")
    listeners: tuple[str, ...] = texts("Names of listeners.")


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """A site in the picture of the network."""

    id: str = attr("Identity of the site.")
    name: str = attr("Name of the site.")
    namespace: str = attr("Namespace of the site.")
    platform: str = attr("Platform of the site.")
    version: str = attr("Version of the site.")
    links: tuple[LinkRecord, ...] = texts("Its links to other sites.")
    services: tuple[ServiceRecord, ...] = texts("Its listeners and connectors by routing key.")


@dataclass(frozen=True, slots=True)
class Controller:
    """Who looks after the site."""

    name: str = attr("Name of the controller.")
    namespace: str = attr("Namespace of the controller.")
    version: str = attr("Version of the controller.")


@dataclass(frozen=True, slots=True)
class SiteStatus(Status):
    """What a site is."""

    endpoints: tuple[Endpoint, ...] = texts("Where other sites can link to.")
    sites_in_network: int = attr("Number of sites, this one included.", default=0)
    network: tuple[SiteRecord, ...] = texts("All sites that are known.")
    default_issuer: str = attr("The CA that signs link credentials.")
    controller: Controller | None = attr("Who looks after the site.", default=None)


@dataclass(frozen=True, slots=True)
class Site(CustomResource):
    """A site."""

    KIND: ClassVar[Kind] = Kind(
        name="Site",
        plural="sites",
        description="A site is a place in the network where application workloads run.",
        spec=SiteSpec,
        status=SiteStatus,
        short_names=("st",),
        columns=(
            STATUS_COLUMN,
            Column("Sites In Network", ".status.sitesInNetwork", "integer"),
            MESSAGE_COLUMN,
        ),
        required=("Configured", "Running", "Resolved"),
    )
    spec: SiteSpec = field(default_factory=SiteSpec)
    status: SiteStatus = field(default_factory=SiteStatus)
