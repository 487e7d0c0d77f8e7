"""MultiKeyListener: a tcpListener with several addresses."""

from __future__ import annotations

from skrouter.config.resources.multi_key_listener import MultiKeyListener
from skrouter.mgmt.sites.entities import entity
from skrouter.mgmt.sites.kinds.listener import server_profile
from skrouter.mgmt.sites.parts import Context, Parts


def contribute(listener: MultiKeyListener, context: Context, parts: Parts) -> None:
    """A tcpListener, and a listenerAddress for each key."""
    spec = listener.spec
    if spec.strategy is None:
        parts.refuse(listener, "exactly one of the fields in [priority weighted] must be set")
        return
    name = f"multiAddress/{listener.name}"
    one = entity(
        "tcpListener",
        name,
        host=spec.host,
        port=str(spec.port),
        siteId=context.site_id,
        sslProfile=spec.tls_credentials,
        observer="" if spec.observer == "auto" else spec.observer,
        multiAddressStrategy=spec.strategy.name,
        authenticatePeer=spec.require_client_cert,
    )
    profile = server_profile(spec.tls_credentials, spec.host, parts)
    parts.add(listener, one, profile)
    for key, value in spec.strategy.values().items():
        address = {"address": key, "value": value, "listener": name}
        parts.add(listener, type(one)("listenerAddress", f"{listener.name}/{key}", address), profile)
