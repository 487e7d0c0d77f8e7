"""Links that are kept for other sites, one file for each host under which this one may be reached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skrouter.config.resources.common import Endpoint, Metadata
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.config.resources.router_access import RouterAccess
from skrouter.mgmt.sites.changes import Change, RemoveStaticLink, StoreStaticLink
from skrouter.mgmt.sites.kinds.router_access import ANY, LOOPBACK, client_credentials
from skrouter.mgmt.sites.kinds.site import LINK_ROLES
from skrouter.mgmt.sites.parts import Context, Parts


def plan(
    accesses: Iterable[RouterAccess], context: Context, parts: Parts, usable: frozenset[str]
) -> Iterator[Change]:
    """The files to write and to remove."""
    wanted = {
        name: (link, client_credentials(access))
        for access in accesses
        if access.key not in parts.errors and client_credentials(access) in usable
        for name, link in files(access, context)
    }
    existing = context.observed.static_links
    for name, (link, credentials) in sorted(wanted.items()):
        found = existing.get(name)
        digest = context.observed.credentials[credentials].digest
        if found is None or found.link.spec != link.spec or found.digest != digest:
            yield StoreStaticLink(name, link, credentials)
    for name in sorted(existing.keys() - wanted.keys()):
        yield RemoveStaticLink(name)


def files(access: RouterAccess, context: Context) -> Iterator[tuple[str, Link]]:
    """File name and link for each host of the access (local-system.md §6)."""
    spec = access.spec
    machine = context.observed.host
    named = spec.subject_alternative_names or (ANY, "::", machine.name, *machine.addresses)
    hosts = dict.fromkeys([spec.bind_host or LOOPBACK, *named])
    roles = [role for role in spec.roles if role.name in LINK_ROLES]
    name = f"link-{access.name}"
    for host in (one for one in hosts if roles and not one.startswith("*")):
        endpoints = tuple(Endpoint(role.name, host, str(role.actual_port)) for role in roles)
        link = Link(Metadata(name), LinkSpec(endpoints, tls_credentials=name, cost=1))
        yield f"{name}-{host}.yaml", link
