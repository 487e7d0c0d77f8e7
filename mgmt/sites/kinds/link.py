"""Link: a connector to another site's router."""

from __future__ import annotations

from skrouter.config.resources.link import Link
from skrouter.mgmt.sites.certificates import Adopted
from skrouter.mgmt.sites.entities import entity
from skrouter.mgmt.sites.parts import Context, Parts, Profile

NO_PROXY = "Secret not found for proxy configuration"
PROXY_KEYS = ("host", "port", "username", "password")
PASSWORD_FILE = "password.txt"  # noqa: S105 — a name


def contribute(link: Link, context: Context, parts: Parts) -> None:
    """A connector to the endpoint that fits the mode of our router; without one the link means others."""
    endpoint = link.spec.endpoint_for(edge=context.is_edge)
    if endpoint is None:
        role = "edge" if context.is_edge else "inter-router"
        parts.refuse(link, f"the link has no {role} endpoint")
        return
    if link.spec.proxy and not _add_proxy(link, context, parts):
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
        proxyProfile=link.spec.proxy,
    )
    parts.add(link, connector, profile)
    if profile is not None:
        parts.certificates.adopted[profile.name] = Adopted(profile.name, credentials)


def _add_proxy(link: Link, context: Context, parts: Parts) -> bool:
    """The HTTP proxy of a Secret with host, port, and username and password if it wants them."""
    name = link.spec.proxy
    secret = context.secrets.get(name)
    if secret is None:
        parts.refuse(link, NO_PROXY)
        return False
    host, port, user, password = (
        secret.data.get(key, b"").decode("utf-8", "replace").strip() for key in PROXY_KEYS
    )
    if not host or not port:
        parts.refuse(link, f'the Secret "{name}" of the proxy needs host and port')
        return False
    if password and ("\n" in password or not user):
        parts.refuse(link, f'the Secret "{name}" of the proxy needs a username, and a password of one line')
        return False
    file = f"file:{context.setting.profiles}/{name}/{PASSWORD_FILE}" if password else ""
    parts.add(link, entity("proxyProfile", name, host=host, port=port, username=user, password=file))
    if password:
        parts.passwords[name] = password
    return True
