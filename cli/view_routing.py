"""Rows of links, addresses and known routers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from skrouter.cli.view_numbers import Numbers
from skrouter.cli.view_rows import LazyRows
from skrouter.mgmt.agent.facts import AddressFacts, LinkFacts, NodeFacts
from skrouter.router.core.address import MOBILE
from skrouter.router.core.address_table import Address
from skrouter.router.core.connections import DEFAULT_PRIORITY
from skrouter.router.core.effects import LinkKind, Treatment
from skrouter.router.core.facts import ROLE_INTER_ROUTER, ConnectionFacts
from skrouter.router.core.links import Link
from skrouter.router.forwarder.forwarder import GoneError

if TYPE_CHECKING:
    from skrouter.adaptors.tcp.shell import TcpShell
    from skrouter.router.forwarder.forwarder import LinkCounters
    from skrouter.router.runtime import Router

HELLO_KEY: Final = "Lqdhello"
"""What goes out on control links: the address of neighbors' HELLOs."""

DISPATCH_LINK: Final = "tcp.connector.out"
PLACES: Final = 128
"""Length of the reference's lists, one place for each router or neighbor; longer where there are more."""

_TYPES: Final = {
    LinkKind.CONTROL: "router-control",
    LinkKind.ROUTER: "inter-router",
    LinkKind.EDGE_DOWNLINK: "edge-downlink",
    LinkKind.INTER_EDGE: "inter-edge",
}


@dataclass(frozen=True, slots=True)
class _Identified:
    """A link but for its counters; `connection` is the identity of its connection."""

    name: str
    connection: int
    outgoing: bool
    kind: str
    key: str | None
    priority: int = DEFAULT_PRIORITY


class LinkRows:
    """Makes the rows of links: AMQP links, then those by which tcpConnectors consume.

    `dispatch` gives the identity of the connection that stands for each tcpConnector, by name.
    """

    def __init__(
        self, router: Router, tcp: TcpShell, count: Iterator[int], dispatch: Callable[[], dict[str, int]]
    ) -> None:
        self._router = router
        self._tcp = tcp
        self._dispatch = dispatch
        self._numbers: Numbers[int] = Numbers(count)

    def all(self) -> LazyRows[int, LinkFacts]:
        """Attached links in the order of their appearance."""
        adaptor = self._adaptor_links()
        numbers = self._numbers.of([*self._amqp_links(), *adaptor])
        found = {handle: self._counters(handle) for handle in numbers}
        counters = {handle: counted for handle, counted in found.items() if counted is not None}
        return LazyRows(
            list(counters), lambda handle: self._row(numbers[handle], handle, counters[handle], adaptor)
        )

    def numbers(self) -> dict[int, int]:
        """Their identities, by handle."""
        return self._numbers.of([*self._amqp_links(), *self._adaptor_links()])

    def _amqp_links(self) -> list[int]:
        connections = self._router.core.connections.by_handle
        links = self._router.core.links.by_handle
        return [handle for handle, link in links.items() if link.connection in connections]

    def _row(
        self, number: int, handle: int, counters: LinkCounters, adaptor: Mapping[int, _Identified]
    ) -> LinkFacts:
        histogram = self._router.forwarder.link_histogram(handle)
        link = self._router.core.links.by_handle.get(handle)
        if link is None:
            return _row(number, adaptor[handle], counters, histogram)
        connection = self._router.core.connections.by_handle[link.connection].facts
        return _row(number, _identified(link, connection), counters, histogram)

    def count(self) -> int:
        """How many links there are."""
        return len(self._router.core.links.by_handle) + len(self._adaptor_links())

    def _counters(self, handle: int) -> LinkCounters | None:
        """None: the link is gone, and the event that says so is on its way to the core."""
        try:
            return self._router.forwarder.link_facts(handle)
        except GoneError:
            return None

    def _adaptor_links(self) -> dict[int, _Identified]:
        """Each consumer that is no AMQP link, by handle.

        Connectors of one address have their links in no order that can be known here.
        """
        numbers, known = self._dispatch(), self._router.core.links.by_handle
        places: dict[str, list[int]] = {}
        for facts in self._tcp.connectors():
            name = facts.config.name or facts.config.identity
            places.setdefault(self._key(facts.config.address), []).append(numbers[name])
        found: dict[int, _Identified] = {}
        for key, connections in places.items():
            address = self._router.core.table.addresses.get(key)
            handles = sorted(address.consumers - known.keys()) if address is not None else []
            for handle, number in zip(handles, connections, strict=False):
                found[handle] = _Identified(DISPATCH_LINK, number, True, "endpoint", key)
        return found

    def _key(self, address: str) -> str:
        tenant = self._router.config.network.tenant_id
        return f"{MOBILE}{address}" if tenant is None else f"{MOBILE}{tenant}/{address}"


def _identified(link: Link, connection: ConnectionFacts) -> _Identified:
    kind = _TYPES.get(link.kind, "endpoint")
    if link.kind is LinkKind.STREAMING and connection.role == ROLE_INTER_ROUTER:
        kind = "inter-router"
    key = HELLO_KEY if link.kind is LinkKind.CONTROL and link.outgoing else link.key
    return _Identified(link.name, connection.number, link.outgoing, kind, key, link.priority)


