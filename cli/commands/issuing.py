"""Issuing a token on this machine: a grant, a server where it is redeemed, and the token itself."""

from __future__ import annotations

import os
import sys
import time
import uuid

from skrouter.cli.commands import local
from skrouter.cli.commands.session import FailedError, Session
from skrouter.config.resources.access_grant import AccessGrant, AccessGrantSpec, AccessGrantStatus
from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.router_access import RouterAccess
from skrouter.config.resources.site import Site
from skrouter.mgmt.platforms.linux.layout import GrantLayout
from skrouter.mgmt.sites import grants
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.kinds.router_access import EDGE_TEXT
from skrouter.mgmt.sites.kinds.site import LOCAL_ACCESS
from skrouter.mgmt.sites.parts import Context
from skrouter.mgmt.sites.reconcile import Plan

NO_ACCESS = """You must enable link access for this site before you can create a token.
To enable it, run:

\tskupper site update --enable-link-access
\tskupper system reload
"""
POLL = 0.1


def check_site(session: Session) -> tuple[Site, Plan, Observed]:
    """The site, which was started and takes links; FailedError with the remedy if it does not."""
    plan, observed = local.look(session)
    site = next(one for one in plan.resources if isinstance(one, Site))
    if site.spec.edge:
        raise FailedError(EDGE_TEXT)
    if not observed.started:
        raise local.not_active(session)
    if not any(one.type == "listener" and one.get("role") == "inter-router" for one in observed.config):
        raise FailedError(NO_ACCESS.rstrip())
    return site, plan, observed


def check_host(host: str, plan: Plan, observed: Observed) -> None:
    """The site's certificates are good for the host that those who redeem shall link to."""
    accesses = [one for one in plan.resources if isinstance(one, RouterAccess) and one.name != LOCAL_ACCESS]
    for access in accesses:
        credentials = observed.credentials.get(access.spec.tls_credentials)
        if credentials is not None and grants.fits(grants.plain_host(host), credentials.hosts):
            return
    raise FailedError(
        f'no certificate of this site is good for the host "{host}": create a RouterAccess with it among its '
        "subjectAlternativeNames, and run: skupper system reload"
    )


def new_grant(session: Session, site: Site, name: str, spec: AccessGrantSpec) -> AccessGrant:
    """Write a grant to the input; FailedError if there is one of this name."""
    name = name or f"{site.name}-{uuid.uuid4()}"
    if local.find_input(session, AccessGrant, name) is not None:
        raise FailedError(f'there is an AccessGrant "{name}" already; to issue tokens of it: --grant {name}')
    grant = AccessGrant(Metadata(name, session.namespace), spec)
    local.store_input(session, grant)
    return grant


def existing_grant(session: Session, name: str) -> AccessGrant:
    """A grant of the input."""
    grant = local.find_input(session, AccessGrant, name)
    if grant is None:
        raise FailedError(f'there is no AccessGrant "{name}" in namespace {session.namespace}')
    return grant


def ready(session: Session, site: Site, grant: AccessGrant, timeout: float) -> AccessGrantStatus:
    """The status of the grant once it can be redeemed. Nothing else of the input takes effect."""
    platform = local.platform(session)
    deadline = time.monotonic() + timeout
    with platform.exclusive():
        context = Context(site, platform.setting, platform.observe_grants())
        platform.carry_out(grants.kept(grant, context))
    while True:
        found = platform.observe_grants()
        status = grants.status(grant, found)
        if status.url and status.ca:
            return status
        if time.monotonic() > deadline:
            raise FailedError(f'grant "{grant.name}" not ready yet, check the status for more information')
        if found.grant_server is None:
            start_server(session)
        time.sleep(POLL)


def start_server(session: Session) -> None:
    """Have grants redeemed on this machine, unless a controller or another server does already."""
    from skrouter.mgmt.platforms.linux.managers import is_locked, start_supervisor  # noqa: PLC0415
    from skrouter.mgmt.sites.platform import PlatformError  # noqa: PLC0415

    layout = GrantLayout(session.layout.home)
    if is_locked(layout.lock) or is_locked(layout.supervisor_lock):
        return
    command = [sys.executable, "-P", "-m", "skrouter.cli.controller", "--only-grants"]
    home = ["--data-home", str(session.layout.home)]
    try:
        start_supervisor(layout.supervisor_lock, layout.log, [*command, *home], os.environ)
    except PlatformError as error:
        raise FailedError(f"the grant server cannot be started: {error}") from error


def token(name: str, status: AccessGrantStatus, cost: int) -> AccessToken:
    """The token that whoever redeems it needs."""
    return AccessToken(Metadata(name), AccessTokenSpec(status.url, status.code, status.ca, cost))


def shown_duration(seconds: float) -> str:
    """As Go shows it: `15m0s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
