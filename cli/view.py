"""What management shows of the running router: every fact is looked up when it is asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from skrouter.cli import view_process
from skrouter.cli.view_connections import ConnectionRows
from skrouter.cli.view_numbers import Numbers
from skrouter.cli.view_routing import AddressRows, LinkRows, node_rows, totals
from skrouter.cli.view_settled import SettledView, configured
from skrouter.mgmt.agent.view import (
    AddressConfigFacts,
    AddressFacts,
    AutoLinkFacts,
    ConnectionFacts,
    LinkFacts,
    ListenerAddressFacts,
    MemoryFacts,
    MetricsFacts,
    NodeFacts,
    PolicyFacts,
    TcpConnectionFacts,
    TcpConnectorFacts,
    TcpListenerFacts,
)
from skrouter.router.net import clock

if TYPE_CHECKING:
    from skrouter.adaptors.tcp.shell import TcpShell
    from skrouter.router.runtime import Router


class LiveView(SettledView):
    """`RouterView` of a router and its TCP adaptor. Only reads.

    Configuration is read from `router.config` where nothing that runs holds it. Links, addresses of the
    configuration and auto-links share one row of numbers, which begins with the configuration.
    """

    def __init__(self, router: Router, tcp: TcpShell) -> None:
        super().__init__(router)
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

    def policy(self) -> PolicyFacts:
        """The policy entity with its counters."""
        totals = self._router.policy.rules.totals
        return configured(
            PolicyFacts,
            self._router.config.policy,
            connections_processed=totals.processed,
            connections_denied=totals.denied,
            connections_current=totals.current,
            links_denied=totals.links_denied,
            max_message_size_denied=totals.sizes_denied,
            total_denials=totals.denials,
        )

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
            uptime_seconds=int(clock.monotonic() - router.started),
            memory_usage=virtual,
            resident_memory_usage=resident,
            connection_counters=self._connections.by_protocol(),
            **totals(router.forwarder.metrics()),
        )

    # --- configuration

    def tcp_listeners(self) -> Iterable[TcpListenerFacts]:
        """TCP listeners."""
        for one in self._tcp.listeners():
            yield configured(
                TcpListenerFacts,
                one.config,
                oper_status="up" if one.is_up else "down",
                connection_msg=one.message,
                **_traffic(one.connections_opened, one.connections_closed, one.bytes_in, one.bytes_out),
            )

    def tcp_endings(self) -> dict[str, int]:
        """TCP connections that have ended, by reason."""
        return self._tcp.endings()

    def tcp_connectors(self) -> Iterable[TcpConnectorFacts]:
        """TCP connectors; the bridge counts the connection that stands for each as opened."""
        self._connections.dispatch_numbers()  # the age of a new one begins now
        for one in self._tcp.connectors():
            traffic = _traffic(one.connections_opened, one.connections_closed, one.bytes_in, one.bytes_out)
            yield configured(TcpConnectorFacts, one.config, **traffic)

    def listener_addresses(self) -> Iterable[ListenerAddressFacts]:
        """Addresses of multi-address TCP listeners."""
        return [
            configured(ListenerAddressFacts, one.config, connections_opened=one.connections_opened)
            for one in self._tcp.listener_addresses()
        ]

    def address_configs(self) -> Iterable[AddressConfigFacts]:
        """Address prefixes and patterns."""
        numbers, _ = self._number_configuration()
        return [
            configured(AddressConfigFacts, one, identity=numbers[one.identity], name=one.name)
            for one in self._router.config.addresses
        ]

    def auto_links(self) -> Iterator[AutoLinkFacts]:
        """Auto-links and how they are doing."""
        _, numbers = self._number_configuration()
        links = self._links.numbers()
        for one in self._router.config.auto_links:
            status = self._router.core.auto_links.status(one.identity)
            number = None if status.link is None else links.get(status.link)
            yield configured(
                AutoLinkFacts,
                one,
                identity=numbers[one.identity],
                name=one.name,
                link_ref=None if number is None else str(number),
                oper_status=str(status.state),
                last_error=status.last_error or None,
            )

    # --- operation

    def connections(self) -> Iterator[ConnectionFacts]:
        """Open connections, AMQP and TCP."""
        return self._connections.all()

    def links(self) -> Iterable[LinkFacts]:
        """Attached links."""
        return self._links.all()

    def link_number(self, handle: int) -> int:
        """The identity of a link; 0 for one that is not there."""
        return self._links.numbers().get(handle, 0)

    def addresses(self) -> Iterable[AddressFacts]:
        """The address table."""
        return self._addresses.all()

    def nodes(self) -> Iterator[NodeFacts]:
        """Known interior routers, this one first."""
        return node_rows(self._router)

    def tcp_connections(self) -> Iterable[TcpConnectionFacts]:
        """None: they are shown as connections, as in the reference."""
        return []

    def memory(self) -> Iterable[MemoryFacts]:
        """Objects of the data plane. One thread has them all: nothing moves between lists, or in batches."""
        for name, size, kept, made, freed, in_use in self._router.forwarder.memory():
            yield MemoryFacts(
                name,
                size,
                transfer_batch_size=1,
                local_free_list_max=kept,
                global_free_list_max=0,
                total_alloc_from_heap=made,
                total_free_to_heap=freed,
                held_by_threads=in_use,
            )

    # --- for whoever carries out changes

    def configured_identity(self, number: int) -> str | None:
        """What the configuration calls the address or auto-link that was shown with this number."""
        return self._address_numbers.key_of(number) or self._auto_link_numbers.key_of(number)

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
