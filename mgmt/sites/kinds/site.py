"""Site: the router itself, its own listener, the CAs, and access for links."""

from __future__ import annotations

import json
from collections.abc import Iterator

from skrouter.config.resources.common import Metadata
from skrouter.config.resources.router_access import DEFAULT_PORTS, Role, RouterAccess, RouterAccessSpec
from skrouter.mgmt.sites.certificates import (
    LOCAL_CA,
    LOCAL_CLIENT,
    LOCAL_SERVER,
    SERVICE_CA,
    SITE_CA,
    SITE_SERVER,
    Issued,
    Issuer,
)
from skrouter.mgmt.sites.entities import RouterEntity, entity, find, listening_ports
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.parts import Context, Parts

LOCAL_ACCESS = "skupper-local"
LOCAL_HOSTS = ("127.0.0.1", "localhost")
HELLO_MAX_AGE = "3"
DEFAULT_LOG = ("ROUTER_CORE", "error+")
LINK_ROLES = ("inter-router", "edge")
LEVELS = ("trace", "debug", "info", "notice", "warning", "error", "critical")


def contribute(context: Context, parts: Parts) -> None:
    """The entities of the site, and its CAs."""
    site = context.site
    if not site.spec.link_access_is_known:
        parts.refuse(site, f"Unsupported value for LinkAccess: {site.spec.link_access}")
    for one in (router(context), _site_entity(context), *_logs(context)):
        parts.add(site, one)
    parts.add(site, entity("address", "mc", prefix="mc", distribution="multicast"))
    for name, text in ((SITE_CA, "site CA"), (LOCAL_CA, "local CA"), (SERVICE_CA, "service CA")):
        parts.certificates.issuers[name] = Issuer(name, f"{site.name} {text}")
    issuer = context.default_issuer
    parts.certificates.issuers.setdefault(issuer, Issuer(issuer, f"{site.name} {issuer}"))
    client = Issued(LOCAL_CLIENT, LOCAL_CA, LOCAL_CLIENT, frozenset(LOCAL_HOSTS))
    parts.certificates.issued[LOCAL_CLIENT] = client


def router(context: Context) -> RouterEntity:
    """The router entity: nothing of it can be changed while the router runs."""
    site, setting = context.site, context.setting
    identity = context.observed.identity
    metadata = {"id": identity.site_id, "version": setting.version, "platform": setting.platform}
    name = f"{site.name}-{identity.router_suffix}"
    return entity(
        "router",
        name,
        id=name,
        mode="edge" if site.spec.edge else "interior",
        helloMaxAgeSeconds=HELLO_MAX_AGE,
        dataConnectionCount=site.spec.setting("router-data-connection-count"),
        metadata=json.dumps(metadata, separators=(",", ":")),
    )


def generated_access(context: Context, named: set[str]) -> Iterator[RouterAccess]:
    """The RouterAccess of the site's own use and, with link access, of links, unless `named` by the user."""
    if LOCAL_ACCESS not in named:
        yield _local_access(context)
    site = context.site
    if site.spec.accepts_links and not site.spec.edge and site.name not in named:
        ports = Ports(context.observed, may_be_known=context.observed.has_run)
        roles = tuple(
            Role(role, ports.choose(f"{site.name}-{role}", DEFAULT_PORTS[role])) for role in LINK_ROLES
        )
        spec = RouterAccessSpec(roles, tls_credentials=SITE_SERVER, generate_tls_credentials=True)
        yield RouterAccess(Metadata(site.name, context.setting.namespace), spec)


class Ports:
    """Ports of generated listeners: the one that is kept, else the first that is free.

    A port that another program has taken is kept only if other sites may know it: one day it may be free.
    """

    def __init__(self, observed: Observed, *, may_be_known: bool) -> None:
        self._lost = frozenset() if may_be_known else observed.taken_ports
        self._config = (*observed.config, *(observed.running or ()))
        self._taken = set(observed.host.ports_in_use | listening_ports(self._config))

    def choose(self, listener: str, first: int) -> int:
        """The port of the listener of this name."""
        kept = find(self._config, "listener", listener)
        if kept is not None and not listening_ports([kept]) & self._lost:
            return next(iter(listening_ports([kept])), 0)
        port = next(number for number in range(first, 65536) if number not in self._taken)
        self._taken.add(port)
        return port


def _local_access(context: Context) -> RouterAccess:
    port = Ports(context.observed, may_be_known=False).choose(
        f"{LOCAL_ACCESS}-normal", DEFAULT_PORTS["normal"]
    )
    spec = RouterAccessSpec(
        roles=(Role("normal", port),),
        tls_credentials=LOCAL_SERVER,
        generate_tls_credentials=True,
        issuer=LOCAL_CA,
        bind_host="127.0.0.1",
        subject_alternative_names=LOCAL_HOSTS,
    )
    return RouterAccess(Metadata(LOCAL_ACCESS, context.setting.namespace), spec)


def _site_entity(context: Context) -> RouterEntity:
    setting = context.setting
    return entity(
        "site",
        context.site.name,
        namespace=setting.namespace,
        platform=setting.platform,
        version=setting.version,
    )


def _logs(context: Context) -> list[RouterEntity]:
    """Levels of the setting, `MODULE:level` or `level` for all, separated by commas."""
    levels = dict([DEFAULT_LOG])
    for part in context.site.spec.setting("router-logging").split(","):
        module, _, level = part.strip().rpartition(":")
        if level.rstrip("+") in LEVELS:
            levels[module or "DEFAULT"] = level if level.endswith("+") else f"{level}+"
    return [entity("log", module, module=module, enable=level) for module, level in sorted(levels.items())]
