"""Why a message for an address goes where it goes, or nowhere: each router on the way, from the first."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches

from skrouter.config.patterns import PatternTable, prefix_pattern
from skrouter.mgmt.survey.destinations import (
    CONSUMER,
    PEER,
    PROCESS,
    ROUTER,
    Arrival,
    Destination,
    client,
    destinations,
)
from skrouter.mgmt.survey.permissions import Permissions, permissions
from skrouter.mgmt.survey.reports import AddressReport, Row, Target
from skrouter.router.core.address_table import AddressRule, AddressTable
from skrouter.router.core.effects import Treatment

MOBILE = "M"

Fetch = Callable[[Target | None], AddressReport | None]
"""The report of a router, None for the first; None if it does not answer."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A link by which messages for the address come in; `credit` is what we have given it."""

    name: str
    connection: str
    link: str
    credit: int
    is_router: bool = False


@dataclass(frozen=True, slots=True)
class Hop:
    """One router on the way.

    `rule` says where the treatment comes from; `priority` is None for that of each message. `watched` and
    `deliveries` (in, out, through) are None where the router does not know the address.
    """

    router: str
    mode: str
    key: str
    treatment: str
    rule: str
    arrival: Arrival = field(default_factory=Arrival)
    priority: int | None = None
    watched: bool | None = None
    deliveries: tuple[int, int, int] | None = None
    senders: tuple[Sender, ...] = ()
    destinations: tuple[Destination, ...] = ()
    services: tuple[str, ...] = ()
    permissions: Permissions = field(default_factory=Permissions)
    notes: tuple[str, ...] = ()

    @property
    def chosen(self) -> tuple[Destination, ...]:
        """Where it would go from here."""
        return tuple(one for one in self.destinations if one.chosen)


@dataclass(frozen=True, slots=True)
class Explanation:
    """All hops, the first router's first. `similar` are addresses that may have been meant."""

    address: str
    start: str
    hops: tuple[Hop, ...]
    verdict: str
    arrives: bool
    similar: tuple[str, ...] = ()


@dataclass(slots=True)
class _Walk:
    """Hops as they are found; a router is looked at once, the first way that leads to it counts."""

    address: str
    fetch: Fetch
    hops: list[Hop] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    def run(self) -> None:
        waiting: deque[tuple[Target | None, Arrival]] = deque([(None, Arrival())])
        seen: set[str] = set()
        while waiting:
            target, arrival = waiting.popleft()
            if target is not None and target.id in seen:
                continue
            report = self.fetch(target)
            if target is not None:
                seen.add(target.id)
            if report is not None:
                seen.add(report.router.id)
                self.hops.append(_hop(report, arrival))
                waiting.extend(_onward(report, self.hops[-1]))
            elif target is not None:
                self.silent.append(target.id)


def explain(address: str, fetch: Fetch, known: Callable[[], Iterable[str]]) -> Explanation:
    """The way of a message that is sent to the first router; `known`: keys of addresses that it knows."""
    walk = _Walk(address, fetch)
    walk.run()
    arrivals = [one for hop in walk.hops for one in hop.chosen if one.kind in (CONSUMER, PROCESS)]
    first = walk.hops[0]
    verdict = _verdict(walk, arrivals)
    similar = () if arrivals or first.treatment == "unavailable" else _similar(first.key, known())
    return Explanation(address, first.router, tuple(walk.hops), verdict, bool(arrivals), similar)


# --- one router


def _hop(report: AddressReport, arrival: Arrival) -> Hop:
    row = report.address
    treatment, rule, priority, notes = _treatment(report)
    found = destinations(report, treatment, arrival)
    return Hop(
        report.router.id,
        report.router.mode,
        report.key,
        treatment,
        rule,
        arrival=arrival,
        priority=priority,
        watched=None if row is None else bool(row.get("watch")),
        deliveries=None if row is None else _deliveries(row),
        senders=tuple(_senders(report)),
        destinations=found,
        services=tuple(_service(one) for one in report.services),
        permissions=permissions(report),
        notes=(*notes, *_notes(report, found)),
    )


def _deliveries(row: Row) -> tuple[int, int, int]:
    into, out, through = (int(row.get(f"deliveries{kind}") or 0) for kind in ("Ingress", "Egress", "Transit"))
    return into, out, through


def _treatment(report: AddressReport) -> tuple[str, str, int | None, list[str]]:
    """Treatment, where it comes from, priority, and what is odd about it."""
    row, rule = report.address, _rule(report)
    configured = _configured(report, rule)
    treatment, priority = configured.treatment.name.lower(), configured.priority
    if row is not None:
        treatment, priority = str(row.get("distribution")), int(row.get("priority", -1))
    source, notes = "default" if rule is None else _rule_text(rule), []
    if report.key[:1] != MOBILE:
        source = "fixed"
    elif treatment != configured.treatment.name.lower():
        if rule is not None:
            wanted = configured.treatment.name.lower()
            notes = [f"{source} says {wanted}, which counts once the address has been forgotten"]
        source = "the router's own" if row and row.get("inProcess") else "as when it became known"
    return treatment, source, None if priority < 0 else priority, notes


