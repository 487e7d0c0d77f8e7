"""Where one router can send a message for an address, and where it would (spec: routing-protocol §5).

The rules are those of `router/forwarder/treatments.pyx`, applied to what management shows.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from skrouter.mgmt.survey.reports import UPLINK_ADDRESS, AddressReport, Row
from skrouter.router.core.connections import DEFAULT_PRIORITY

PROCESS, CONSUMER, PEER, ROUTER, UPLINK = "process", "consumer", "peer", "router", "uplink"
"""Kinds of destinations: in the router itself; a client or service; a router by a link for the address; a
router of the mesh; and what an edge router asks when it knows no other way.
"""

EVERYWHERE = ("multicast", "flood")
"""Treatments that send to all destinations."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One way out of a router.

    `router` is the one that it leads to (kind router: where the consumers are), `next_hop` the neighbor on
    the way. `credit` and `blocked_seconds` (without credit) are those of the link. `proxy`: it leads to
    consumers elsewhere that no mesh tells of. `load` is what `balanced` compares; `full` has no room for more
    before others have. `chosen`: a message would
    go there, or could in its turn; otherwise `reason` says why not.
    """

    kind: str
    name: str
    router: str | None = None
    next_hop: str | None = None
    cost: int | None = None
    connection: str | None = None
    link: str | None = None
    credit: int | None = None
    blocked_seconds: int = 0
    undelivered: int = 0
    unsettled: int = 0
    stuck: int = 0
    proxy: bool = False
    load: int = 0
    full: bool = False
    chosen: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How the message got here: from which router, and at which interior router it entered the mesh."""

    neighbor: str | None = None
    origin: str | None = None


def destinations(report: AddressReport, treatment: str, arrival: Arrival) -> tuple[Destination, ...]:
    """All ways out, those that count marked as chosen."""
    if treatment == "unavailable":
        return ()
    found = [*_process(report), *_consumers(report, arrival), *_remotes(report, arrival)]
    hops = {one.next_hop for one in found}
    uplink = [one for one in _uplink(report, arrival) if one.next_hop not in hops]
    usable = [one for one in found if not one.reason]
    everywhere = treatment in EVERYWHERE
    wanted = usable + uplink if everywhere else _next(treatment, usable) or uplink
    return tuple(_marked(one, wanted, treatment) for one in [*found, *uplink])


def _marked(one: Destination, wanted: list[Destination], treatment: str) -> Destination:
    if one in wanted:
        return replace(one, chosen=True)
    if one.reason:
        return one
    if one.kind == UPLINK:
        return replace(one, reason="there is another way")
    if treatment == "closest":
        return replace(one, reason="farther than others")
    return replace(one, reason="full" if one.full else "more loaded than others")


# --- choosing


def _next(treatment: str, usable: list[Destination]) -> list[Destination]:
    """Those that an anycast message could go to next."""
    if treatment == "closest":
        return _best(usable, _distance)
    # A consumer in the router itself takes no part in balancing.
    return _best([one for one in usable if one.kind != PROCESS], lambda one: (int(one.full), one.load))


def _best(usable: list[Destination], rank: Callable[[Destination], tuple[int, int]]) -> list[Destination]:
    lowest = min(map(rank, usable), default=None)
    return [one for one in usable if rank(one) == lowest]


def _distance(one: Destination) -> tuple[int, int]:
    """As `closest` sees it: in the router, at it, behind a proxy, elsewhere by cost."""
    if one.kind == ROUTER:
        return (3, one.cost or 0)
    if one.kind == PROCESS:
        return (0, 0)
    return (2 if one.proxy else 1, 0)


# --- what there is


def _process(report: AddressReport) -> list[Destination]:
    count = int((report.address or {}).get("inProcess") or 0)
    return [Destination(PROCESS, "this router itself")] if count else []


def _consumers(report: AddressReport, arrival: Arrival) -> list[Destination]:
    """Links out for the address: to clients, and to routers that stand for consumers behind them."""
    return [
        _consumer(report, link, arrival)
        for link in report.links
        if link.get("linkDir") == "out" and link.get("owningAddr") == report.key
    ]