def _row(
    number: int, link: _Identified, counters: LinkCounters, histogram: tuple[int, ...] | None
) -> LinkFacts:
    return LinkFacts(
        identity=number,
        link_name=link.name,
        connection_id=link.connection,
        link_dir="out" if link.outgoing else "in",
        link_type=link.kind,
        owning_addr=link.key,
        capacity=counters[0],
        undelivered_count=counters[1],
        unsettled_count=counters[2],
        delivery_count=counters[3],
        presettled_count=counters[4],
        dropped_presettled_count=counters[5],
        accepted_count=counters[6],
        rejected_count=counters[7],
        released_count=counters[8],
        modified_count=counters[9],
        deliveries_delayed1_sec=counters[10],
        deliveries_delayed10_sec=counters[11],
        deliveries_stuck=counters[15],
        open_moved_streams=counters[12],
        ingress_histogram=None if histogram is None else _padded(histogram),
        priority=link.priority,
        settle_rate=counters[16],
        credit_available=max(counters[13], 0),
        zero_credit_seconds=int(counters[14]),
    )


class AddressRows:
    """Makes the rows of addresses: the core's, then those that native code has made for itself."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def all(self) -> LazyRows[str, AddressFacts]:
        """The core's in the order of their making, the others by key."""
        addresses = self._router.core.table.addresses
        others = set(self._router.forwarder.native_keys()) - addresses.keys()
        known = [*addresses, *sorted(others)]
        return LazyRows(known, self._of, lambda key: key if key in addresses or key in others else None)

    def _of(self, key: str) -> AddressFacts:
        address = self._router.core.table.addresses.get(key)
        if address is None:
            # a TCP connection's reply address: it has its one consumer for as long as it exists
            return AddressFacts(key, "closest", subscriber_count=1)
        return self._row(address)

    def count(self) -> int:
        """How many there are."""
        return len(self._router.core.table.addresses.keys() | set(self._router.forwarder.native_keys()))

    def _row(self, address: Address) -> AddressFacts:
        entry = self._router.execution.entries[address.key]
        counters = self._router.forwarder.entry_facts(entry)
        ingress, egress, transit, to_process, from_process, outstanding = counters[:6]
        known = self._router.core.routers
        tracked = address.treatment is Treatment.BALANCED and bool(address.remotes)
        neighbors = len(self._router.core.connections.neighbors) if address.key == HELLO_KEY else 0
        return AddressFacts(
            key=address.key,
            distribution=address.treatment.name.lower(),
            in_process=address.endpoints,
            subscriber_count=len(address.consumers) + len(address.proxies) + neighbors,
            remote_count=len(address.remotes),
            remote_host_routers=tuple(sorted(known[index] for index in address.remotes if index in known)),
            deliveries_ingress=ingress,
            deliveries_egress=egress,
            deliveries_transit=transit,
            deliveries_to_container=to_process,
            deliveries_from_container=from_process,
            deliveries_ingress_route_container=counters[7],
            deliveries_egress_route_container=counters[8],
            deliveries_ingress_inter_network=counters[9],
            deliveries_egress_inter_network=counters[10],
            transit_outstanding=_padded(outstanding) if tracked else None,
            tracked_deliveries=sum(outstanding) if tracked else 0,
            priority=address.priority,
            watch=address.watches > 0,
        )


def _padded(counts: Sequence[int]) -> tuple[int, ...]:
    return (*counts, *(0 for _ in range(PLACES - len(counts))))


def node_rows(router: Router) -> Iterator[NodeFacts]:
    """Known interior routers, this one first; nothing where no routing protocol runs."""
    changed = router.last_topology_change
    for row in router.mesh.nodes() if router.mesh is not None else ():
        yield NodeFacts(
            id=row.router_id,
            index=row.index,
            instance=row.instance,
            next_hop=row.next_hop,
            protocol_version=row.protocol_version,
            link_state=row.link_state,
            valid_origins=row.valid_origins,
            router_link=row.router_link,
            cost=row.cost,
            last_topo_change=int(changed) if row.index == 0 and changed is not None else None,
        )


def totals(metrics: Mapping[str, int]) -> dict[str, int]:
    """The forwarder's counters under the names of MetricsFacts."""
    return {fact: metrics[name] for fact, name in _TOTALS.items()}


_SAME: Final = (
    *("presettled_deliveries", "dropped_presettled_deliveries", "accepted_deliveries", "rejected_deliveries"),
    *("released_deliveries", "modified_deliveries", "deliveries_stuck", "links_blocked"),
    *("deliveries_ingress", "deliveries_egress", "deliveries_transit"),
    *("deliveries_ingress_route_container", "deliveries_egress_route_container"),
    *("deliveries_ingress_inter_network", "deliveries_egress_inter_network"),
)
_TOTALS: Final = {
    **{name: name for name in _SAME},
    "deliveries_delayed1_sec": "deliveries_delayed_1s",
    "deliveries_delayed10_sec": "deliveries_delayed_10s",
}
