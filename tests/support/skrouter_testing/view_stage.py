"""A router on a stage, for the view that management has of it: core, mesh, log and configuration are real."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from skrouter.adaptors.tcp import facts as tcp_facts
from skrouter.amqp.capabilities import OfferedCapabilities, OpenProperties
from skrouter.amqp.events import LinkAttached, RawTerminus
from skrouter.cli.view import LiveView
from skrouter.config.loader import load
from skrouter.config.model import Configuration
from skrouter.mgmt.agent.facts import AddressFacts, ConnectionFacts, LinkFacts
from skrouter.router.core import events
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.facts import ROLE_INTER_ROUTER
from skrouter.router.core.facts import ConnectionFacts as AmqpFacts
from skrouter.router.forwarder.forwarder import GoneError
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.net import clock
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.execution import Execution
from skrouter.router.net.generations import ConnectorStatus
from skrouter.router.net.log import RouterLog
from skrouter.router.policy.policy import Policy

from skrouter_testing.playbook import connection_facts

CONFIGURATION = """
router {
    mode: interior
    id: A
    metadata: first
}
log {
    module: SERVER
    enable: debug+
}
sslProfile {
    name: tls
    ordinal: 3
}
address {
    prefix: mc
    distribution: multicast
    name: mc-addr
}
address {
    pattern: a/*
    distribution: closest
}
autoLink {
    address: queue1
    direction: in
}
listener {
    name: amqp
    host: 127.0.0.1
    port: 5672
    sslProfile: tls
}
connector {
    name: to-b
    host: b.example
    port: 55671
    role: inter-router
}
tcpListener {
    name: lst
    host: 127.0.0.1
    port: 8080
    address: svc
}
tcpConnector {
    name: con
    host: 127.0.0.1
    port: 9090
    address: svc
}
"""

UP = connection_facts(
    0,
    port_name="amqp",
    container="client",
    user="anonymous",
    mechanism="ANONYMOUS",
    offered=OfferedCapabilities(),
)
ROUTER_UP = replace(
    UP,
    incoming=False,
    role=ROLE_INTER_ROUTER,
    port_name="to-b",
    host="b.example:55671",
    container="B",
    properties=OpenProperties(product="skupper-router"),
    property_map={"product": "skupper-router", "qd.conn-id": 4, "odd": 1.5, "flag": True},
)


@dataclass
class FakeForwarder:
    """Handles like the native ones: long, and not in order."""

    handles: Any = field(default_factory=lambda: itertools.count(1 << 48, -1))
    link_counters: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    histograms: dict[int, tuple[int, ...]] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    entry_counters: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    native: list[str] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)
    totals: dict[str, int] = field(default_factory=dict)

    def publish(self, key: str, *_: object) -> int:
        return self.entries.setdefault(key, next(self.handles))

    def withdraw(self, handle: int) -> None:
        self.entries = {key: one for key, one in self.entries.items() if one != handle}

    def open_link(self, *_: object, **__: object) -> int:
        return cast("int", next(self.handles))

    def add_endpoint(self, _: int) -> int:
        return cast("int", next(self.handles))

    def memory(self) -> list[tuple[str, int, int, int, int, int]]:
        return [("qdr_link_t", 300, 0, 9, 5, 4), ("qd_buffer_t", 504, 4096, 20, 8, 2)]

    def __getattr__(self, name: str) -> Callable[..., None]:
        assert name in {
            *("set_entry_routers", "accept_link", "reject_link", "allow_credit", "bind_consumer"),
            *("set_neighbor", "set_neighbor_link", "set_router", "set_radius", "set_peer"),
        }
        return lambda *_, **__: None

    def link_facts(self, handle: int) -> tuple[Any, ...]:
        if handle in self.gone:
            raise GoneError(f"no link {handle:#x}")
        return self.link_counters.get(handle, (250, *[0] * 12, 250, 0.0, 0, 0))

    def link_histogram(self, handle: int) -> tuple[int, ...] | None:
        return self.histograms.get(handle)

    def entry_facts(self, handle: int) -> tuple[Any, ...]:
        return self.entry_counters.get(handle, (0, 0, 0, 0, 0, [], 0, 0, 0, 0, 0))

    def native_keys(self) -> list[str]:
        return [*self.entries, *self.native]

    def metrics(self) -> dict[str, int]:
        outcomes = ("presettled", "dropped_presettled", "accepted", "rejected", "released", "modified")
        names = [f"{outcome}_deliveries" for outcome in outcomes]
        counts = ("delayed_1s", "delayed_10s", "ingress", "egress", "transit", "stuck")
        names += [f"deliveries_{one}" for one in counts]
        names += [
            f"deliveries_{way}_{kind}"
            for kind in ("route_container", "inter_network")
            for way in ("ingress", "egress")
        ]
        names.append("links_blocked")
        return {**{name: place for place, name in enumerate(names, start=1)}, "links_live": 99}


@dataclass
class FakeTcp:
    """A TCP adaptor that is rows of facts."""

    config: Configuration
    flows: list[tcp_facts.ConnectionFacts] = field(default_factory=list)
    is_up: bool = True

    def listeners(self) -> list[tcp_facts.ListenerFacts]:
        listeners = self.config.tcp_listeners
        return [tcp_facts.ListenerFacts(one, self.is_up, "", 3, 1, 100, 200) for one in listeners]

    def connectors(self) -> list[tcp_facts.ConnectorFacts]:
        return [tcp_facts.ConnectorFacts(one, 5, 2, 10, 20) for one in self.config.tcp_connectors]

    def listener_addresses(self) -> list[tcp_facts.ListenerAddressFacts]:
        return []

    def connections(self) -> list[tcp_facts.ConnectionFacts]:
        return self.flows


class Stage:
    """A router on a stage: what happens to it, and the view of it."""

    def __init__(self, path: Path, text: str = CONFIGURATION) -> None:
        path.write_text(text)
        self.config = load(path, random=random.Random(7))
        self.log = RouterLog(self.config.logs, now=lambda: 1000.5)
        self.forwarder = FakeForwarder()
        unique = (f"unique-{number}" for number in itertools.count(1))
        self.core = RouterCore(CoreConfig("A", True, lambda: next(unique)))
        self.execution = Execution(
            cast("Any", self.forwarder), self.core, self.log, lambda *_: None, lambda _: None
        )
        self.mesh = MeshEngine(MeshConfig("A", 77), 0.0)
        self.opened: dict[int, AmqpFacts] = {}
        self.native: dict[int, tuple[int, int, float, float | None]] = {}
        self.connectors = [
            SimpleNamespace(
                config=one,
                correlator="group-correlato",
                legs=[SimpleNamespace(handle=70)],
                report=lambda: ConnectorStatus("SUCCESS", "[C1] opened", "amqp://b.example:55671"),
            )
            for one in self.config.connectors
        ]
        self.profiles = dict(self.config.ssl_profiles)
        self.policy = Policy(self.config.policy)
        for vhost in self.config.vhosts:
            self.policy.put_vhost(vhost)
        self.router = SimpleNamespace(
            config=self.config,
            log=self.log,
            forwarder=self.forwarder,
            core=self.core,
            execution=self.execution,
            mesh=self.mesh,
            identity=SimpleNamespace(version="1.2.3", started=77),
            started=clock.monotonic() - 50,
            last_topology_change=123.9,
            connections=SimpleNamespace(facts=self.native.__getitem__),
            tls=SimpleNamespace(profile=self.profile),
            policy=SimpleNamespace(rules=self.policy),
            shell=SimpleNamespace(
                tracing=SimpleNamespace(is_chosen=lambda _handle: False),
                open_connections=self.opened,
                connectors=self.connectors,
                listeners=[SimpleNamespace(config=one) for one in self.config.listeners],
            ),
        )
        self.tcp = FakeTcp(self.config)
        self.view = LiveView(cast("Any", self.router), cast("Any", self.tcp))

    def profile(self, name: str) -> object:
        if name not in self.profiles:
            raise NetworkConfigurationError(f"sslProfile '{name}' not found")
        return self.profiles[name]

    def handle(self, event: events.Event) -> None:
        self.execution.carry_out(self.core.handle(event, 0.0))

    def open(
        self, handle: int, number: int, base: AmqpFacts = UP, idle: float | None = None, **changes: Any
    ) -> None:
        facts = replace(base, connection=handle, number=number, **changes)
        self.opened[handle] = facts
        self.native[handle] = (1, 2, 9.9, idle)
        self.handle(events.ConnectionUp(facts))

    def attach(self, link: int, connection: int, name: str, outgoing: bool, address: str | None) -> None:
        source, target = (address, None) if outgoing else (None, address)
        event = LinkAttached(
            connection, link, name, outgoing, raw_terminus(1, source), raw_terminus(2, target), 2, 0, 0, b""
        )
        self.handle(event)

    def links(self) -> list[LinkFacts]:
        return list(self.view.links())

    def connections(self) -> list[ConnectionFacts]:
        return list(self.view.connections())

    def addresses(self) -> dict[str, AddressFacts]:
        return {one.key: one for one in self.view.addresses()}


def raw_terminus(kind: int, address: str | None) -> RawTerminus:
    return RawTerminus(kind, address, 0, 0, 0, False, 0, b"", b"", b"")


def tcp_flow(handle: int, incoming: bool = True, **changes: Any) -> tcp_facts.ConnectionFacts:
    flow = tcp_facts.ConnectionFacts(
        handle=handle,
        parent="lst" if incoming else "con",
        incoming=incoming,
        address="svc",
        host="127.0.0.1:41000" if incoming else "127.0.0.1:9090",
        peer="127.0.0.1:41000",
        local="127.0.0.1:8080",
        opened_at=clock.monotonic() - 20.5,
        bytes_in=1,
        bytes_out=2,
        state="open",
        tls=None,
    )
    return replace(flow, **changes)
