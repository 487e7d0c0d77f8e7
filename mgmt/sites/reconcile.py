"""What to do for a site: `reconcile(desired, observed, now)`. Pure, and the same whoever asks and how often.

A plan looks at what is, never at what was done. It holds what can be done now: CAs before certificates, these
before the entities that use them, the stored file before the router. Whoever carries it out observes and asks
again until a plan is empty; after an interruption anywhere the next plan goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import TypeVar

from skrouter.config.resources.access_grant import AccessGrant
from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.certificate import Certificate
from skrouter.config.resources.common import CustomResource, Resource, Status
from skrouter.config.resources.connector import Connector
from skrouter.config.resources.core import Secret
from skrouter.config.resources.link import Link
from skrouter.config.resources.listener import Listener
from skrouter.config.resources.multi_key_listener import MultiKeyListener
from skrouter.config.resources.router_access import RouterAccess
from skrouter.config.resources.site import Site
from skrouter.mgmt.sites import certificates, grants, passwords, router_config, static_links, status, tokens
from skrouter.mgmt.sites.changes import (
    Change,
    RemoveSite,
    RestartRouter,
    StartRouter,
    StoreConfig,
    StoreRevisions,
)
from skrouter.mgmt.sites.entities import RouterConfig, RouterEntity
from skrouter.mgmt.sites.facts import Credentials, Observed, Revision, Setting
from skrouter.mgmt.sites.kinds import (
    certificate,
    connector,
    link,
    listener,
    multi_key_listener,
    router_access,
)
from skrouter.mgmt.sites.kinds import site as site_kind
from skrouter.mgmt.sites.parts import Context, Key, Parts
from skrouter.mgmt.sites.status import NO_SITE, State, Statuses, error, pending

R = TypeVar("R", bound=CustomResource)

PRIOR_REVISIONS = 2
"""How many earlier contents of credentials stay valid, unless the site's setting says otherwise."""


NOT_APPLIED = "The router does not have it yet"

_LIVE = ("connector", "listener", "tcpConnector", "tcpListener", "listenerAddress")


