"""Grants: what is kept of each, its status, and the links that a redeemed token becomes (resources.md §8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from ipaddress import ip_address

from skrouter.config.resources.access_grant import AccessGrant, AccessGrantStatus
from skrouter.config.resources.common import Endpoint, Metadata, Resource
from skrouter.config.resources.core import Secret
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.config.resources.router_access import RouterAccess
from skrouter.config.resources.rules import duration_seconds, is_address, is_host
from skrouter.mgmt.sites.changes import Change, KeepGrant, RemoveGrant
from skrouter.mgmt.sites.facts import Grant, GrantServer, Observed
from skrouter.mgmt.sites.kinds.router_access import ANY, EDGE_TEXT, GROUP
from skrouter.mgmt.sites.kinds.site import LINK_ROLES
from skrouter.mgmt.sites.parts import Context, Parts
from skrouter.mgmt.sites.platform import Pems

HOST_SETTING = "host"
"""A setting of ours: the host under which this site is reached by those who redeem."""
NOT_ENABLED = "AccessGrants are not enabled"
NO_ENDPOINTS = "No valid endpoints found for site"
NO_ISSUER = "Could not get issuer for requested certificate"
WINDOW = 15 * 60.0
"""Seconds of a grant that names no window: what users are told (coverage.md 8.3)."""

_ANYWHERE = (ANY, "::", "")


class GrantError(Exception):
    """No link can be made now; the text is for who redeems the token."""


def contribute(grant: AccessGrant, context: Context, parts: Parts) -> None:
    """Nothing; an edge site can grant nothing."""
    host = grant.spec.settings.get(HOST_SETTING, "")
    if context.is_edge:
        parts.refuse(grant, EDGE_TEXT)
    elif host and not is_host(host):
        parts.refuse(grant, f"settings.host: {host!r} is neither a host name nor an address")


def plan(grants: Iterable[AccessGrant], context: Context, parts: Parts) -> Iterator[Change]:
    """What is to be kept of grants: when a grant ends and who it is stays as it was on its first day."""
    known = context.observed.grants
    wanted = {one.name: one for one in grants if one.key not in parts.errors}
    for name, grant in sorted(wanted.items()):
        change = kept(grant, context)
        if not _is_kept(change, known.get(name)):
            yield change
    for name in sorted(known.keys() - wanted.keys()):
        yield RemoveGrant(name)


def kept(grant: AccessGrant, context: Context) -> KeepGrant:
    """What is to be kept of this one."""
    spec = grant.spec
    return KeepGrant(
        grant.name,
        max(spec.redemptions_allowed, 1),
        duration_seconds(spec.expiration_window) or WINDOW,
        spec.code,
        spec.issuer or context.default_issuer,
        plain_host(spec.settings.get(HOST_SETTING, "")),
    )


def plain_host(host: str) -> str:
    """An address as certificates hold it; names as they are."""
    return str(ip_address(host)) if is_address(host) else host


def _is_kept(change: KeepGrant, known: Grant | None) -> bool:
    return (
        known is not None
        and (change.allowed, change.issuer, change.host) == (known.allowed, known.issuer, known.host)
        and change.code in ("", known.code)
    )


def status(grant: AccessGrant, observed: Observed) -> AccessGrantStatus:
    """Everything that a token needs; url and CA if a server knows it, under this host."""
    known, server = observed.grants.get(grant.name), observed.grant_server
    if known is None:
        return AccessGrantStatus()
    answers = server is not None and server.grants.get(known.uid) == known.host
    return AccessGrantStatus(
        url=url(known, server) if server is not None and answers else "",
        code=known.code,
        ca=server.ca if server is not None and answers else "",
        redemptions=known.redemptions,
        expiration_time=known.expiration,
    )


def url(grant: Grant, server: GrantServer) -> str:
    """Where tokens of the grant are redeemed."""
    host = grant.host or server.host
    shown = f"[{host}]" if is_address(host) and ":" in host else host
    return f"https://{shown}:{server.port}/{grant.uid}"


def end(grant: Grant) -> float | None:
    """When it ends, in seconds since 1970; None if what is kept is no time of RFC 3339."""
    try:
        found = datetime.fromisoformat(grant.expiration)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None else None


def is_open(grant: Grant, now: float) -> bool:
    """Whether somebody may still redeem it."""
    return grant.redemptions < grant.allowed and now < (end(grant) or 0)


# --- what a token becomes


def endpoints(accesses: Iterable[RouterAccess], host: str) -> tuple[Endpoint, ...]:
    """Where links may go to: each access where it is bound to, else at this host. GrantError if nowhere."""
    found = tuple(
        Endpoint(
            role.name,
            host if one.spec.bind_host in _ANYWHERE else one.spec.bind_host,
            str(role.actual_port),
            GROUP,
        )
        for one in sorted(accesses, key=lambda one: one.name)
        for role in one.spec.roles
        if role.name in LINK_ROLES
    )
    if not found:
        raise GrantError(NO_ENDPOINTS)
    return found


def documents(name: str, places: Sequence[Endpoint], pems: Pems) -> tuple[Resource, ...]:
    """The Secret and the link of this name."""
    data = {"ca.crt": pems.ca, "tls.crt": pems.certificate, "tls.key": pems.key}
    link = Link(Metadata(name), LinkSpec(tuple(places), tls_credentials=name, cost=1))
    return (Secret(Metadata(name), "kubernetes.io/tls", data), link)


def fits(host: str, names: Iterable[str]) -> bool:
    """Whether a certificate of these names is good for the host."""
    wildcard = f"*.{host.partition('.')[2]}"
    return any(name in (host, wildcard) for name in names)
