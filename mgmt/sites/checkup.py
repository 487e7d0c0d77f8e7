"""A site gone through from the bottom up: what is right, what is not, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skrouter.config.resources.site import Site
from skrouter.mgmt.sites.certificates import expiry_warnings
from skrouter.mgmt.sites.entities import listening_ports
from skrouter.mgmt.sites.explain import explain
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.reconcile import Plan


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Of what is not right, the next step to take."""

    text: str
    is_right: bool = True
    next_step: str = ""


def checkup(plan: Plan, observed: Observed, now: float) -> Iterator[Finding]:
    """Everything that plan and observation say; `now` in seconds since 1970."""
    yield from _router(observed)
    if plan.changes:
        text = f"{len(plan.changes)} changes of the input have no effect yet"
        yield Finding(text, is_right=False, next_step="apply them: skupper system reload")
    else:
        yield Finding("the router is as the input says")
    for resource in plan.resources:
        if observed.running is not None or isinstance(resource, Site):
            yield from _resource(resource.key, plan, observed)
    warnings = tuple(expiry_warnings(observed, now))
    for warning in warnings:
        text, _, step = warning.partition("; ")
        yield Finding(text, is_right=False, next_step=step)
    if not warnings:
        yield Finding(f"{len(observed.issuers)} CAs and {len(observed.credentials)} certificates are good")


def _router(observed: Observed) -> Iterator[Finding]:
    if not observed.started:
        yield Finding("no router is running", is_right=False, next_step="start it: skupper system start")
    elif observed.running is None:
        yield Finding("the router does not answer", is_right=False, next_step="look into its log")
        for port in sorted(observed.taken_ports & listening_ports(observed.config)):
            step = "end that program, or choose another port in a RouterAccess"
            yield Finding(
                f"another program has the port {port} of the router", is_right=False, next_step=step
            )
    else:
        count = len(observed.network.routers) if observed.network is not None else 1
        yield Finding(f"the router answers, and knows {count} in the network")


def _resource(key: tuple[str, str], plan: Plan, observed: Observed) -> Iterator[Finding]:
    status = plan.statuses.get(key)
    name = "/".join(key)
    if status is None:
        return
    if status.status == "Ready":
        yield Finding(f"{name} is ready")
        return
    causes = explain(key, plan, observed)
    text = ": ".join(one.text for one in causes) or f"{name} is {status.status}: {status.message}"
    step = causes[-1].next_step if causes else ""
    yield Finding(
        text, is_right=False, next_step=step or f"see: skupper debug explain {key[0].lower()} {key[1]}"
    )
