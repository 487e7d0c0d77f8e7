"""Connector: a tcpConnector for each server."""

from __future__ import annotations

from skrouter.config.resources.connector import Connector
from skrouter.mgmt.sites.certificates import SERVICE_CA, Adopted, Issued
from skrouter.mgmt.sites.entities import entity
from skrouter.mgmt.sites.parts import Context, Parts, Profile

NO_TARGET = "Connector must define a non-empty spec.host or spec.selector"


def contribute(connector: Connector, context: Context, parts: Parts) -> None:
    """A tcpConnector to the host."""
    spec = connector.spec
    if not spec.host:
        parts.refuse(connector, NO_TARGET)
        return
    profile = _profile(connector, context, parts)
    one = entity(
        "tcpConnector",
        f"connector/{connector.name}@{spec.host}",
        host=spec.host,
        port=str(spec.port),
        address=spec.routing_key,
        siteId=context.site_id,
        sslProfile=profile.name if profile else "",
    )
    if profile is not None:  # what is not said is true for the router
        attributes = {**one.attributes, "verifyHostname": spec.verify_hostname}
        one = type(one)(one.type, one.name, attributes)
    parts.add(connector, one, profile)


def _profile(connector: Connector, context: Context, parts: Parts) -> Profile | None:
    """With the certificate, or its CA alone under a name of its own."""
    spec, wanted = connector.spec, parts.certificates
    if not spec.tls_credentials:
        return None
    name = spec.tls_credentials if spec.use_client_cert else f"{spec.tls_credentials}-profile"
    if name != spec.tls_credentials and spec.tls_credentials in context.observed.provided_credentials:
        wanted.adopted[name] = Adopted(name, spec.tls_credentials)
    elif name not in wanted.adopted:
        known = wanted.issued[name].hosts if name in wanted.issued else frozenset[str]()
        wanted.issued[name] = Issued(name, SERVICE_CA, spec.tls_credentials, known | {spec.host})
    return Profile(name, only_ca=not spec.use_client_cert)
