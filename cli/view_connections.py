"""Rows of the connection entity: AMQP connections, TCP connections, and what stands for a tcpConnector."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from skrouter.adaptors.tcp.facts import ConnectionFacts as TcpFacts
from skrouter.cli.view_numbers import Numbers
from skrouter.mgmt.agent.entities.connection import DISPATCH_HOST
from skrouter.mgmt.agent.facts import ConnectionFacts
from skrouter.router.core.facts import ROLE_EDGE, ROLE_NORMAL
from skrouter.router.core.facts import ConnectionFacts as AmqpFacts

if TYPE_CHECKING:
    from skrouter.adaptors.tcp.shell import TcpShell
    from skrouter.router.runtime import Router

FIRST_TCP_NUMBER: Final = 1 << 32
"""TCP connections have no `[Cn]`: their numbers begin where those of AMQP connections never come."""

TCP_CONTAINER: Final = "TcpAdaptor"
TCP_PROPERTIES: Final = {"qd.adaptor": "tcp"}


class ConnectionRows:
    """Makes the rows. The age of a tcpConnector that was not in the configuration file counts from when it is
    first shown.
    """

    def __init__(self, router: Router, tcp: TcpShell, now: Callable[[], float]) -> None:
        self._router = router
        self._tcp = tcp
        self._now = now
        count = itertools.count(FIRST_TCP_NUMBER)
        self._flows: Numbers[int] = Numbers(count)
        self._dispatch: Numbers[str] = Numbers(count)
        self._since: dict[str, float] = {
            config.name or config.identity: router.started for config in router.config.tcp_connectors
        }

    def all(self) -> Iterator[ConnectionFacts]:
        """AMQP connections, then tcpConnectors, then TCP connections; each oldest first."""
        yield from self.amqp()
        yield from self.dispatch()
        yield from self.tcp()

    def count(self) -> int:
        """How many rows there are."""
        return (
            len(self._router.shell.open_connections)
            + len(self._tcp.connectors())
            + len(self._tcp.connections())
        )

    def by_protocol(self) -> dict[str, int]:
        """Service connections: clients' AMQP connections, and TCP connections that clients have opened."""
        amqp = sum(facts.role == ROLE_NORMAL for facts in self._router.shell.open_connections.values())
        tcp = sum(facts.incoming for facts in self._tcp.connections())
        return {"tcp": tcp, "amqp": amqp, "http1": 0, "http2": 0}

    # --- AMQP

    def amqp(self) -> Iterator[ConnectionFacts]:
        """Connections that are open on both sides."""
        opened = self._router.shell.open_connections
        correlators = {
            leg.handle: connector.correlator
            for connector in self._router.shell.connectors
            for leg in connector.legs
        }
        for handle, facts in opened.items():
            try:
                _, _, age, idle = self._router.connections.facts(handle)
            except KeyError:
                continue  # lost; the event that says so is on its way to the shell
            correlator = facts.properties.correlator if facts.incoming else correlators.get(handle)
            yield self._amqp(facts, age, idle, correlator)

    def _amqp(
        self, facts: AmqpFacts, age: float, idle: float | None, correlator: str | None
    ) -> ConnectionFacts:
        is_encrypted = facts.tls_protocol is not None
        return ConnectionFacts(
            identity=facts.number,
            host=facts.host,
            role=facts.role,
            dir="in" if facts.incoming else "out",
            container=facts.container,
            local_socket=facts.local_socket or None,
            sasl=facts.mechanism,
            is_authenticated=facts.mechanism is not None,
            user=facts.user,
            is_encrypted=is_encrypted,
            ssl_proto=facts.tls_protocol,
            ssl_cipher=facts.tls_cipher,
            ssl_ssf=facts.tls_bits,
            ssl=is_encrypted,
            active=self._is_active(facts),
            mesh_id=self._router.core.links.edges.mesh_of_connection(facts.connection) or None,
            properties=_shown(facts.property_map),
            uptime_seconds=int(age),
            last_dlv_seconds=None if idle is None else int(idle),
            enable_protocol_trace=self._router.shell.tracing.is_chosen(facts.connection),
            tls_ordinal=facts.tls_ordinal,
            group_correlation_id=correlator,
            group_ordinal=facts.ordinal if correlator is not None else None,
        )

    def _is_active(self, facts: AmqpFacts) -> bool:
        """Of an edge router's ways into the network only one is used."""
        edge = self._router.core.edge
        return edge is None or facts.role != ROLE_EDGE or edge.uplink.active == facts.connection

    # --- TCP

    def dispatch(self) -> Iterator[ConnectionFacts]:
        """What a tcpConnector consumes its address with."""
        numbers, now = self.dispatch_numbers(), self._now()
        for name, number in numbers.items():
            yield ConnectionFacts(
                identity=number,
                host=DISPATCH_HOST,
                protocol="tcp",
                dir="out",
                container=TCP_CONTAINER,
                properties=TCP_PROPERTIES,
                uptime_seconds=int(now - self._since[name]),
            )

    def dispatch_numbers(self) -> dict[str, int]:
        """The identity of the connection that stands for each tcpConnector, by name."""
        configs = [facts.config for facts in self._tcp.connectors()]
        numbers = self._dispatch.of(config.name or config.identity for config in configs)
        now = self._now()
        self._since = {name: self._since.get(name, now) for name in numbers}
        return numbers

    def tcp(self) -> Iterator[ConnectionFacts]:
        """Clients' connections, and ours to servers."""
        rows, now = self._tcp.connections(), self._now()
        numbers = self._flows.of(facts.handle for facts in rows)
        for facts in rows:
            yield _tcp(facts, numbers[facts.handle], now)

    # --- back from an identity

    def amqp_handle(self, identity: int) -> int | None:
        """The handle of an AMQP connection; None if there is none of this identity."""
        opened = self._router.shell.open_connections
        return next((handle for handle, facts in opened.items() if facts.number == identity), None)

    def tcp_handle(self, identity: int) -> int | None:
        """The handle of a TCP connection; None if none was shown with this identity."""
        return self._flows.key_of(identity)


def _tcp(facts: TcpFacts, number: int, now: float) -> ConnectionFacts:
    protocol, cipher, bits = facts.tls[:3] if facts.tls is not None else (None, None, 0)
    return ConnectionFacts(
        identity=number,
        host=facts.host,
        protocol="tcp",
        dir="in" if facts.incoming else "out",
        container=TCP_CONTAINER,
        local_socket=facts.local or None,
        is_encrypted=facts.tls is not None,
        ssl_proto=protocol,
        ssl_cipher=cipher,
        ssl_ssf=bits,
        ssl=facts.tls is not None,
        properties=TCP_PROPERTIES,
        oper_status="closing" if facts.state in ("closing", "closed") else "up",
        uptime_seconds=max(int(now - facts.opened_at), 0),
    )


def _shown(properties: dict[str, object]) -> dict[str, str | int]:
    return {
        str(key): value
        for key, value in properties.items()
        if isinstance(value, str | int) and not isinstance(value, bool)
    }
