"""Listener: a tcpListener."""

from __future__ import annotations

from skrouter.config.resources.listener import Listener
from skrouter.mgmt.sites.certificates import SERVICE_CA, Issued
from skrouter.mgmt.sites.entities import entity
from skrouter.mgmt.sites.parts import Context, Parts, Profile


def contribute(listener: Listener, context: Context, parts: Parts) -> None:
    """A tcpListener for the routing key."""
    spec = listener.spec
    one = entity(
        "tcpListener",
        f"listener/{listener.name}",
        host=spec.host,
        port=str(spec.port),
        address=spec.routing_key,
        siteId=context.site_id,
        sslProfile=spec.tls_credentials,
        observer="" if spec.observer == "auto" else spec.observer,
    )
    parts.add(listener, one, server_profile(spec.tls_credentials, spec.host, parts))


def server_profile(credentials: str, host: str, parts: Parts) -> Profile | None:
    """The sslProfile of a server; its certificate is for all hosts under which it is used."""
    if not credentials:
        return None
    wanted = parts.certificates.issued
    known = wanted[credentials].hosts if credentials in wanted else frozenset[str]()
    wanted[credentials] = Issued(credentials, SERVICE_CA, credentials, known | {host})
    return Profile(credentials)
