"""What management shows of the running router: every fact is looked up when it is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from skrouter.cli import view_process
from skrouter.cli.view_connections import ConnectionRows
from skrouter.cli.view_numbers import Numbers
from skrouter.cli.view_routing import AddressRows, LinkRows, node_rows, totals
from skrouter.config.model import Typed
from skrouter.mgmt.agent.view import (
    AddressConfigFacts,
    AddressFacts,
    AutoLinkFacts,
    ConnectionFacts,
    ConnectorFacts,
    LinkFacts,
    ListenerAddressFacts,
    ListenerFacts,
    LogEntry,
    LogFacts,
    LogStatsFacts,
    MemoryFacts,
    MetricsFacts,
    NetworkFacts,
    NodeFacts,
    PolicyFacts,
    ProxyProfileFacts,
    RouterFacts,
    SiteFacts,
    SslProfileFacts,
    TcpConnectionFacts,
    TcpConnectorFacts,
    TcpListenerFacts,
    VhostFacts,
    VhostStatsFacts,
    facts_from,
)
from skrouter.router.net import clock

if TYPE_CHECKING:
    from skrouter.adaptors.tcp.shell import TcpShell
    from skrouter.router.runtime import Router

Facts = TypeVar("Facts")


def _configured(kind: type[Facts], config: Typed, **observed: Any) -> Facts:
    """The facts of an entity as it was written, with what running adds."""
    return facts_from(kind, config.entity.attributes, **observed)


class LiveView:
    """`RouterView` of a router and its TCP adaptor. Only reads.

    Configuration is read from `router.config` where nothing that runs holds it. Links, addresses of the
    configuration and auto-links share one row of numbers, which begins with the configuration.
    """

    def __init__(self, router: Router, tcp: TcpShell) -> None:
        self._router = router
        self._tcp = tcp
        count = itertools.count(1)
        self._address_numbers: Numbers[str] = Numbers(count)
        self._auto_link_numbers: Numbers[str] = Numbers(count)
        self._connections = ConnectionRows(router, tcp, clock.monotonic)
        self._links = LinkRows(router, tcp, count, self._connections.dispatch_numbers)
        self._addresses = AddressRows(router)
        self._number_configuration()

    def _number_configuration(self) -> tuple[dict[str, int], dict[str, int]]:
        config = self._router.config
        return (
            self._address_numbers.of(one.identity for one in config.addresses),
            self._auto_link_numbers.of(one.identity for one in config.auto_links),
        )

    # --- the router

    def router(self) -> RouterFacts:
        """The router entity."""
        version, host = self._router.identity.version, view_process.host_name()
        return _configured(RouterFacts, self._router.config.router, version=version, host_name=host)

    def network(self) -> NetworkFacts:
        """The network entity."""
        return _configured(NetworkFacts, self._router.config.network)

    def policy(self) -> PolicyFacts:
        """The policy entity; of its counters only the incoming connections of now are known."""
        incoming = sum(facts.incoming for facts in self._router.shell.open_connections.values())
        return _configured(PolicyFacts, self._router.config.policy, connections_current=incoming)

    def metrics(self) -> MetricsFacts:
        """The router's totals."""
        router = self._router
        virtual, resident = view_process.memory_use()
        return MetricsFacts(
            id=router.config.router.id,
            version=router.identity.version,
            addr_count=self._addresses.count(),
            link_count=self._links.count(),
            node_count=0 if router.mesh is None else len(router.mesh.nodes()) - 1,
            auto_link_count=len(router.config.auto_links),
            connection_count=self._connections.count(),
            links_blocked=self._links.blocked(),
            uptime_seconds=int(clock.monotonic() - router.started),
            memory_usage=virtual,
            resident_memory_usage=resident,
            connection_counters=self._connections.by_protocol(),
            **totals(router.forwarder.metrics()),
        )

    # --- configuration

    def sites(self) -> Iterable[SiteFacts]:
        """The configured site, if there is one."""
        site = self._router.config.site
        return [] if site is None else [_configured(SiteFacts, site)]

    def ssl_profiles(self) -> Iterable[SslProfileFacts]:
        """Configured TLS profiles."""
        return [_configured(SslProfileFacts, one) for one in self._router.config.ssl_profiles.values()]

    def proxy_profiles(self) -> Iterable[ProxyProfileFacts]:
        """Configured HTTP proxies."""
        return [_configured(ProxyProfileFacts, one) for one in self._router.config.proxy_profiles.values()]

    def listeners(self) -> Iterable[ListenerFacts]:
        """Open AMQP listeners."""
        return [_configured(ListenerFacts, one.config) for one in self._router.shell.listeners]

    def connectors(self) -> Iterable[ConnectorFacts]:
        """AMQP connectors with the status of their connections."""
        for connector in self._router.shell.connectors:
            status = connector.report()
            yield _configured(
                ConnectorFacts,
                connector.config,
                connection_status=status.connection_status,
                connection_msg=status.connection_msg,
                failover_urls=status.failover_urls,
            )

    def tcp_listeners(self) -> Iterable[TcpListenerFacts]:
        """TCP listeners."""
        for one in self._tcp.listeners():
            yield _configured(
                TcpListenerFacts,
                one.config,
                oper_status="up" if one.is_up else "down",
                connection_msg=one.message,
                **_traffic(one.connections_opened, one.connections_closed, one.bytes_in, one.bytes_out),
            )

    def tcp_connectors(self) -> Iterable[TcpConnectorFacts]:
        """TCP connectors; the connection that stands for each is counted as opened."""
        self._connections.dispatch_numbers()  # the age of a new one begins now
        for one in self._tcp.connectors():
            traffic = _traffic(
                one.connections_opened + 1, one.connections_closed, one.bytes_in, one.bytes_out
            )
            yield _configured(TcpConnectorFacts, one.config, **traffic)

    def listener_addresses(self) -> Iterable[ListenerAddressFacts]:
        """Addresses of multi-address TCP listeners."""
        return [
            _configured(ListenerAddressFacts, one.config, connections_opened=one.connections_opened)
            for one in self._tcp.listener_addresses()
        ]

    def address_configs(self) -> Iterable[AddressConfigFacts]:
        """Address prefixes and patterns."""
        numbers, _ = self._number_configuration()
        return [
            _configured(AddressConfigFacts, one, identity=numbers[one.identity], name=one.name)
            for one in self._router.config.addresses
        ]

    def auto_links(self) -> Iterable[AutoLinkFacts]:
        """Auto-links as configured."""
        _, numbers = self._number_configuration()
        return [
            _configured(AutoLinkFacts, one, identity=numbers[one.identity], name=one.name)
            for one in self._router.config.auto_links
        ]

    def vhosts(self) -> Iterable[VhostFacts]:
        """Configured vhosts."""
        return [_configured(VhostFacts, one) for one in self._router.config.vhosts]

    def vhost_stats(self) -> Iterable[VhostStatsFacts]:
        """Nothing is counted by vhost yet."""
        return []

    # --- the log

    def logs(self) -> Iterable[LogFacts]:
        """Settings of every log module."""
        return [
            _configured(
                LogFacts, one, include_timestamp=one.include_timestamp, include_source=one.include_source
            )
            for one in self._router.log.configs
        ]

    def log_stats(self) -> Iterable[LogStatsFacts]:
        """Event counts of every log module."""
        log = self._router.log
        for config in log.configs:
            counts = {f"{level}_count": count for level, count in log.counts(config.module).items()}
            yield LogStatsFacts(config.module, **counts)

    def log_entries(self, limit: int) -> Iterable[LogEntry]:
        """The newest `limit` entries that are kept, oldest first."""
        entries = self._router.log.entries
        for one in itertools.islice(entries, max(len(entries) - limit, 0), None):
            yield LogEntry(one.module, one.level, one.text, one.file or None, one.line or None, int(one.time))

    # --- operation

    def connections(self) -> Iterator[ConnectionFacts]:
        """Open connections, AMQP and TCP."""
        return self._connections.all()

    def links(self) -> Iterator[LinkFacts]:
        """Attached links."""
        return self._links.all()

    def addresses(self) -> Iterator[AddressFacts]:
        """The address table."""
        return self._addresses.all()

    def nodes(self) -> Iterator[NodeFacts]:
        """Known interior routers, this one first."""
        return node_rows(self._router)

    def tcp_connections(self) -> Iterable[TcpConnectionFacts]:
        """None: they are shown as connections, as in the reference."""
        return []

    def memory(self) -> Iterable[MemoryFacts]:
        """No pools: the engine does not tell the sizes of its objects."""
        return []

    # --- for whoever carries out changes

    def amqp_connection(self, identity: int) -> int | None:
        """The handle of the AMQP connection with this identity."""
        return self._connections.amqp_handle(identity)

    def tcp_connection(self, identity: int) -> int | None:
        """The handle of the TCP connection that was shown with this identity."""
        return self._connections.tcp_handle(identity)


def _traffic(opened: int, closed: int, octets_in: int, octets_out: int) -> dict[str, int]:
    return {
        "connections_opened": opened,
        "connections_closed": closed,
        "bytes_in": octets_in,
        "bytes_out": octets_out,
    }
