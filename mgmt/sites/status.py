"""Conditions and statuses of resources from what is observed (resources.md §2), never guessed from files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from skrouter.config.resources.access_grant import AccessGrant
from skrouter.config.resources.access_token import AccessToken, AccessTokenStatus
from skrouter.config.resources.certificate import Certificate, CertificateStatus
from skrouter.config.resources.common import Condition, CustomResource, Status
from skrouter.config.resources.connector import Connector, ConnectorStatus
from skrouter.config.resources.link import Link, LinkStatus
from skrouter.config.resources.listener import Listener, ListenerStatus
from skrouter.config.resources.multi_key_listener import (
    MultiKeyListener,
    MultiKeyListenerStatus,
    PriorityStatus,
    StrategyStatus,
    WeightedStatus,
)
from skrouter.config.resources.router_access import RouterAccess, RouterAccessStatus
from skrouter.config.resources.site import Site, SiteStatus
from skrouter.mgmt.sites import grants
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.network import Network
from skrouter.mgmt.sites.parts import Key, Parts

READY, ERROR, PENDING = "Ready", "Error", "Pending"
NO_SITE = "No active site in namespace"
NO_ROUTER = "No router pod is ready"
"""The text of every platform for a router that does not answer (local-system.md §8)."""

State = tuple[str, str]
"""Ready, Error or Pending, and the message."""

OK: State = (READY, "OK")


def pending(message: str) -> State:
    """Not yet."""
    return (PENDING, message)


def error(message: str) -> State:
    """Not, unless something changes."""
    return (ERROR, message)


def text_of_time(now: float) -> str:
    """RFC 3339 of seconds since 1970."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def with_conditions(
    old: Status | None,
    new: Status,
    states: Mapping[str, State],
    required: Sequence[str],
    *,
    now: float,
    generation: int,
) -> Any:
    """The new status with these conditions and the Ready that follows from the required ones, in order.

    The time of a condition changes only when its True or False does.
    """
    total = _aggregate(states, required)
    conditions = tuple(
        _condition(kind, state, old, now, generation) for kind, state in {**states, READY: total}.items()
    )
    return replace(new, status=total[0], message=total[1], conditions=conditions)


def _aggregate(states: Mapping[str, State], required: Sequence[str]) -> State:
    for kind in required:
        if kind not in states:
            return pending(f"Not {kind}")
        if states[kind][0] != READY:
            return states[kind]
    return OK


def _condition(kind: str, state: State, old: Status | None, now: float, generation: int) -> Condition:
    holds = "True" if state[0] == READY else "False"
    before = old.condition(kind) if old is not None else None
    since = (
        before.last_transition_time if before is not None and before.status == holds else text_of_time(now)
    )
    return Condition(kind, holds, state[0], state[1], generation, since)


# --- of each kind ---------------------------------------------------------------------------------------


