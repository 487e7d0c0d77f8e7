"""/metrics: the router's view as Prometheus text. Loaded when the first HTTP listener is there.

Names of skupper-router first, exactly (spec/router-config.md §6, HTTP listener), then ours, which begin with
`skrouter_` (docs/metrics.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry
from skrouter.router.core.address import MOBILE
from skrouter.router.net.generations import SUCCESS

if TYPE_CHECKING:
    from skrouter.cli.view import LiveView
    from skrouter.mgmt.agent.facts import AddressFacts
    from skrouter.router.runtime import Router

MOST_ADDRESSES: Final = 1000
"""Whoever may attach makes addresses, and each has series; `skrouter_addresses_left_out` tells of more."""

_GAUGES: Final = (
    ("qdr_connections_total", "connection_count"),
    ("qdr_links_total", "link_count"),
    ("qdr_addresses_total", "addr_count"),
    ("qdr_routers_total", "node_count"),
)
_COUNTERS: Final = (
    ("qdr_presettled_deliveries", "presettled_deliveries"),
    ("qdr_dropped_presettled_deliveries", "dropped_presettled_deliveries"),
    ("qdr_accepted_deliveries", "accepted_deliveries"),
    ("qdr_released_deliveries", "released_deliveries"),
    ("qdr_rejected_deliveries", "rejected_deliveries"),
    ("qdr_modified_deliveries", "modified_deliveries"),
    ("qdr_deliveries_ingress", "deliveries_ingress"),
    ("qdr_deliveries_egress", "deliveries_egress"),
    ("qdr_deliveries_transit", "deliveries_transit"),
    ("qdr_deliveries_delayed_1sec", "deliveries_delayed1_sec"),
    ("qdr_deliveries_delayed_10sec", "deliveries_delayed10_sec"),
)
_LATER_GAUGES: Final = (
    ("qdr_deliveries_stuck_total", "deliveries_stuck"),
    ("qdr_links_blocked_total", "links_blocked"),
)
_ADDRESS_COUNTERS: Final = (
    ("ingress", "deliveries_ingress", "taken from clients"),
    ("egress", "deliveries_egress", "given to clients"),
    ("transit", "deliveries_transit", "passed on between routers"),
)


class RouterMetrics(Collector):
    """Everything that one router counts; asked anew for each request."""

    def __init__(self, router: Router, view: LiveView) -> None:
        self._router = router
        self._view = view
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def page(self, accept: str) -> tuple[str, bytes]:
        """Content type and text in the format that suits the request's Accept best."""
        encoder, content_type = choose_encoder(accept)
        return content_type, encoder(self._registry)

    def describe(self) -> Iterable[Metric]:
        """No names beforehand: the collection is the only one of its registry."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self._reference()
        yield from self._memory()
        yield from self._process()
        yield from self._ports()
        yield from self._tcp()
        yield from self._addresses()

    # --- the reference's

    def _reference(self) -> Iterator[Metric]:
        facts = self._view.metrics()
        for name, attribute in _GAUGES:
            yield GaugeMetricFamily(name, _words(name), getattr(facts, attribute))
        for name, attribute in _COUNTERS:
            yield CounterMetricFamily(name, _words(name), getattr(facts, attribute))
        for name, attribute in _LATER_GAUGES:
            yield GaugeMetricFamily(name, _words(name), getattr(facts, attribute))
        changed = self._router.last_topology_change
        name = "qdr_last_topology_change_timestamp"
        yield GaugeMetricFamily(name, "Seconds since 1970; 0: never", int(changed or 0))

    def _memory(self) -> Iterator[Metric]:
        pooled = 0
        for row in self._view.memory():
            allocated = row.total_alloc_from_heap - row.total_free_to_heap
            in_use = row.held_by_threads
            octets = allocated * row.type_size
            pooled += octets
            sizes = (("allocated", allocated), ("in_use", in_use), ("cached", allocated - in_use))
            for kind, value in (*sizes, ("bytes", octets)):
                yield GaugeMetricFamily(f"{row.type_name}:{kind}", f"Objects of {row.type_name}", value)
        yield GaugeMetricFamily("qdr_alloc_pool_bytes", "Octets in pools of objects", pooled)

    def _process(self) -> Iterator[Metric]:
        facts = self._view.metrics()
        yield GaugeMetricFamily("qdr_router_vmsize_bytes", "Virtual memory", facts.memory_usage or 0)
        yield GaugeMetricFamily("qdr_router_rss_bytes", "Resident memory", facts.resident_memory_usage or 0)
        for protocol in ("amqp", "http1", "http2", "tcp"):
            name = f"qdr_{protocol}_service_connections"
            count = facts.connection_counters.get(protocol, 0)
            yield GaugeMetricFamily(name, f"Connections of {protocol} services", count)
        about = GaugeMetricFamily("skrouter_info", "What runs", labels=("router", "version"))
        about.add_metric((facts.id, facts.version), 1)
        yield about
        yield GaugeMetricFamily("skrouter_uptime_seconds", "Since the start", facts.uptime_seconds)

    # --- ours

    def _ports(self) -> Iterator[Metric]:
        """AMQP listeners and connectors; what is not connected is there with 0."""
        shell = self._router.shell
        counts: dict[tuple[str, str], int] = {}
        for listener in shell.listeners:
            counts["in", listener.config.name or listener.config.identity] = 0
        for connector in shell.connectors:
            counts["out", connector.config.name or connector.config.identity] = 0
        for facts in shell.open_connections.values():
            key = "in" if facts.incoming else "out", facts.port_name
            counts[key] = counts.get(key, 0) + 1
        family = GaugeMetricFamily(
            "skrouter_connections", "Open AMQP connections of a listener or connector", labels=("dir", "port")
        )
        for labels, count in counts.items():
            family.add_metric(labels, count)
        yield family
        connected = GaugeMetricFamily(
            "skrouter_connector_up", "Whether a connector is connected", labels=("connector",)
        )
        for connector in shell.connectors:
            name = connector.config.name or connector.config.identity
            connected.add_metric((name,), connector.status == SUCCESS)
        yield connected

    def _tcp(self) -> Iterator[Metric]:
        labels = ("kind", "name", "address")
        opened = CounterMetricFamily("skrouter_tcp_connections_opened", "TCP connections", labels=labels)
        closed = CounterMetricFamily(
            "skrouter_tcp_connections_closed", "TCP connections ended", labels=labels
        )
        taken = CounterMetricFamily("skrouter_tcp_received_bytes", "Octets from TCP sockets", labels=labels)
        given = CounterMetricFamily("skrouter_tcp_sent_bytes", "Octets to TCP sockets", labels=labels)
        for kind, rows in (
            ("listener", self._view.tcp_listeners()),
            ("connector", self._view.tcp_connectors()),
        ):
            for row in rows:
                key = (kind, row.name or f"{row.host}:{row.port}", row.address or "")
                opened.add_metric(key, row.connections_opened)
                closed.add_metric(key, row.connections_closed)
                taken.add_metric(key, row.bytes_in)
                given.add_metric(key, row.bytes_out)
        yield from (opened, closed, taken, given)
        ended = CounterMetricFamily(
            "skrouter_tcp_connections_ended", "TCP connections ended, by reason", labels=("reason",)
        )
        for reason, count in self._view.tcp_endings().items():
            ended.add_metric((reason,), count)
        yield ended
        up = GaugeMetricFamily("skrouter_tcp_listener_up", "Whether it is open", labels=("name",))
        for listener in self._view.tcp_listeners():
            up.add_metric(
                (listener.name or f"{listener.host}:{listener.port}",), listener.oper_status == "up"
            )
        yield up
        dropped = self._router.telemetry.rows.records_dropped
        name = "skrouter_flow_records_dropped"
        yield CounterMetricFamily(name, "Connections and requests without a flow record", dropped)

    def _addresses(self) -> Iterator[Metric]:
        rows = [row for row in self._view.addresses() if row.key.startswith(MOBILE)]
        shown = rows[:MOST_ADDRESSES]
        for suffix, attribute, how in _ADDRESS_COUNTERS:
            family = CounterMetricFamily(
                f"skrouter_address_deliveries_{suffix}", f"Deliveries {how}", labels=("address",)
            )
            _add_addresses(family, shown, attribute)
            yield family
        consumers = GaugeMetricFamily(
            "skrouter_address_consumers", "Consumers at this router", labels=("address",)
        )
        _add_addresses(consumers, shown, "subscriber_count")
        yield consumers
        routers = GaugeMetricFamily(
            "skrouter_address_remote_routers", "Other routers with consumers", labels=("address",)
        )
        _add_addresses(routers, shown, "remote_count")
        yield routers
        left = len(rows) - len(shown)
        yield GaugeMetricFamily("skrouter_addresses_left_out", "Addresses without series here", left)


def _add_addresses(
    family: CounterMetricFamily | GaugeMetricFamily, rows: list[AddressFacts], attribute: str
) -> None:
    for row in rows:
        family.add_metric((row.key.removeprefix(MOBILE),), getattr(row, attribute))


def _words(name: str) -> str:
    return name.removeprefix("qdr_").removesuffix("_total").replace("_", " ").capitalize()
