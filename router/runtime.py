"""One router: machines, forwarder and shell joined. Starts, runs, stops; decides nothing.

engine events -> shell (connections) -> core -> effects -> forwarder
              -> endpoints: mesh, and whoever subscribes (management, adaptors)
core  --neighbors, local addresses-->  mesh  --routes, remote addresses, messages-->  core, forwarder
"""

from __future__ import annotations

import asyncio
import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from skrouter.amqp import events as engine_events
from skrouter.amqp.engine.loop import EngineLoop
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.errors import DecodeError
from skrouter.config.model import AddressConfig, AutoLinkConfig, Configuration
from skrouter.router.core import effects, events
from skrouter.router.core.address import MOBILE, TOPOLOGICAL
from skrouter.router.core.address_rules import AddressRules
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.edge import wire
from skrouter.router.core.facts import AutoLink, ConnectionFacts
from skrouter.router.forwarder.forwarder import Forwarder, GoneError
from skrouter.router.mesh import effects as mesh_effects
from skrouter.router.mesh import events as mesh_events
from skrouter.router.mesh import wire as mesh_wire
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.engine import MeshEngine
from skrouter.router.mesh.messages import AddressDescriptor, MessageError
from skrouter.router.mesh.recording import RecordingHeader
from skrouter.router.net import clock
from skrouter.router.net.connections import ConnectionShell
from skrouter.router.net.execution import Execution
from skrouter.router.net.log import RouterLog
from skrouter.router.net.pages import Pages
from skrouter.router.net.policing import Policing
from skrouter.router.net.ports import Ports
from skrouter.router.net.proxies import Proxies
from skrouter.router.net.recorder import MeshRecorder, RecordError
from skrouter.router.net.scrub import StreamScrub
from skrouter.router.net.stuck import StuckScan
from skrouter.router.net.telemetry import Self, Surroundings, Telemetry
from skrouter.router.net.tls import TlsProfiles

UNIQUE_ALPHABET = string.ascii_letters + string.digits + "+_"
"""What identifiers on the wire are made of: 64 symbols, 15 of them each."""

CONTROL_KEYS = {
    "Lqdhello": effects.Treatment.FLOOD,
    "Lqdrouter": effects.Treatment.FLOOD,
    "Lqdrouter.ma": effects.Treatment.MULTICAST,
    "Tqdrouter": effects.Treatment.FLOOD,
    "Tqdrouter.ma": effects.Treatment.FLOOD,
}
"""What routers tell each other; the last two are for all routers, whichever way a message has come."""

HEALTH_ADDRESS = "_local/$health"
"""Known for no longer than a check takes."""