class Statuses:
    """Computes the status of every resource of a site; `refused` are Configured errors by resource."""

    def __init__(
        self, site: Site, observed: Observed, parts: Parts, refused: Mapping[Key, State], now: float
    ) -> None:
        self._site = site
        self._observed = observed
        self._network: Network | None = observed.network
        self._parts = parts
        self._refused = refused
        self._now = now

    def of(self, resources: Iterable[CustomResource]) -> dict[Key, Status]:
        """By kind and name; kinds whose status is computed elsewhere are left out."""
        found = {one.key: self._status(one) for one in resources}
        return {key: status for key, status in found.items() if status is not None}

    def _status(self, one: CustomResource) -> Status | None:
        match one:
            case Site():
                return self._site_status(one)
            case Link():
                return self._link(one)
            case Listener():
                matched = self._is_connected(one.spec.routing_key)
                states = self._bridge(one, "Matched", matched, "No matching connectors")
                states |= self._listening(f"listener/{one.name}", states)
                return self._made(one, ListenerStatus(has_matching_connector=matched), states)
            case Connector():
                matched = self._network is not None and one.spec.routing_key in self._network.listened_keys
                states = self._bridge(one, "Matched", matched, "No matching listeners")
                return self._made(one, ConnectorStatus(has_matching_listener=matched), states)
            case MultiKeyListener():
                return self._multi_key_listener(one)
            case RouterAccess():
                return self._access(one)
            case Certificate():
                return self._certificate(one)
            case AccessToken():
                return self._token(one)
            case AccessGrant():
                return self._grant(one)
        return None

    def _made(
        self, one: CustomResource, new: Status, states: Mapping[str, State], required: Sequence[str] = ()
    ) -> Status:
        old = self._observed.statuses.get(one.key)
        status: Status = with_conditions(
            old,
            new,
            states,
            required or one.KIND.required,
            now=self._now,
            generation=one.metadata.generation,
        )
        return status

    def _configured(self, one: CustomResource) -> State:
        return self._refused.get(one.key, OK)

    def _bridge(self, one: CustomResource, kind: str, holds: bool, message: str) -> dict[str, State]:
        return {"Configured": self._configured(one), kind: OK if holds else pending(message)}

    def _listening(self, name: str, states: Mapping[str, State]) -> dict[str, State]:
        """A listener that is wanted and cannot listen is not as configured."""
        views = self._network.own.listeners if self._network is not None else ()
        shut = [one for one in views if one.name == name and not one.is_open and one.detail]
        if not shut or any(state != OK for state in states.values()):
            return {}
        return {"Configured": error(shut[0].detail)}

    def _is_connected(self, key: str) -> bool:
        return self._network is not None and key in self._network.connected_keys

    # --- kinds

    def _site_status(self, site: Site) -> Status:
        if site.key != self._site.key:
            text = f"An active site already exists in the namespace ({self._site.name})"
            return self._made(site, SiteStatus(), {"Configured": error(text)})
        running = OK if self._observed.running is not None else pending(NO_ROUTER)
        states = {"Configured": self._configured(site), "Running": running}
        required = ["Configured", "Running"]
        endpoints = tuple(one for found in self._parts.endpoints.values() for one in found)
        if site.spec.accepts_links:
            states["Resolved"] = OK if endpoints else pending(PENDING)
            required.append("Resolved")
        records = self._network.records() if self._network is not None else ()
        new = SiteStatus(
            endpoints=tuple(sorted(endpoints, key=lambda one: one.name)),
            sites_in_network=len(records),
            network=records,
            default_issuer=site.spec.default_issuer or "skupper-site-ca",
        )
        return self._made(site, new, states, required)

    def _link(self, link: Link) -> Status:
        view = self._network.link(link.name) if self._network is not None else None
        remote = self._network.site_of(view.peer) if self._network is not None and view is not None else None
        operational = OK if view is not None and view.operational else pending("Not Operational")
        new = LinkStatus(
            remote_site_id=remote.id if remote else "", remote_site_name=remote.name if remote else ""
        )
        states = {"Configured": self._configured(link), "Operational": operational}
        return self._made(link, new, states)

    def _multi_key_listener(self, one: MultiKeyListener) -> Status:
        strategy = one.spec.strategy
        values = strategy.values() if strategy is not None else {}
        reachable = {key: value for key, value in values.items() if self._is_connected(key)}
        if strategy is not None and strategy.priority is not None:
            keys = StrategyStatus(priority=PriorityStatus(tuple(reachable)))
        else:
            keys = StrategyStatus(weighted=WeightedStatus(reachable))
        states = self._bridge(one, "Operational", bool(reachable), "No matching connectors")
        states |= self._listening(f"multiAddress/{one.name}", states)
        return self._made(one, MultiKeyListenerStatus(has_destination=bool(reachable), strategy=keys), states)

    def _access(self, access: RouterAccess) -> Status:
        endpoints = self._parts.endpoints.get(access.key, ())
        local = all(role.name == "normal" for role in access.spec.roles)
        resolved = OK if endpoints or local else pending(PENDING)
        states = {"Configured": self._configured(access), "Resolved": resolved}
        return self._made(access, RouterAccessStatus(endpoints=endpoints), states)

    def _certificate(self, one: Certificate) -> Status:
        found = (self._observed.issuers if one.spec.signing else self._observed.credentials).get(one.name)
        expiration = text_of_time(found.not_after) if found is not None else ""
        ready = self._refused.get(one.key, OK if found is not None else pending(PENDING))
        return self._made(one, CertificateStatus(expiration=expiration), {READY: ready})

    def _token(self, token: AccessToken) -> Status:
        done = token.name in self._observed.redeemed
        state = OK if done else self._refused.get(token.key, pending(PENDING))
        return self._made(token, AccessTokenStatus(redeemed=done), {"Redeemed": state})

    def _grant(self, grant: AccessGrant) -> Status:
        new = grants.status(grant, self._observed)
        kept = self._observed.grants.get(grant.name)
        known = pending(PENDING) if kept is None else OK
        is_over = kept is not None and not grants.is_open(kept, self._now)
        resolved = OK if is_over or (new.url and new.ca) else pending(grants.NOT_ENABLED)
        states = {"Processed": self._refused.get(grant.key, known), "Resolved": resolved}
        return self._made(grant, new, states)
