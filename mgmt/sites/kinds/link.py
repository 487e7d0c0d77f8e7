"""Link: a connector to another site's router."""

from __future__ import annotations

from skrouter.config.resources.link import Link
from skrouter.mgmt.sites.certificates import Adopted
from skrouter.mgmt.sites.entities import entity
from skrouter.mgmt.sites.parts import Context, Parts, Profile


def contribute(link: Link, context: Context, parts: Parts) -> None:
    """A connector to the endpoint that fits the mode of our router; without one the link means others."""
    endpoint = link.spec.endpoint_for(edge=context.is_edge)
    if endpoint is None:
        role = "edge" if context.is_edge else "inter-router"
        parts.refuse(link, f"the link has no {role} endpoint")
        return
    if link.spec.proxy:
        parts.refuse(link, "Secret not found for proxy configuration")
        return
    credentials = link.spec.tls_credentials
    profile = Profile(f"{credentials}-profile") if credentials else None
    connector = entity(
        "connector",
        link.name,
        role=endpoint.name,
        host=endpoint.host,
        port=endpoint.port,
        cost=max(link.spec.cost, 1),
        sslProfile=profile.name if profile else "",
    )
    parts.add(link, connector, profile)
    if profile is not None:
        parts.certificates.adopted[profile.name] = Adopted(profile.name, credentials)
