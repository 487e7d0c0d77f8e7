"""RouterAccess: listeners for routers of other sites, their certificates, and what these sites must know."""

from __future__ import annotations

from skrouter.config.resources.common import Endpoint
from skrouter.config.resources.router_access import RouterAccess
from skrouter.mgmt.sites.certificates import Issued
from skrouter.mgmt.sites.entities import entity
from skrouter.mgmt.sites.kinds.site import LINK_ROLES
from skrouter.mgmt.sites.parts import Context, Parts, Profile

ANY = "0.0.0.0"
LOOPBACK = "127.0.0.1"
"""Where a listener is reached that listens everywhere, as far as anybody knows for sure."""

GROUP = "skupper-router"
EDGE_TEXT = "Edge sites cannot accept incoming links from remote sites"


def contribute(access: RouterAccess, context: Context, parts: Parts) -> None:
    """A listener for each role, a server certificate, and a client certificate for those who link."""
    spec = access.spec
    takes_links = any(role.name in LINK_ROLES for role in spec.roles)
    if takes_links and context.is_edge:
        parts.refuse(access, EDGE_TEXT)
        return
    for role in spec.roles:
        listener = entity(
            "listener",
            f"{access.name}-{role.name}",
            role=role.name,
            host=spec.bind_host or ANY,
            port=role.actual_port,
            sslProfile=spec.tls_credentials,
            saslMechanisms="EXTERNAL",
            authenticatePeer=True,
        )
        parts.add(access, listener, Profile(spec.tls_credentials))
    _certificates(access, context, parts, takes_links=takes_links)
    if takes_links:
        parts.endpoints[access.key] = endpoints(access)


def client_credentials(access: RouterAccess) -> str:
    """The name of the credentials for those who link."""
    return f"client-{access.spec.tls_credentials}"


def hosts(access: RouterAccess, context: Context) -> frozenset[str]:
    """Hosts of the server certificate: the names it is given, or all of the machine, and where it listens."""
    machine = context.observed.host
    named = access.spec.subject_alternative_names or (ANY, "::", machine.name, *machine.addresses)
    return frozenset({*named, access.spec.bind_host or LOOPBACK})


def endpoints(access: RouterAccess) -> tuple[Endpoint, ...]:
    """As the site's status shows them (local-system.md §3.9)."""
    spec = access.spec
    return tuple(
        Endpoint(f"{access.name}-{role.name}", spec.bind_host or LOOPBACK, str(role.actual_port), GROUP)
        for role in spec.roles
        if role.name in LINK_ROLES
    )


def _certificates(access: RouterAccess, context: Context, parts: Parts, *, takes_links: bool) -> None:
    name = access.spec.tls_credentials
    issuer = access.spec.issuer or context.default_issuer
    wanted = parts.certificates.issued
    names = hosts(access, context)
    if name in wanted:  # two of them share a certificate
        names |= wanted[name].hosts
    wanted[name] = Issued(name, issuer, name, names)
    if takes_links:
        client = client_credentials(access)
        wanted[client] = Issued(client, issuer, client)