Endpoint = Callable[[engine_events.MessageReceived], None]
LinkEvent = engine_events.LinkEstablished | engine_events.LinkDetached


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs: the build version, and the Unix time of the start."""

    version: str
    started: int


class Router:
    """The whole of a router but its management and adaptors, which subscribe."""

    def __init__(
        self, config: Configuration, loop: EngineLoop, engine: Engine, log: RouterLog, version: str
    ) -> None:
        self.config = config
        self.loop = loop
        self.log = log
        self.identity = Identity(version, int(clock.wall()))
        self.started = clock.monotonic()
        self._random = random.SystemRandom()
        interior = config.router.mode == "interior"
        default = effects.Treatment[config.router.default_distribution.upper()]
        is_edge, network = config.router.mode == "edge", config.network.network_id
        self.forwarder = Forwarder(engine, config.router.id, not is_edge, network)
        self.connections = Connections(engine)
        self.rules = AddressRules(config.addresses)
        self.policy = Policing(config.policy, self.connections, self.forwarder, log)
        self.core = RouterCore(
            CoreConfig(
                config.router.id,
                not is_edge,
                self.unique,
                self.rules.match,
                default,
                config.network.tenant_id,
                network,
                self._ordinal,
                self.policy.permit,
            )
        )
        self.mesh = MeshEngine(_mesh_config(config, self.identity), self.started) if interior else None
        self.recorder: MeshRecorder | None = None
        self._mesh_untouched = True
        self.tls = TlsProfiles(
            config.ssl_profiles.values(), warn=lambda text: log.log("CONN_MGR", "warning", text)
        )
        self.shell = ConnectionShell(
            loop,
            self.connections,
            config.router,
            log,
            self.tls,
            self._random,
            version,
            self._connection_up,
            self._connection_down,
            self.forwarder.adopt,
            policing=self.policy,
            pages=Pages(self.check),
            proxies=Proxies(lambda: self.config.proxy_profiles, self.tls),
        )
        self.telemetry = Telemetry(loop, log, self.unique(), self._for_telemetry())
        self.ports = Ports(self.shell, self.telemetry, self.forwarder.connection_octets)
        self.endpoints: dict[int, Endpoint] = {}
        self._subscriptions: dict[str, Endpoint] = {}
        self.watchers: dict[str, Callable[[effects.WatchChanged], None]] = {}
        self.link_owners: dict[int, Callable[[LinkEvent], None]] = {}
        """Whoever has attached links past the core hears what becomes of them, by link."""
        self.connection_watchers: list[Callable[[int, ConnectionFacts | None], None]] = []
        """Called with a connection and its facts when it is up, with None when it is gone."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.last_topology_change: float | None = None
        self._next_tick: asyncio.TimerHandle | None = None
        self._refuse_unavailable(config.addresses)
        self.execution = Execution(self.forwarder, self.core, log, self._bind_endpoint, self._notice)
        self.forward = self.execution.carry_out
        self.stuck = StuckScan(loop, self.forwarder, self.core, log)
        self.scrub = StreamScrub(loop, self.forwarder, self.core, self.forward)
        loop.handle_events(self._handle_events)

    def _for_telemetry(self) -> Surroundings:
        def listen(address: str, take: Callable[[bytes], None]) -> None:
            key = MOBILE + address
            self.subscribe(events.EndpointAdded(key, shared=True), lambda event: take(event.content))

        def watch(address: str, count: Callable[[int], None]) -> None:
            def changed(change: effects.WatchChanged) -> None:
                count(change.local + change.in_process + change.remote)

            self.watch(address, changed, effects.Treatment.MULTICAST)

        return Surroundings(self.send, listen, watch)

    def _refuse_unavailable(self, rules: Iterable[AddressConfig]) -> None:
        """Anonymous senders are asked about only where a rule may refuse them: it costs a call of ours."""
        by_default = self.config.router.default_distribution
        if "unavailable" in {by_default, *(rule.distribution for rule in rules)}:
            self.forwarder.set_refusals(self._is_unavailable)

    def _is_unavailable(self, address: str) -> bool:
        key = self.core.parser.key(address)
        return bool(key) and self.core.table.treatment_of(key).treatment is effects.Treatment.UNAVAILABLE

    def _ordinal(self) -> int:
        """Decides whose id an edge mesh takes: the oldest router's, and chance between two of one start."""
        return int(clock.wall() * 1_000_000) + self._random.randrange(1_000_000)

    def unique(self) -> str:
        """15 random characters."""
        return "".join(self._random.choices(UNIQUE_ALPHABET, k=15))

    # --- start and stop

    def start(self) -> None:
        """Begin to speak with other routers; listeners and connectors come after (`open_ports`).

        ValueError if a vhost is invalid.
        """
        self.policy.start(self.config.vhosts)
        self.stuck.start()
        self.scrub.start()
        is_edge = self.config.router.mode == "edge"
        for name in (wire.TRACKING, wire.NEGOTIATION) if is_edge else (wire.DISCOVERY,):
            self.subscribe(events.EndpointAdded(MOBILE + name), self._edge_message(MOBILE + name))
        whom = Self(self.config.router.id, self.config.router.mode, self.identity.version)
        self.telemetry.start(whom, self.config.site)
        if self.mesh is None:
            return
        for key, treatment in CONTROL_KEYS.items():
            everywhere = key[0] == TOPOLOGICAL
            event = events.EndpointAdded(key, False, True, treatment, everywhere)
            self.subscribe(event, self._mesh_message)
        self._schedule_tick()

    def open_ports(self) -> None:
        """Open the configured connectors and listeners. Raises what the shell raises for a required one."""
        for rule in self.config.addresses:
            self._tell_rule("Created", rule)
        for auto_link in self.config.auto_links:
            self.add_auto_link(auto_link)
        for connector in self.config.connectors:
            self.ports.add_connector(connector)
        for listener in self.config.listeners:
            self.ports.add_listener(listener)

    def stop(self) -> None:
        """Close every socket without a word, as neighbors expect of a router that goes."""
        self.stuck.stop()
        self.scrub.stop()
        self.telemetry.stop()
        self.shell.shutdown()
        self.record(None)

    # --- what others use

    def record(self, path: str | Path | None) -> None:
        """Append the mesh's events to a file from now on, instead of to any other; None: to none.

        RecordError if that cannot be; what was recorded before then goes on.
        """
        recorder = None if path is None else self._new_recorder(path)
        if self.recorder is not None:
            self.recorder.close()
        self.recorder = recorder

    def _new_recorder(self, path: str | Path) -> MeshRecorder:
        if self.mesh is None:
            raise RecordError(f"mesh events cannot be recorded to {path}: only interior routers have any")
        header = RecordingHeader(self.mesh.config, self.started, clock.wall(), self._mesh_untouched)
        return MeshRecorder(path, self.mesh, header, self.loop, self._recording_failed)

    def _recording_failed(self, text: str) -> None:
        self.recorder = None
        self.log.log("ROUTER", "warning", text)

    def subscribe(self, event: events.EndpointAdded, endpoint: Endpoint) -> None:
        """Take the messages for a key in this process."""
        self._subscriptions[event.key] = endpoint
        self.handle(event)

    def handle(self, event: events.Event) -> None:
        """Give an event to the core and carry out what follows."""
        self.forward(self.core.handle(event, clock.monotonic()))

    def send(self, content: bytes) -> None:
        """Send a message of this process, pre-settled, to its `to`."""
        self.forwarder.send(content)

    def add_address(self, rule: AddressConfig) -> None:
        """Treat addresses to come by one more rule."""
        self.rules.add(rule)
        self._refuse_unavailable((rule,))
        self._tell_rule("Created", rule)

    def remove_address(self, rule: AddressConfig) -> None:
        """Forget the rule; addresses that are known keep their treatment."""
        self.rules.remove(rule)
        self._tell_rule("Deleted", rule)

    def _tell_rule(self, what: str, rule: AddressConfig) -> None:
        text = f"{what} address with Prefix={rule.pattern} and distribution={rule.distribution}"
        self.log.log("CONN_MGR", "info", text)

    def rename_network(self, network: str | None) -> None:
        """From now on the network has this id, or none; addresses given out before stay good."""
        self.core.parser.rename_network(network)
        self.forwarder.set_network(network)
        self.log.log("ROUTER_CORE", "info", f"Router's network-id updated to {network or 0}")

    def watch(
        self,
        address: str,
        watcher: Callable[[effects.WatchChanged], None],
        hint: effects.Treatment | None = None,
    ) -> None:
        """Hear of the reachability of an address, now and whenever it changes; `hint`: as in WatchAdded."""
        self.watchers[address] = watcher
        self.handle(events.WatchAdded(address, hint))

    def unwatch(self, address: str) -> None:
        """Hear no more of it."""
        self.watchers.pop(address, None)
        self.handle(events.WatchRemoved(address))

    def add_auto_link(self, config: AutoLinkConfig) -> None:
        """Attach a link wherever it is wanted, now and from now on."""
        self.handle(events.AutoLinkAdded(_auto_link(config)))

    def remove_auto_link(self, config: AutoLinkConfig) -> None:
        """Detach its links and attach no more."""
        self.handle(events.AutoLinkRemoved(config.identity))

    def tls_profile_updated(self, name: str) -> None:
        """An sslProfile has other ordinals: connect anew where it is newer, close what is too old."""
        self.shell.rotate_tls(name)

    def check(self) -> None:
        """A round trip through the core and back. RuntimeError if it gives no answer."""
        heard: list[effects.WatchChanged] = []
        self.watch(HEALTH_ADDRESS, heard.append)
        self.unwatch(HEALTH_ADDRESS)
        if not heard:
            raise RuntimeError("the router core gives no answer")

    # --- engine events

    def _handle_events(self, batch: list[engine_events.Event]) -> None:
        for event in batch:
            if isinstance(event, engine_events.MessageReceived):
                self._message(event)
            elif isinstance(event, engine_events.LinkAttached):
                self.handle(event)
                if event.link not in self.core.links.by_handle:
                    self.policy.link_gone(event.link)
            elif isinstance(event, LinkEvent) and event.link in self.link_owners:
                self.link_owners[event.link](event)
            elif isinstance(event, engine_events.LinkDetached):
                self.handle(event)
                self.policy.link_gone(event.link)
            elif isinstance(event, engine_events.LinkEstablished | engine_events.StreamingLinkWanted):
                self.handle(event)
            else:
                self.shell.handle(event)

    def _message(self, event: engine_events.MessageReceived) -> None:
        endpoint = self.endpoints.get(event.endpoint)
        if endpoint is not None:
            endpoint(event)

    def _connection_up(self, facts: ConnectionFacts) -> None:
        if (annotations := facts.properties.annotations_version) is not None:
            self.log.log("ROUTER", "debug", f"Remote router annotations version: {annotations}")
        self.handle(events.ConnectionUp(facts))
        for watcher in self.connection_watchers:
            watcher(facts.connection, facts)
        self.ports.up(facts)

    def _connection_down(
        self, handle: int, _facts: ConnectionFacts | None, condition: str, description: str
    ) -> None:
        self.handle(events.ConnectionDown(handle))
        for watcher in self.connection_watchers:
            watcher(handle, None)
        self.ports.down(handle, condition, description)

    def _bind_endpoint(self, key: str, endpoint: int) -> None:
        self.endpoints[endpoint] = self._subscriptions[key]

    # --- the mesh

    def _schedule_tick(self) -> None:
        """The next tick is when the mesh wants it, which any event may change."""
        if self.mesh is None:
            return
        due = self.mesh.next_deadline()
        if self._next_tick is not None:
            if self._next_tick.when() <= due:
                return
            self._next_tick.cancel()
        self._next_tick = self.loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._next_tick = None
        self._mesh(mesh_events.Tick())

    def _mesh(self, event: mesh_events.Event) -> None:
        if self.mesh is not None:
            self._mesh_untouched = False
            for effect in (self.recorder or self.mesh).handle(event, clock.monotonic()):
                self._mesh_effect(effect)
            self._schedule_tick()

    def _edge_message(self, key: str) -> Endpoint:
        def take(event: engine_events.MessageReceived) -> None:
            self.handle(events.EdgeMessageReceived(key, event.connection, event.content))

        return take

    def _mesh_message(self, event: engine_events.MessageReceived) -> None:
        """A protocol message from a neighbor; those of others come through it."""
        connection = self.core.connections.by_handle.get(event.connection)
        if connection is None or connection.slot is None:
            return
        try:
            message = mesh_wire.decode(event.content)
        except (DecodeError, MessageError) as error:
            self.log.log(
                "ROUTER", "warning", f"Ignored a control message of {connection.facts.container}: {error}"
            )
            return
        self._mesh(mesh_events.MessageReceived(message, connection.slot, connection.facts.cost))

    def _notice(self, effect: effects.Effect) -> None:
        """What the core tells the mesh, the watchers and the shell, and the time that it wants."""
        match effect:
            case effects.NeighborUp(slot, cost):
                self._mesh(mesh_events.ControlLinkUp(slot, cost))
            case effects.NeighborDown(slot):
                self._mesh(mesh_events.ControlLinkDown(slot))
            case effects.LocalAddressesChanged(added, removed, changed):
                if added or removed:
                    self._mesh(mesh_events.LocalAddressesChanged(_descriptors(added), removed))
                if changed:
                    self._mesh(mesh_events.LocalAddressAttributesChanged(_descriptors(changed)))
            case effects.DropConnection(connection):
                self.shell.drop(connection)
            case effects.WatchChanged(address):
                if (watcher := self.watchers.get(address)) is not None:
                    watcher(effect)
            case effects.StartTimer(name, delay):
                self._start_timer(name, delay)
            case _:
                raise TypeError(f"nobody carries out {effect!r}")

    def _start_timer(self, name: str, delay: float) -> None:
        if (earlier := self._timers.get(name)) is not None:
            earlier.cancel()
        self._timers[name] = self.loop.call_later(delay, self._timer_fired, name)

    def _timer_fired(self, name: str) -> None:
        del self._timers[name]
        self.handle(events.TimerFired(name))

    def _mesh_effect(self, effect: mesh_effects.Effect) -> None:
        match effect:
            case mesh_effects.SendHello(message):
                for slot in list(self.core.connections.neighbors):
                    self._send_control(mesh_wire.encode(message), slot)
            case mesh_effects.SendMessage(message, slot):
                self._send_control(mesh_wire.encode(message), slot)
            case mesh_effects.RouterAdded(index, router_id):
                self.handle(events.RouterKnown(index, router_id))
            case mesh_effects.RouterRemoved(index):
                self.handle(events.RouterForgotten(index))
            case mesh_effects.RoutesChanged(routes, radius):
                for route in routes:
                    origins = route.valid_origins
                    self.handle(events.RouteChanged(route.index, route.next_hop, route.cost or 0, origins))
                self.handle(events.RadiusChanged(radius))
            case mesh_effects.RemoteAddressesChanged(index, added, removed):
                remote = tuple(events.RemoteAddress(one.key, one.treatment, one.mesh_id) for one in added)
                self.handle(events.RemoteAddressesChanged(index, remote, removed))
            case mesh_effects.FlushRouterAddresses(index):
                self.handle(events.RemoteAddressesFlushed(index))
            case mesh_effects.TopologyChanged():
                self.last_topology_change = clock.wall()
            case mesh_effects.Log(module, level, text):
                self.log.log(module, level, text)

    def _send_control(self, content: bytes, slot: int | None) -> None:
        """To one neighbor, or to all routers by the flooded address in the message."""
        if slot is None:
            self.forwarder.send(content, control=True)
            return
        neighbor = self.core.connections.neighbors.get(slot)
        if neighbor is None:
            return  # lost since the mesh last heard of it; the news is on its way
        try:
            self.forwarder.send(content, link=neighbor.control[True])
        except GoneError:
            return  # the same


def _descriptors(addresses: tuple[effects.LocalAddress, ...]) -> tuple[AddressDescriptor, ...]:
    return tuple(AddressDescriptor(one.key, one.treatment, one.in_links, None, one.mesh) for one in addresses)


def _mesh_config(config: Configuration, identity: Identity) -> MeshConfig:
    router = config.router
    return MeshConfig(
        router_id=router.id,
        instance=identity.started,
        hello_interval=router.hello_interval_seconds,
        hello_max_age=router.hello_max_age_seconds,
        ra_interval=router.ra_interval_seconds,
        ra_interval_flux=router.ra_interval_flux_seconds,
        remote_ls_max_age=router.remote_ls_max_age_seconds,
        unreachable_holdoff=router.unreachable_holdoff_seconds,
    )


def _auto_link(config: AutoLinkConfig) -> AutoLink:
    return AutoLink(
        config.identity,
        config.direction == "in",
        config.address or None,
        config.external_address or None,
        config.connection,
        config.container_id,
    )
