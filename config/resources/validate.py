"""Rules over the documents of one local site (local-system.md §2). What holds for a field is in its kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from skrouter.config.resources.common import Resource
from skrouter.config.resources.connector import Connector
from skrouter.config.resources.core import Secret
from skrouter.config.resources.link import Link
from skrouter.config.resources.listener import Listener
from skrouter.config.resources.multi_key_listener import MultiKeyListener
from skrouter.config.resources.problems import Place, Problem
from skrouter.config.resources.router_access import RouterAccess
from skrouter.config.resources.rules import LABEL, is_label
from skrouter.config.resources.site import Site

R = TypeVar("R", bound=Resource)


def of_kind(resources: Iterable[Resource], cls: type[R]) -> list[R]:
    """The resources of one kind, in order."""
    return [one for one in resources if isinstance(one, cls)]


def validate(
    resources: Sequence[Resource], *, known_credentials: Iterable[str] = (), site_required: bool = True
) -> list[Problem]:
    """All that is wrong with these documents as one local site.

    `known_credentials` are the names of directories under input/certs.
    """
    problems = [*_site(resources, site_required), *_namespaces(resources), *_duplicates(resources)]
    for rule in (_names, _ports, _connectors, _strategies, _accesses):
        problems += rule(resources)
    return problems + list(_links(resources, set(known_credentials)))


def about(resource: Resource, path: str, text: str, remedy: str) -> Problem:
    """A problem of a resource."""
    return Problem(Place(resource=resource.describe(), path=path), text, remedy)


def _site(resources: Sequence[Resource], required: bool) -> Iterator[Problem]:
    sites = of_kind(resources, Site)
    if not sites and required:
        yield Problem(Place(), "no valid site definition has been found", "add a document of kind Site")
    if len(sites) > 1:
        names = ", ".join(sorted(site.name for site in sites))
        text = "multiple sites found, but only one site is allowed for bootstrapping"
        yield Problem(Place(), text, f"keep one of: {names}")
    for site in sites:
        if site.spec.edge and site.spec.ha:
            text = f'invalid site "{site.name}": edge sites cannot have HA enabled'
            yield about(site, "spec.ha", text, "set edge or ha to false")


def _namespaces(resources: Sequence[Resource]) -> Iterator[Problem]:
    found = sorted({one.metadata.namespace or "default" for one in resources})
    if len(found) > 1:
        text = (
            "multiple namespaces found, but only a unique namespace must be used across all resources - "
            f"namespaces found: [{' '.join(found)}]"
        )
        yield Problem(Place(), text, "use one namespace, or leave it out")


def _duplicates(resources: Sequence[Resource]) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for one in resources:
        if one.key in seen:
            yield about(one, "", "is defined twice", "remove one of the two, or rename it")
        seen.add(one.key)


def _names(resources: Sequence[Resource]) -> Iterator[Problem]:
    for one in resources:
        if not isinstance(one, Secret) and not is_label(one.name) and "." in one.name:
            text = f"{one.name!r} is not allowed on local systems; it must be {LABEL.allowed}"
            yield about(one, "metadata.name", text, LABEL.remedy)


def _ports(resources: Sequence[Resource]) -> Iterator[Problem]:
    taken: dict[tuple[str, int], str] = {}
    for one in resources:
        if not isinstance(one, Listener | MultiKeyListener):
            continue
        place = (one.spec.host, one.spec.port)
        if place in taken:
            text = (
                f'port {one.spec.port} is already mapped for host "{one.spec.host}" '
                f'(listener: "{taken[place]}")'
            )
            yield about(one, "spec.port", text, "choose another port or host")
        taken.setdefault(place, one.name)


def _connectors(resources: Sequence[Resource]) -> Iterator[Problem]:
    for one in of_kind(resources, Connector):
        if not one.spec.host:
            yield about(one, "spec.host", "is missing; local systems need it", "give the server's host")
        if one.spec.host and one.spec.selector:
            yield about(one, "spec.selector", "stands beside host", "remove one of the two")


def _strategies(resources: Sequence[Resource]) -> Iterator[Problem]:
    for one in of_kind(resources, MultiKeyListener):
        strategy = one.spec.strategy
        if strategy is not None and (strategy.priority is None) == (strategy.weighted is None):
            text = "exactly one of the fields in [priority weighted] must be set"
            yield about(one, "spec.strategy", text, "keep one of the two")
        if strategy is not None and strategy.priority is not None:
            keys = strategy.priority.routing_keys
            if len(set(keys)) < len(keys):
                path = "spec.strategy.priority.routingKeys"
                yield about(one, path, "holds a key twice", "keep its first place")


def _accesses(resources: Sequence[Resource]) -> Iterator[Problem]:
    for one in of_kind(resources, RouterAccess):
        names = [role.name for role in one.spec.roles]
        if len(set(names)) < len(names):
            yield about(one, "spec.roles", "holds a role twice", "keep one of them")


def _links(resources: Sequence[Resource], known: set[str]) -> Iterator[Problem]:
    secrets = {one.name: one for one in of_kind(resources, Secret)}
    for one in of_kind(resources, Link):
        name = one.spec.tls_credentials
        if not name or name in known:
            continue
        if name not in secrets:
            text = f'invalid link "{one.name}" - secret "{name}" not found'
            yield about(one, "spec.tlsCredentials", text, "add the Secret, or a directory under input/certs")
        elif not secrets[name].holds_credentials:
            text = f'secret "{name}" lacks ca.crt, tls.crt or tls.key'
            yield about(one, "spec.tlsCredentials", text, "give all three")