@dataclass(frozen=True, slots=True)
class Desired:
    """Valid resources of one namespace, in any order, and where the site lives."""

    resources: tuple[Resource, ...]
    setting: Setting


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do in this order, and what to tell.

    `resources` are all that have effect, generated ones included; `statuses` by kind and name.
    `next_check` is when to look again though nothing happens, in seconds since 1970.
    """

    changes: tuple[Change, ...] = ()
    resources: tuple[CustomResource, ...] = ()
    statuses: Mapping[Key, Status] = field(default_factory=dict)
    config: RouterConfig = ()
    warnings: tuple[str, ...] = ()
    next_check: float | None = None


def reconcile(desired: Desired, observed: Observed, now: float) -> Plan:
    """The plan; `now` in seconds since 1970."""
    resources = sorted((*desired.resources, *_from_tokens(desired, observed)), key=lambda one: one.key)
    site = active_site(resources, observed)
    if site is None:
        return _without_site(resources, observed, now)
    secrets = {one.name: one for one in resources if isinstance(one, Secret)}
    context = Context(site, desired.setting, observed, secrets)
    custom = [one for one in resources if isinstance(one, CustomResource)]
    named = {one.name for one in custom if isinstance(one, RouterAccess)}
    custom += site_kind.generated_access(context, named)
    return _plan(context, custom, now)


def active_site(resources: Iterable[Resource], observed: Observed) -> Site | None:
    """The site that counts: the one that is active already, else the oldest."""
    sites = [one for one in resources if isinstance(one, Site)]
    active = next((one.name for one in observed.config if one.type == "site"), "")
    return min(
        sites,
        key=lambda one: (one.name != active, one.metadata.creation_timestamp, one.name),
        default=None,
    )


def contributions(context: Context, resources: Sequence[CustomResource]) -> Parts:
    """What all kinds add to the site. The order of kinds is fixed, that of resources of no account."""
    parts = Parts()
    site_kind.contribute(context, parts)
    for one in sorted(_of(resources, Certificate), key=lambda one: (not one.spec.signing, one.name)):
        certificate.contribute(one, context, parts)
    for access in _of(resources, RouterAccess):
        router_access.contribute(access, context, parts)
    for one_link in _of(resources, Link):
        link.contribute(one_link, context, parts)
    for one_listener in _of(resources, Listener):
        listener.contribute(one_listener, context, parts)
    for one_connector in _of(resources, Connector):
        connector.contribute(one_connector, context, parts)
    for several in _of(resources, MultiKeyListener):
        multi_key_listener.contribute(several, context, parts)
    for token in _of(resources, AccessToken):
        if tokens.flaw(token):
            parts.refuse(token, tokens.flaw(token))
    for grant in _of(resources, AccessGrant):
        grants.contribute(grant, context, parts)
    parts.refuse_clashes()
    return parts


def _of(resources: Iterable[CustomResource], cls: type[R]) -> list[R]:
    return sorted((one for one in resources if isinstance(one, cls)), key=lambda one: one.name)


def _plan(context: Context, custom: list[CustomResource], now: float) -> Plan:
    observed = context.observed
    parts = contributions(context, custom)
    credentials = certificates.plan(parts.certificates, observed, now)
    revisions = _revisions(parts, credentials.usable, observed)
    profiles = _profiles(context, parts, credentials.usable, revisions)
    config = router_config.build(parts.entities, credentials.usable, profiles)
    refused = _refused(parts, credentials, observed)
    accesses = _of(custom, RouterAccess)
    changes: list[Change] = [*credentials.changes]
    if revisions != dict(observed.revisions):
        changes.append(StoreRevisions({name: astuple(one) for name, one in revisions.items()}))
    changes += passwords.plan(parts, observed)
    changes += _router_changes(context, parts, config, credentials.usable)
    changes += static_links.plan(accesses, context, parts, credentials.usable)
    changes += tokens.plan(_of(custom, AccessToken), context.site, observed)
    changes += grants.plan(_of(custom, AccessGrant), context, parts)
    statuses = Statuses(context.site, observed, parts, refused, now).of(custom)
    return Plan(tuple(changes), tuple(custom), statuses, config, credentials.warnings, credentials.next_check)


def _from_tokens(desired: Desired, observed: Observed) -> list[Resource]:
    """What redeemed tokens have become, unless the user defines a resource of that name."""
    named = {one.key for one in desired.resources}
    present = {one.name for one in desired.resources if isinstance(one, AccessToken)}
    return [
        one
        for name, documents in observed.redeemed.items()
        if name in present
        for one in documents
        if one.key not in named
    ]


def _without_site(resources: Sequence[Resource], observed: Observed, now: float) -> Plan:
    """Nothing may be left of a site that is no longer wanted; the others wait for one."""
    something = observed.started or observed.config or observed.credentials or observed.static_links
    changes = (RemoveSite(),) if something else ()
    custom = tuple(one for one in resources if isinstance(one, CustomResource))
    statuses = {
        one.key: status.with_conditions(
            observed.statuses.get(one.key),
            one.KIND.status(),
            {one.KIND.required[0]: error(NO_SITE)},
            one.KIND.required,
            now=now,
            generation=one.metadata.generation,
        )
        for one in custom
    }
    return Plan(changes, custom, statuses)


def _revisions(parts: Parts, usable: frozenset[str], observed: Observed) -> dict[str, Revision]:
    """The ordinal of each content: raised when the content is another than the router was told of."""
    found: dict[str, Revision] = {}
    for name in sorted(parts.profiles):
        known = observed.revisions.get(name)
        if name not in usable:
            found |= {} if known is None else {name: known}
            continue
        found[name] = _revision(known, observed.credentials[name])
    return found


def _revision(known: Revision | None, present: Credentials) -> Revision:
    """Connections under a CA that was replaced are over: no earlier ordinal stays valid."""
    if known is None:
        return Revision(present.digest, 0, present.ca_key)
    if known.digest == present.digest:
        return known
    ordinal = known.ordinal + 1
    is_replaced = known.ca_key not in ("", present.ca_key)
    return Revision(present.digest, ordinal, present.ca_key, ordinal if is_replaced else known.since)


def _profiles(
    context: Context, parts: Parts, usable: frozenset[str], revisions: Mapping[str, Revision]
) -> list[RouterEntity]:
    prior = context.site.spec.setting("tls-prior-valid-revisions")
    count = int(prior) if prior.isascii() and prior.isdigit() else PRIOR_REVISIONS
    return [
        router_config.ssl_profile(profile, revisions[name], context.setting, count)
        for name, profile in parts.profiles.items()
        if name in usable
    ]


def _router_changes(
    context: Context, parts: Parts, config: RouterConfig, usable: frozenset[str]
) -> list[Change]:
    """The file first, then the router. A router that has not answered yet is left to start."""
    observed = context.observed
    found: list[Change] = [] if config == observed.config else [StoreConfig(config)]
    if certificates.LOCAL_SERVER not in usable:
        return []  # its own listener comes first: by it the router is managed
    if not observed.started:
        return [*found, StartRouter()]
    if observed.running is None:
        moved = found and observed.taken_ports
        return [*found, RestartRouter("another program has one of its ports")] if moved else found
    reason = router_config.needs_restart(config, observed.running)
    if reason:
        return [*found, RestartRouter(reason)]
    waiting = {part.entity.key for part in parts.entities if part.profile and part.profile not in usable}
    waiting |= {("sslProfile", name) for name in parts.profiles if name not in usable}
    return [*found, *router_config.changes(config, observed.running, frozenset(waiting))]


def _refused(parts: Parts, credentials: certificates.CertificatePlan, observed: Observed) -> dict[Key, State]:
    """What keeps resources from being configured: their own mistakes, credentials, the router's words."""
    found: dict[Key, State] = {key: error(text) for key, text in parts.errors.items()}
    absent = {part.entity.key for part in parts.entities if part.entity.type in _LIVE}
    absent -= {one.key for one in observed.running} if observed.running is not None else absent
    tokens_refused = {key: text for key, text in observed.refusals.items() if key[0] == "AccessToken"}
    found |= {key: error(text) for key, text in tokens_refused.items()}
    for part in parts.entities:
        if part.profile in credentials.missing:
            text = f'TLS credentials secret "{credentials.missing[part.profile]}" not found'
            found.setdefault(part.owner, error(text))
        elif part.profile and part.profile not in credentials.usable:
            found.setdefault(part.owner, pending(f'TLS credentials "{part.profile}" are being made'))
        elif part.entity.key in observed.refusals:
            found.setdefault(part.owner, error(observed.refusals[part.entity.key]))
        elif part.entity.key in absent:
            found.setdefault(part.owner, pending(NOT_APPLIED))
    return found


def with_statuses(plan: Plan) -> tuple[CustomResource, ...]:
    """The plan's resources with their statuses, for who shows or stores them."""
    return tuple(replace(one, status=plan.statuses.get(one.key, one.status)) for one in plan.resources)
