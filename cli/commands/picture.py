"""A site and its network on one page: tables for people, a map for programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from skrouter.cli.commands.reach import Place
from skrouter.cli.render import Table, lines
from skrouter.config.resources.common import CustomResource
from skrouter.config.resources.connector import Connector
from skrouter.config.resources.documents import to_document
from skrouter.config.resources.link import Link
from skrouter.config.resources.listener import Listener
from skrouter.config.resources.multi_key_listener import MultiKeyListener
from skrouter.config.resources.site import Site, SiteRecord
from skrouter.mgmt.sites.certificates import expiry_warnings, first_end
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.reconcile import Plan, with_statuses
from skrouter.mgmt.sites.status import text_of_time

R = TypeVar("R", bound=CustomResource)
NONE = "-"


def places(plan: Plan) -> list[Place]:
    """Where the servers of the connectors are."""
    return [(one.spec.host, one.spec.port) for one in _of(plan.resources, Connector) if one.spec.host]


def tables(plan: Plan, observed: Observed, reached: Mapping[Place, str], now: float) -> list[Table]:
    """All tables that have something to show, `now` in seconds since 1970."""
    told = with_statuses(plan)
    sites = _of(told, Site)
    network = sites[0].status.network if sites else ()
    found = [
        _table("Site", ("NAME", "STATUS", "MESSAGE"), (_head(one) for one in sites)),
        _sites(network),
        _services(network),
        _links(_of(told, Link)),
        _listeners(told),
        _connectors(_of(told, Connector), reached),
        _certificates(observed, now),
    ]
    return [one for one in found if one.rows]


def text(shown: Iterable[Table]) -> str:
    """The page."""
    return "\n\n".join("\n".join(lines(one)) for one in shown)


def document(plan: Plan, observed: Observed, reached: Mapping[Place, str], now: float) -> dict[str, Any]:
    """The same for programs: the resources with their statuses, and what cannot be reached."""
    told = [
        one
        for one in with_statuses(plan)
        if isinstance(one, Site | Link | Listener | Connector | MultiKeyListener)
    ]
    return {
        "resources": [to_document(one) for one in told],
        "hosts": [
            {"host": host, "port": port, "reachable": not reason, "reason": reason}
            for (host, port), reason in reached.items()
        ],
        "warnings": list(expiry_warnings(observed, now)),
    }


def _certificates(observed: Observed, now: float) -> Table:
    """What soon ends, else what ends first."""
    first = first_end(observed)
    texts = list(expiry_warnings(observed, now))
    if not texts and first is not None:
        texts = [f"the first to end is {first.name}, {text_of_time(first.not_after)}"]
    return _table("Certificates", ("EXPIRATION",), ((one,) for one in texts))


def _of(resources: Iterable[CustomResource], cls: type[R]) -> list[R]:
    return sorted((one for one in resources if isinstance(one, cls)), key=lambda one: one.name)


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    return Table(title, tuple(headings), tuple(tuple(row) for row in rows))


def _head(one: CustomResource) -> tuple[str, str, str]:
    return one.name, one.status.status or "Pending", one.status.message


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(dict.fromkeys(one for one in names if one))) or NONE


def _sites(network: Sequence[SiteRecord]) -> Table:
    rows = (
        (
            one.name or one.id,
            one.namespace,
            one.platform,
            one.version,
            _listed(link.remote_site_name or link.name for link in one.links if link.operational),
            _listed(link.name for link in one.links if not link.operational),
        )
        for one in network
    )
    headings = ("NAME", "NAMESPACE", "PLATFORM", "VERSION", "LINKED TO", "LINKS THAT ARE DOWN")
    return _table("Sites of the network", headings, rows)


def _services(network: Sequence[SiteRecord]) -> Table:
    listening: dict[str, list[str]] = {}
    serving: dict[str, list[str]] = {}
    for site in network:
        for one in site.services:
            listening.setdefault(one.routing_key, []).extend([site.name] * bool(one.listeners))
            serving.setdefault(one.routing_key, []).extend([site.name] * bool(one.connectors))
    rows = ((key, _listed(listening[key]), _listed(serving[key])) for key in sorted(listening))
    return _table("Services of the network", ("ROUTING-KEY", "LISTENERS AT", "CONNECTORS AT"), rows)


def _links(links: Iterable[Link]) -> Table:
    rows = (
        (
            one.name,
            one.status.status or "Pending",
            str(max(one.spec.cost, 1)),
            one.status.remote_site_name or NONE,
            one.status.message,
        )
        for one in links
    )
    return _table("Links", ("NAME", "STATUS", "COST", "REMOTE SITE", "MESSAGE"), rows)


def _listeners(told: Sequence[CustomResource]) -> Table:
    found = [(one, one.spec.routing_key) for one in _of(told, Listener)]
    rows = [_service_row(one, key) for one, key in found]
    for several in _of(told, MultiKeyListener):
        keys = several.spec.strategy.values() if several.spec.strategy is not None else {}
        rows.append(_service_row(several, _listed(keys)))
    return _table("Listeners", ("NAME", "STATUS", "ROUTING-KEY", "HOST", "PORT", "MESSAGE"), rows)


def _service_row(one: CustomResource, key: str) -> tuple[str, ...]:
    name, status, message = _head(one)
    return name, status, key, one.spec.host, str(one.spec.port), message


def _connectors(connectors: Iterable[Connector], reached: Mapping[Place, str]) -> Table:
    rows = []
    for one in connectors:
        name, status, key, host, port, message = _service_row(one, one.spec.routing_key)
        reason = reached.get((one.spec.host, one.spec.port))
        shown = NONE if reason is None else reason or "yes"
        rows.append((name, status, key, host, port, shown, message))
    headings = ("NAME", "STATUS", "ROUTING-KEY", "HOST", "PORT", "REACHABLE", "MESSAGE")
    return _table("Connectors", headings, rows)
