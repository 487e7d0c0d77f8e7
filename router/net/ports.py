"""AMQP listeners and connectors, with their records: LINK of connectors, ROUTER_ACCESS of listeners.

The records follow control connections: a link is up while any of those is (spec: vanflow §5).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from skrouter.config.model import AmqpPort, ConnectorConfig, ListenerConfig
from skrouter.router.core.facts import (
    ROLE_EDGE,
    ROLE_INTER_EDGE,
    ROLE_INTER_ROUTER,
    ROLE_INTER_ROUTER_DATA,
    ConnectionFacts,
)
from skrouter.router.net.connections import ConnectionShell
from skrouter.router.net.telemetry import Telemetry, moment
from skrouter.router.vanflow.attributes import Attribute, RecordType
from skrouter.router.vanflow.events import Given

TOLD_ROLES: Final = (ROLE_INTER_ROUTER, ROLE_EDGE, ROLE_INTER_EDGE)
GONE: Final = (0, 0)

Octets = Callable[[int], tuple[int, int]]
"""(received, sent) of a connection, by handle; LookupError if it is gone."""


@dataclass(slots=True)
class _Port:
    """A listener or connector with a record. `controls`, `octets`: of its connections, by handle."""

    number: int
    is_listener: bool
    controls: set[int] = field(default_factory=set)
    octets: dict[int, tuple[int, int]] = field(default_factory=dict)
    past: tuple[int, int] = GONE
    down_count: int = 0


def _name(config: AmqpPort) -> str:
    return config.name or config.identity


class Ports:
    """What `ConnectionShell` opens and closes, told to telemetry."""

    def __init__(self, shell: ConnectionShell, telemetry: Telemetry, octets: Octets) -> None:
        self._shell = shell
        self._telemetry = telemetry
        self._octets = octets
        self._ports: dict[tuple[bool, str], _Port] = {}
        self._of_connection: dict[int, _Port] = {}
        telemetry.polls.append(self.poll)

    # --- opened and closed

    def add_listener(self, config: ListenerConfig) -> None:
        """Open a listener. Raises as the shell does, and then nothing was done."""
        if config.role not in TOLD_ROLES:
            self._shell.add_listener(config)
            return
        number = self._telemetry.reserve()
        self._shell.add_listener(config, self._telemetry.identity(number))
        attributes: Given = {
            Attribute.NAME: _name(config),
            Attribute.ROLE: config.role,
            Attribute.LINK_COUNT: 0,
        }
        self._telemetry.begin(RecordType.ROUTER_ACCESS, attributes, number)
        self._ports[True, _name(config)] = _Port(number, is_listener=True)

    def add_connector(self, config: ConnectorConfig) -> None:
        """Begin to connect. Raises as the shell does, and then nothing was done."""
        self._shell.add_connector(config)
        if config.role not in TOLD_ROLES:
            return
        attributes: Given = {
            Attribute.PROTOCOL: "amqp" if config.ssl_profile is None else "amqps",
            Attribute.DEST_PORT: config.port,
            Attribute.OCTETS: 0,
            Attribute.NAME: _name(config),
            Attribute.LINK_COST: config.cost,
            Attribute.OPER_STATUS: "down",
            Attribute.ROLE: config.role,
            Attribute.DOWN_COUNT: 0,
            Attribute.OCTETS_REVERSE: 0,
            Attribute.HTTP_PROXY: "no" if config.proxy_profile is None else "yes",
        }
        number = self._telemetry.begin(RecordType.LINK, attributes)
        self._ports[False, _name(config)] = _Port(number, is_listener=False)

    def remove_listener(self, config: ListenerConfig) -> None:
        """Close a listener; its connections live on. KeyError if there is none."""
        self._shell.remove_listener(config.identity)
        self._end(True, config)

    def remove_connector(self, config: ConnectorConfig) -> None:
        """Stop connecting and close its connections. KeyError if there is none."""
        self._shell.remove_connector(config.identity)
        self._end(False, config)

    def _end(self, is_listener: bool, config: AmqpPort) -> None:
        port = self._ports.pop((is_listener, _name(config)), None)
        if port is not None:
            self._tell_octets(port)
            self._telemetry.end(port.number)

    # --- their connections

    def up(self, facts: ConnectionFacts) -> None:
        """A connection is open."""
        port = self._ports.get((facts.incoming, facts.port_name))
        if port is None:
            return
        self._of_connection[facts.connection] = port
        port.octets[facts.connection] = GONE
        if facts.role == ROLE_INTER_ROUTER_DATA:
            return
        port.controls.add(facts.connection)
        if port.is_listener:
            told: Given = {
                Attribute.LINK_COUNT: len(port.controls),
                Attribute.ACTIVE_TLS_ORDINAL: facts.tls_ordinal,
            }
        else:
            told = {
                Attribute.PEER: facts.properties.access_id,
                Attribute.OPER_STATUS: "up",
                Attribute.UP_TIME_STAMP: moment() if len(port.controls) == 1 else None,
                Attribute.ACTIVE_TLS_ORDINAL: facts.tls_ordinal,
            }
        self._telemetry.change(port.number, told)

    def down(self, handle: int, condition: str, description: str) -> None:
        """A connection is lost."""
        port = self._of_connection.pop(handle, None)
        if port is None:
            return
        octets = port.octets.pop(handle)
        port.past = (port.past[0] + octets[0], port.past[1] + octets[1])
        if handle not in port.controls:
            return
        port.controls.discard(handle)
        if port.is_listener:
            self._telemetry.change(port.number, {Attribute.LINK_COUNT: len(port.controls)})
        elif not port.controls:
            port.down_count += 1
            told: Given = {
                Attribute.RESULT: condition or "unknown",
                Attribute.REASON: description or None,
                Attribute.OPER_STATUS: "down",
                Attribute.DOWN_TIME_STAMP: moment(),
                Attribute.DOWN_COUNT: port.down_count,
            }
            self._telemetry.change(port.number, told)

    # --- counters

    def poll(self) -> None:
        """Tell how many octets the links have moved."""
        for port in self._ports.values():
            if not port.is_listener:
                self._tell_octets(port)

    def _tell_octets(self, port: _Port) -> None:
        if port.is_listener:
            return
        for handle in port.octets:
            with contextlib.suppress(LookupError):  # lost a moment ago; `down` is on its way
                port.octets[handle] = self._octets(handle)
        received = port.past[0] + sum(octets[0] for octets in port.octets.values())
        sent = port.past[1] + sum(octets[1] for octets in port.octets.values())
        self._telemetry.change(port.number, {Attribute.OCTETS: sent, Attribute.OCTETS_REVERSE: received})