def _configured(report: AddressReport, rule: Row | None) -> AddressRule:
    """What the router would do with the address if it came to be known now."""
    found = None
    if rule is not None:
        found = AddressRule(Treatment[str(rule.get("distribution")).upper()], int(rule.get("priority", -1)))
    default = Treatment[report.default_distribution.upper()]
    return AddressTable(lambda _: found, default).treatment_of(report.key or MOBILE)


def _rule(report: AddressReport) -> Row | None:
    table: PatternTable[Row] = PatternTable()
    for row in report.rules:
        pattern = row.get("pattern") or prefix_pattern(str(row.get("prefix")))
        if pattern is not None:
            table.add(str(pattern), row)
    return table.match(report.key[1:]) if report.key[:1] == MOBILE else None


def _rule_text(rule: Row) -> str:
    return f"pattern {rule['pattern']}" if rule.get("pattern") else f"prefix {rule.get('prefix')}"


def _senders(report: AddressReport) -> Iterator[Sender]:
    for link in report.links:
        if link.get("linkDir") == "in" and link.get("owningAddr") == report.key:
            connection = report.router.connection(link.get("connectionId"))
            is_router = connection.get("role") in ("edge", "inter-edge")
            name = f"router {connection.get('container')}" if is_router else client(connection)
            credit = int(link.get("creditAvailable") or 0)
            yield Sender(name, str(link.get("connectionId")), str(link.get("identity")), credit, is_router)


def _service(row: Row) -> str:
    """An entity that uses the address."""
    kind, name = str(row.get("type")).rpartition(".")[2], row.get("name") or row.get("identity")
    place = f" {row['host']}:{row['port']}" if "port" in row else ""
    status = f", {row['operStatus']}" if row.get("operStatus") else ""
    error = f": {row['lastError']}" if row.get("lastError") else ""
    direction = f" {row['direction']}" if row.get("direction") else ""
    return f"{kind}{direction} {name}{place}{status}{error}"


def _notes(report: AddressReport, found: tuple[Destination, ...]) -> Iterator[str]:
    chosen = [one for one in found if one.chosen]
    for one in chosen:
        if one.kind == CONSUMER and one.credit == 0:
            yield f"connection {one.connection} gives no credit since {one.blocked_seconds} s: messages wait"
        if one.stuck:
            yield f"connection {one.connection} has {one.stuck} deliveries that are not settled for long"
    allowed = permissions(report)
    if allowed.senders == ():
        yield "the policy lets nobody send to it"
    if allowed.receivers == ():
        yield "the policy lets nobody receive from it"


# --- from router to router


def _onward(report: AddressReport, hop: Hop) -> Iterator[tuple[Target, Arrival]]:
    """The routers that the message passes next."""
    origin = hop.arrival.origin or (None if report.router.is_edge else report.router.id)
    arrival = Arrival(report.router.id, origin)
    roles = {str(row.get("container")): row for row in report.router.router_connections()}
    for one in hop.chosen:
        if one.next_hop is None:
            continue
        role = roles.get(one.next_hop, {}).get("role")
        is_edge = role == "inter-edge" or (role == "edge" and not report.router.is_edge)
        yield Target(one.next_hop, is_edge), arrival


def _verdict(walk: _Walk, arrivals: list[Destination]) -> str:
    first = walk.hops[0]
    if not first.key:
        return "nowhere: this is no address"
    if first.treatment == "unavailable":
        return "nowhere: the address is unavailable; links are refused, messages rejected"
    if arrivals:
        return _where(walk, arrivals)
    if walk.silent:
        return f"unknown: {', '.join(walk.silent)} on the way does not answer"
    blocked = [one for hop in walk.hops for one in hop.destinations if one.reason]
    if any(one.kind in (CONSUMER, PEER, ROUTER) for one in blocked):
        return "nowhere: there are consumers, but no way to them"
    return "nowhere: nobody consumes; senders have no credit, messages without a link are released"


def _where(walk: _Walk, arrivals: list[Destination]) -> str:
    treatment = walk.hops[0].treatment
    count = len(arrivals)
    what = "1 consumer" if count == 1 else f"{count} consumers"
    how = "each of " if count > 1 and treatment in ("multicast", "flood") else "one of " if count > 1 else ""
    ways = [hop.router for hop in walk.hops if any(one in arrivals for one in hop.chosen)]
    return f"{how}{what} at {', '.join(dict.fromkeys(ways))}"


def _similar(key: str, known: Iterable[str]) -> tuple[str, ...]:
    return tuple(get_close_matches(key[1:], [one[1:] for one in known if one[:1] == MOBILE], 3, 0.75))