def _consumer(report: AddressReport, link: Row, arrival: Arrival) -> Destination:
    connection = report.router.connection(link.get("connectionId"))
    if connection.get("protocol") == "tcp":
        # It stands for a tcpConnector, which takes every connection and gives no credit.
        return Destination(CONSUMER, "TCP adaptor", connection=str(link.get("connectionId")))
    peer = str(connection.get("container"))
    is_router = connection.get("role") in ("edge", "inter-edge")
    proxy = is_router and report.router.is_edge
    found = _on_link(
        Destination(
            PEER if is_router else CONSUMER,
            peer if is_router else client(connection),
            router=peer if is_router else None,
            next_hop=peer if is_router else None,
            proxy=proxy,
        ),
        link,
    )
    load = found.undelivered + found.unsettled
    return replace(found, reason=_echo(found, arrival), load=load, full=_capacity(link) <= load)


def _capacity(link: Row) -> int:
    """How many deliveries the link takes before others do; a link without it never says so."""
    return int(link.get("capacity") or sys.maxsize)


def _echo(one: Destination, arrival: Arrival) -> str:
    if one.next_hop is not None and one.next_hop == arrival.neighbor:
        return "it came from there"
    if one.proxy and arrival.neighbor is not None:
        return "it came from another router and does not leave to one"
    return ""


def client(connection: Row) -> str:
    """A client's connection for people."""
    host, container = str(connection.get("host", "?")), connection.get("container")
    return f"{host} {container}" if container else host


def _on_link(one: Destination, link: Row) -> Destination:
    return replace(
        one,
        connection=str(link.get("connectionId")),
        link=str(link.get("identity")),
        credit=int(link.get("creditAvailable") or 0),
        blocked_seconds=int(link.get("zeroCreditSeconds") or 0),
        undelivered=int(link.get("undeliveredCount") or 0),
        unsettled=int(link.get("unsettledCount") or 0),
        stuck=int(link.get("deliveriesStuck") or 0),
    )


def _remotes(report: AddressReport, arrival: Arrival) -> list[Destination]:
    """Routers of the mesh that have consumers."""
    row = report.address or {}
    return [_remote(report, str(router_id), row, arrival) for router_id in row.get("remoteHostRouters") or ()]


def _remote(report: AddressReport, router_id: str, row: Row, arrival: Arrival) -> Destination:
    node, hop = report.router.node(router_id), report.router.next_hop(router_id)
    found = Destination(ROUTER, router_id, router=router_id, next_hop=hop)
    if node is None or hop is None:
        return replace(found, reason="there is no way to it")
    cost = int(node["cost"])
    outstanding = _outstanding(report, row, hop)
    origins = node.get("validOrigins") or ()
    passes = arrival.origin in (None, report.router.id) or arrival.origin in origins
    reason = "" if passes else f"messages that enter at {arrival.origin} take another way"
    link = _mesh_link(report, row, hop)
    if link is not None:
        found = replace(_on_link(found, link), full=_capacity(link) <= outstanding)
    return replace(found, cost=cost, load=outstanding + cost, reason=reason)


def _mesh_link(report: AddressReport, row: Row, hop: str) -> Row | None:
    """The link that takes messages of the address's priority to the next hop."""
    given = row.get("priority", -1)
    priority = given if isinstance(given, int) and given >= 0 else DEFAULT_PRIORITY
    for link in report.mesh_links:
        peer = report.router.connection(link.get("connectionId")).get("container")
        if peer == hop and link.get("priority") == priority:
            return link
    return None


def _outstanding(report: AddressReport, row: Row, hop: str) -> int:
    """Unsettled deliveries by way of a neighbor, as its router counts them for balancing."""
    slot = (report.router.node(hop) or {}).get("routerLink")
    counts = row.get("transitOutstanding") or ()
    return int(counts[slot]) if isinstance(slot, int) and slot < len(counts) else 0


def _uplink(report: AddressReport, arrival: Arrival) -> list[Destination]:
    """What an edge router does with what it has no way for itself; never for what a router has sent it."""
    connection = report.router.uplink()
    if connection is None or arrival.neighbor is not None or report.key[:1] in ("L", ""):
        return []
    peer = str(connection.get("container"))
    found = Destination(UPLINK, peer, router=peer, next_hop=peer)
    for link in report.links:
        if link.get("owningAddr") == UPLINK_ADDRESS and link.get("linkDir") == "out":
            return [_on_link(found, link)]
    return [found]
