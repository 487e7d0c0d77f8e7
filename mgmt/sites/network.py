"""The network as routers show it by management: who is there, linked to whom, offering what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from json import JSONDecodeError, loads
from typing import Any

from skrouter.config.resources.site import LinkRecord, ServiceRecord, SiteRecord

Row = Mapping[str, Any]
_LINK_ROLES = ("inter-router", "edge")


@dataclass(frozen=True, slots=True)
class LinkView:
    """A connector to another router; `peer` is the router at the other end, `detail` the router's words."""

    name: str
    operational: bool
    peer: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ListenerView:
    """A tcpListener."""

    name: str
    address: str
    is_open: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ConnectorView:
    """A tcpConnector."""

    name: str
    address: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class RouterView:
    """One router; `site` describes the site without links and services. `name` of a site may be empty."""

    id: str
    mode: str
    site: SiteRecord
    links: tuple[LinkView, ...] = ()
    listeners: tuple[ListenerView, ...] = ()
    connectors: tuple[ConnectorView, ...] = ()


class Network:
    """All routers that could be asked; the first one is the site's own."""

    def __init__(self, routers: Sequence[RouterView]) -> None:
        self.routers = tuple(routers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and other.routers == self.routers

    def __hash__(self) -> int:
        return hash(self.routers)

    @property
    def own(self) -> RouterView:
        """The router of this site."""
        return self.routers[0]

    @cached_property
    def connected_keys(self) -> frozenset[str]:
        """Routing keys that some connector serves."""
        return frozenset(one.address for router in self.routers for one in router.connectors)

    @cached_property
    def listened_keys(self) -> frozenset[str]:
        """Routing keys that some listener wants."""
        return frozenset(one.address for router in self.routers for one in router.listeners)

    def link(self, name: str) -> LinkView | None:
        """A link of this site."""
        return next((one for one in self.own.links if one.name == name), None)

    def site_of(self, router: str) -> SiteRecord | None:
        """The site of a router."""
        return next((one.site for one in self.routers if one.id == router), None)

    def records(self) -> tuple[SiteRecord, ...]:
        """All sites with their links and services, by name."""
        sites = {one.site.id: one.site for one in self.routers}
        made = [
            self._record(site, [one for one in self.routers if one.site.id == key])
            for key, site in sites.items()
        ]
        return tuple(sorted(made, key=lambda one: (one.name, one.id)))

    def _record(self, site: SiteRecord, routers: Sequence[RouterView]) -> SiteRecord:
        links = tuple(self._link(one) for router in routers for one in router.links)
        return SiteRecord(
            site.id, site.name, site.namespace, site.platform, site.version, links, _services(routers)
        )

    def _link(self, link: LinkView) -> LinkRecord:
        remote = self.site_of(link.peer) or SiteRecord()
        return LinkRecord(link.name, remote.id, remote.name, link.operational)


def _services(routers: Sequence[RouterView]) -> tuple[ServiceRecord, ...]:
    wanted = [one for router in routers for one in router.listeners]
    served = [one for router in routers for one in router.connectors]
    keys = sorted({*(one.address for one in wanted), *(one.address for one in served)})
    return tuple(
        ServiceRecord(
            key,
            tuple(sorted(one.host for one in served if one.address == key)),
            tuple(sorted(one.name for one in wanted if one.address == key)),
        )
        for key in keys
    )


# --- from rows of management ------------------------------------------------------------------------------


def router_view(rows: Mapping[str, Sequence[Row]]) -> RouterView:
    """One router from its rows by type: router, site, connector, connection, tcpListener, tcpConnector and
    listenerAddress; a type that it does not have may be missing."""
    router = next(iter(rows.get("router", ())), {})
    identity = str(router.get("id") or "")
    return RouterView(
        id=identity,
        mode=str(router.get("mode") or ""),
        site=_site(identity, router, next(iter(rows.get("site", ())), {})),
        links=tuple(_links(rows.get("connector", ()), rows.get("connection", ()))),
        listeners=tuple(_listeners(rows.get("tcpListener", ()), rows.get("listenerAddress", ()))),
        connectors=tuple(
            ConnectorView(str(one.get("name")), str(one.get("address")), str(one.get("host") or ""))
            for one in rows.get("tcpConnector", ())
        ),
    )


def edge_routers(connections: Iterable[Row]) -> list[str]:
    """The edge routers that an interior router has connections from."""
    return sorted(
        {str(one["container"]) for one in connections if one.get("role") == "edge" and one.get("dir") == "in"}
    )


def _site(router: str, row: Row, site: Row) -> SiteRecord:
    """A router without a site of its own, as a plain one, is a site by itself."""
    metadata = _metadata(row.get("metadata"))
    return SiteRecord(
        id=str(metadata.get("id") or router),
        name=str(site.get("name") or router),
        namespace=str(site.get("namespace") or ""),
        platform=str(site.get("platform") or metadata.get("platform") or ""),
        version=str(site.get("version") or metadata.get("version") or ""),
    )


def _metadata(text: object) -> Row:
    try:
        found = loads(text) if isinstance(text, str) else {}
    except (JSONDecodeError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {}


def _links(connectors: Sequence[Row], connections: Sequence[Row]) -> Iterable[LinkView]:
    peers = {
        str(one.get("host")): str(one.get("container") or "")
        for one in connections
        if one.get("role") in _LINK_ROLES and one.get("dir") == "out"
    }
    for one in connectors:
        if one.get("role") in _LINK_ROLES:
            peer = peers.get(f"{one.get('host')}:{one.get('port')}", "")
            is_up = one.get("connectionStatus") == "SUCCESS"
            yield LinkView(str(one.get("name")), is_up, peer, str(one.get("connectionMsg") or ""))


def _listeners(listeners: Sequence[Row], addresses: Sequence[Row]) -> Iterable[ListenerView]:
    for one in listeners:
        name = str(one.get("name"))
        is_open = one.get("operStatus") == "up"
        keys = [str(row.get("address")) for row in addresses if row.get("listener") == name]
        for key in [str(one["address"])] if one.get("address") else keys:
            yield ListenerView(name, key, is_open, str(one.get("connectionMsg") or ""))
