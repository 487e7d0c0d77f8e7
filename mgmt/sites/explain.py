"""Why something is not ready: the chain of causes, from the outside in, and the next step to take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from skrouter.config.resources.access_grant import AccessGrant
from skrouter.config.resources.common import CustomResource
from skrouter.config.resources.connector import Connector
from skrouter.config.resources.link import Link
from skrouter.config.resources.listener import Listener
from skrouter.config.resources.multi_key_listener import MultiKeyListener
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.network import ListenerView, Network
from skrouter.mgmt.sites.parts import Key
from skrouter.mgmt.sites.reconcile import Plan


@dataclass(frozen=True, slots=True)
class Cause:
    """One step of the chain: what is seen, and what to do about it if it is the last."""

    text: str
    next_step: str


def explain(key: Key, plan: Plan, observed: Observed) -> tuple[Cause, ...]:
    """The causes, the deepest last; empty if the resource is ready."""
    resource = next((one for one in plan.resources if one.key == key), None)
    if resource is None:
        kind, name = key
        return (Cause(f"there is no {kind} {name}", _known(kind, plan)),)
    status = plan.statuses.get(key)
    if status is None or status.status == "Ready":
        return ()
    first = Cause(f"{resource.describe()} is {status.status}: {status.message}", "")
    return _chain(
        first, [*_configuration(resource, plan), *_router(observed), *_service(resource, plan, observed)]
    )


def _chain(first: Cause, found: list[Cause]) -> tuple[Cause, ...]:
    """Up to the first cause that can be acted on: what follows from it needs no mention."""
    for number, cause in enumerate(found):
        if cause.next_step:
            return (first, *found[: number + 1])
    return (Cause(first.text, "look into the log of the router"), *found)


def _known(kind: str, plan: Plan) -> str:
    names = sorted(one.name for one in plan.resources if one.KIND.name == kind)
    return f"there are: {', '.join(names)}" if names else f"create the {kind}"


def _configuration(resource: CustomResource, plan: Plan) -> Iterator[Cause]:
    configured = plan.statuses[resource.key].condition("Configured")
    if configured is not None and configured.status != "True":
        yield Cause(
            f"it cannot be configured: {configured.message}", "correct this in the resource, or provide it"
        )


def _router(observed: Observed) -> Iterator[Cause]:
    if not observed.started:
        yield Cause("the site has no router running", "start it: skupper system start")
    elif observed.running is None:
        yield Cause("the router does not answer", "look into its log; it is started again by itself")


def _grant(resource: AccessGrant, observed: Observed) -> Iterator[Cause]:
    step = (
        f"start skupper-controller, or issue a token of it: skupper token issue FILE --grant {resource.name}"
    )
    if observed.grant_server is None:
        yield Cause("no server redeems grants on this machine", step)


def _service(resource: CustomResource, plan: Plan, observed: Observed) -> Iterator[Cause]:
    network = observed.network
    if isinstance(resource, AccessGrant):
        yield from _grant(resource, observed)
    if network is None:
        return
    match resource:
        case Listener():
            yield from _listener(f"listener/{resource.name}", [resource.spec.routing_key], plan, network)
        case MultiKeyListener():
            keys = list(resource.spec.strategy.values()) if resource.spec.strategy else []
            yield from _listener(f"multiAddress/{resource.name}", keys, plan, network)
        case Connector():
            yield from _connector(resource, network)
        case Link():
            yield from _link(resource, network)


def _listener(name: str, keys: list[str], plan: Plan, network: Network) -> Iterator[Cause]:
    own: list[ListenerView] = [one for one in network.own.listeners if one.name == name]
    if not own:
        yield Cause(
            f"the router has no tcpListener {name} yet", "wait for the controller, or reload the site"
        )
        return
    if not any(key in network.connected_keys for key in keys):
        wanted = ", ".join(repr(key) for key in keys)
        yield Cause(f"no connector of {_sites(network)} has the routing key {wanted}", "")
        close = [one for key in keys for one in get_close_matches(key, sorted(network.connected_keys), 1)]
        if close:
            yield Cause(f"there is one for {close[0]!r}", "use the same routing key on both sides")
        yield from _links_down(plan)
        step = f"create a connector with this key at a site: skupper connector create {keys[0]} PORT"
        yield Cause("all links are up, and no connector is known", step)
    elif not any(one.is_open for one in own):
        yield Cause(f"the router cannot listen: {own[0].detail}", "choose another host or port")


def _connector(resource: Connector, network: Network) -> Iterator[Cause]:
    key = resource.spec.routing_key
    if key not in network.listened_keys:
        yield Cause(f"no listener of {_sites(network)} has the routing key {key!r}", "")
        close = get_close_matches(key, sorted(network.listened_keys), 1)
        if close:
            yield Cause(f"there is one for {close[0]!r}", "use the same routing key on both sides")
        step = f"create a listener with this key at a site: skupper listener create {key} PORT"
        yield Cause("nobody asks for it yet", step)


def _link(resource: Link, network: Network) -> Iterator[Cause]:
    view = network.link(resource.name)
    if view is None:
        yield Cause("the router has no connector for it yet", "wait for the controller, or reload the site")
    elif not view.operational:
        yield Cause(view.detail or "the router has not connected yet", _advice(view.detail))


def _advice(detail: str) -> str:
    """What to do about the words of a router that cannot connect."""
    words = detail.lower()
    if "certificate" in words or "tls" in words or "ssl" in words:
        return "get a new link or token from the remote site: its CA is another, or its certificate has ended"
    if "refused" in words:
        return "check that the remote site runs with link access, and host and port of the link"
    if "resol" in words or "getaddrinfo" in words or "name or service" in words:
        return "check the host of the link: its name cannot be resolved here"
    return "check that host and port of the link can be reached from here"


def _links_down(plan: Plan) -> Iterator[Cause]:
    down = sorted(one.name for one in plan.resources if isinstance(one, Link) and not _is_up(one, plan))
    if down:
        yield Cause(f"links are down: {', '.join(down)}", f"see: skupper debug explain link {down[0]}")


def _is_up(link: Link, plan: Plan) -> bool:
    status = plan.statuses.get(link.key)
    return status is not None and status.status == "Ready"


def _sites(network: Network) -> str:
    names = [one.name for one in network.records()]
    return f"the site {names[0]}" if len(names) == 1 else f"the {len(names)} sites {', '.join(names)}"
