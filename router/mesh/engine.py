"""The link-state protocol of one router: events in, effects out (spec: routing protocol, behaviour).

Every second a tick says HELLO, numbers what changed and tells it, computes paths if the topology changed,
and asks for what is missing. Between ticks messages are taken in, and questions answered at once.

Order within a tick is that of the reference: HELLO, paths, address update (MAU), questions (LSR, MAR),
advertisement (RA). The RA comes last because it makes others ask for all that precedes it.

Beyond the reference: questions are repeated and answers kept until there is a route (sequence.py), routes
over a lost link are withdrawn before the next computation (topology.py), what is left of its links is told to
all, not only announced, and a neighbor's new cost counts at its next HELLO. Not here: forwarding of messages
that are for other routers.
"""

from typing import Final

from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import Effect, RemoteAddressesChanged, SendHello, SendMessage
from skrouter.router.mesh.events import (
    ControlLinkDown,
    ControlLinkUp,
    Event,
    LocalAddressAttributesChanged,
    LocalAddressesChanged,
    MessageReceived,
    Tick,
)
from skrouter.router.mesh.messages import (
    EVERY_ROUTER,
    Hello,
    KnownMessage,
    LinkStateRequest,
    LinkStateUpdate,
    MobileAddressDifference,
    MobileAddressList,
    MobileAddressRequest,
    MobileAddressUpdate,
    RoutedMessage,
    RouterAdvertisement,
    UnsupportedMessage,
)
from skrouter.router.mesh.mobile import OwnAddresses
from skrouter.router.mesh.node import Node
from skrouter.router.mesh.path import Paths
from skrouter.router.mesh.rows import NodeRow, node_rows
from skrouter.router.mesh.sequence import SLACK
from skrouter.router.mesh.topology import Outbox, Topology

TICK: Final = 1.0
"""Seconds between ticks, as the reference's core timer."""
SETTLE: Final = 0.05
"""Seconds from changed links to new paths: changes that come together are dealt with together."""
SETTLE_GAP: Final = 0.2
SETTLE_GAP_PER_ROUTER: Final = 0.001
"""Seconds between two such at least: paths cost more the more routers there are."""
STALE: Final = 3.0
"""Seconds for which a message of a router's earlier life may still be under way."""
REGRESSION: Final = 1.0
"""Seconds between two advertisements that are both behind what we have, to take them for a restart."""


class MeshEngine:
    """One router's part in the protocol. Times are the `now` of the caller's clock, in seconds.

    `paths`: who computes the paths, if not `Paths` of this router.
    """

    def __init__(self, config: MeshConfig, now: float, paths: Paths | None = None) -> None:
        self.config = config
        self._outbox = Outbox()
        self._topology = Topology(
            config.router_id, config.hello_max_age, config.unreachable_holdoff, self._outbox, paths
        )
        self._addresses = OwnAddresses()
        self._deadline = now + TICK
        self._settled = now - TICK
        self._settle_at: float | None = None
        self._last_hello: float | None = None
        self._last_advertisement = now
        self._duplicate_reported = False
        self._unsupported_reported: set[str] = set()

    @property
    def next_second(self) -> float:
        """When the tick is due that comes every second, whatever else happens."""
        return self._deadline

    def next_deadline(self) -> float:
        """When the next `Tick` is due; after any event it may be sooner than before."""
        return self._deadline if self._settle_at is None else min(self._deadline, self._settle_at)

    def nodes(self) -> tuple[NodeRow, ...]:
        """All known routers for management, this one first."""
        return node_rows(self.config, self._topology)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in an event; the effects are to be carried out in their order."""
        match event:
            case Tick():
                self._settle_or_tick(now)
            case MessageReceived():
                self._receive(event, now)
            case ControlLinkUp():
                self._topology.link_up(event.slot, event.cost)
            case ControlLinkDown():
                self._topology.link_down(event.slot)
            case LocalAddressesChanged():
                self._addresses.remove(event.removed)
                self._addresses.add(event.added)
            case LocalAddressAttributesChanged():
                self._addresses.add(event.changed)
        self._plan_settling(now)
        return self._outbox.take()

    # --- between ticks: who waited a second for new paths would lose what is sent meanwhile

    def _plan_settling(self, now: float) -> None:
        if self._topology.is_outdated and self._settle_at is None:
            gap = SETTLE_GAP + SETTLE_GAP_PER_ROUTER * len(self._topology.nodes)
            self._settle_at = max(now + SETTLE, self._settled + gap)

    def _settle_or_tick(self, now: float) -> None:
        is_early = self._settle_at is not None and now < self._deadline - SLACK
        self._settle_at = None
        self._settled = now
        if is_early:
            self._settle(now)
        else:
            self._tick(now)

    def _settle(self, now: float) -> None:
        """New paths, and what the others must know of our links; the rest waits for the tick."""
        advertise = self._topology.update_routes(now)
        for node in self._topology.nodes:
            self._answer_owed(node)
            self._ask(node, now)
        if advertise:
            self._advertise(now)

    # --- ticks ------------------------------------------------------------------------------------------

    def _tick(self, now: float) -> None:
        on_time = 0 <= now - self._deadline < TICK
        self._deadline = TICK + (self._deadline if on_time else now)
        topology = self._topology
        topology.expire_neighbors(now)
        self._say_hello(now)
        # Flux is judged before new paths are computed: a change has its own RA, not a periodic one.
        advertise = self._advertisement_due(now)
        topology.expire_link_states(self.config.remote_ls_max_age, now)
        advertise |= topology.update_routes(now)
        topology.flush_unreachable()
        topology.ask_silent()
        topology.remove_idle()
        topology.report_size()
        advertise |= self._tell_address_changes()
        for node in topology.nodes:
            self._answer_owed(node)
            self._ask(node, now)
        if advertise:
            self._advertise(now)

    def _say_hello(self, now: float) -> None:
        due = self._last_hello is None or now - self._last_hello >= self.config.hello_interval - SLACK
        if due and self._topology.has_links:
            self._last_hello = now
            hello = Hello(self.config.router_id, self.config.instance, self._topology.seen())
            self._outbox.put(SendHello(hello))

    def _advertisement_due(self, now: float) -> bool:
        changed = self._topology.changed_at
        flux = changed is not None and now - changed <= 2 * self.config.ra_interval_flux
        interval = self.config.ra_interval_flux if flux else self.config.ra_interval
        return now - self._last_advertisement >= interval - SLACK

    def _advertise(self, now: float) -> None:
        """Tell our numbers. If a neighbor is lost tell the links too: a question might go to the lost one."""
        self._last_advertisement = now
        config, own = self.config, self._topology.own
        if self._topology.take_lost():
            self._flood(self._link_state_for(EVERY_ROUTER))
        self._flood(
            RouterAdvertisement(config.router_id, config.instance, own.sequence, self._addresses.sequence)
        )

    def _tell_address_changes(self) -> bool:
        change = self._addresses.advance()
        if change is None:
            return False
        sequence = self._addresses.sequence
        self._flood(MobileAddressDifference(self.config.router_id, sequence, change.added, change.removed))
        return True

    def _answer_owed(self, node: Node) -> None:
        if node.link_state.sequence.owed:
            self._answer_link_state(node)
        if node.addresses.sequence.owed:
            self._answer_addresses(node)

    def _ask(self, node: Node, now: float) -> None:
        if not node.reachable:
            return
        if node.link_state.sequence.take_due(now):
            self._ask_link_state(node, now)
        if node.addresses.sequence.take_due(now):
            node.addresses.sequence.asked(now)
            have = node.addresses.sequence.have
            self._send(node, MobileAddressRequest(self.config.router_id, have, node.router_id))

    def _ask_link_state(self, node: Node, now: float) -> None:
        node.link_state.sequence.asked(now)
        self._send(node, LinkStateRequest(self.config.router_id, node.router_id))

    # --- messages ---------------------------------------------------------------------------------------

    def _receive(self, event: MessageReceived, now: float) -> None:
        message = event.message
        if isinstance(message, UnsupportedMessage):
            self._report_unsupported(message)
        elif message.router_id == self.config.router_id:
            self._receive_own(message)
        elif isinstance(message, Hello):
            self._receive_hello(message, event.slot, event.cost, now)
        else:
            self._receive_routed(message, now)

    def _receive_routed(self, message: RoutedMessage, now: float) -> None:
        match message:
            case RouterAdvertisement():
                self._receive_advertisement(message, now)
            case LinkStateRequest():
                self._answer_link_state(self._topology.learn(message.router_id))
            case LinkStateUpdate():
                self._receive_link_state(message, now)
            case MobileAddressDifference() | MobileAddressList():
                self._receive_addresses(message, now)
            case MobileAddressRequest():
                self._receive_address_request(message)

    def _receive_own(self, message: KnownMessage) -> None:
        """Our own messages come back by loops; another instance under our id is somebody else.

        A HELLO goes no further than a neighbor: it has another sender even if the instance, the second of the
        start, is ours. Of the rest, an earlier instance may be our own former life.
        """
        other = isinstance(message, Hello) or (
            isinstance(message, RouterAdvertisement) and message.instance > self.config.instance
        )
        if other and not self._duplicate_reported:
            self._duplicate_reported = True
            text = (
                f"Detected another router with duplicate ID {message.router_id} in the network; "
                "messages for either may reach the wrong one until one of them gets another router id "
                "(or a connector of this router leads to its own listener: remove it)"
            )
            self._outbox.log("ROUTER_HELLO", "critical", text)

    def _report_unsupported(self, message: UnsupportedMessage) -> None:
        if message.router_id not in self._unsupported_reported:
            self._unsupported_reported.add(message.router_id)
            text = (
                f"Received {message.opcode} at protocol version {message.version} from {message.router_id}; "
                "ignoring what that router sends at versions later than ours"
            )
            self._outbox.log("ROUTER_LS", "warning", text)

    def _receive_hello(self, message: Hello, slot: int, cost: int, now: float) -> None:
        if not self._topology.hear(message, slot, cost, now):
            text = f"HELLO from {message.router_id} on a link that is not open: slot {slot}"
            self._outbox.log("ROUTER_HELLO", "debug", text)
            return
        node = self._topology.nodes.get(message.router_id)
        if node is not None:
            node.version = message.version
            self._notice_new_life(node, message.instance)

    def _notice_new_life(self, node: Node, instance: int) -> None:
        """A neighbor's HELLO tells of its restart before its addresses come: these are not old ones."""
        if node.instance is not None and instance > node.instance:
            self._topology.restart(node)
            node.instance = instance

    # --- link states ------------------------------------------------------------------------------------

    def _receive_advertisement(self, message: RouterAdvertisement, now: float) -> None:
        node = self._topology.learn(message.router_id)
        if not self._admit(node, message.instance, now):
            return
        node.version = message.version
        self._check_regression(node, message, now)
        link_state, addresses = node.link_state.sequence, node.addresses.sequence
        link_state.advertised, addresses.advertised = message.ls_seq, message.mobile_seq
        addresses.hurry()
        has_way = self._topology.slot_toward(node) is not None
        if link_state.behind and has_way and not link_state.just_asked(now):
            self._ask_link_state(node, now)

    def _admit(self, node: Node, instance: int, now: float) -> bool:
        """Notice a restart by its new instance. False: the message is of an earlier life."""
        if node.instance is not None and instance != node.instance:
            if instance < node.instance and now - node.link_state.heard_at < STALE:
                return False
            self._topology.restart(node)
        node.instance = instance
        node.link_state.heard_at = now
        return True

    def _check_regression(self, node: Node, message: RouterAdvertisement, now: float) -> None:
        """Numbers that went back: an overtaken message, or a restart within the second an instance names."""
        link_state, addresses = node.link_state.sequence, node.addresses.sequence
        if message.ls_seq >= link_state.have and message.mobile_seq >= addresses.have:
            node.regressed_at = None
        elif node.regressed_at is None:
            node.regressed_at = now
        elif now - node.regressed_at >= REGRESSION:
            self._topology.restart(node)

    def _receive_link_state(self, message: LinkStateUpdate, now: float) -> None:
        node = self._topology.learn(message.router_id)
        if self._admit(node, message.instance, now):
            self._topology.accept(node, message.ls_seq, message.peers)

    def _answer_link_state(self, node: Node) -> None:
        own = self._topology.own
        # Number 0 would be ignored; number 1 comes with the next tick.
        ready = own.sequence > 0 and self._topology.slot_toward(node) is not None
        node.link_state.sequence.owed = not ready
        if ready:
            self._send(node, self._link_state_for(node.router_id))

    def _link_state_for(self, target: str) -> LinkStateUpdate:
        config, own = self.config, self._topology.own
        return LinkStateUpdate(config.router_id, config.instance, own.sequence, dict(own.peers), target)

    # --- addresses --------------------------------------------------------------------------------------

    def _receive_addresses(self, message: MobileAddressUpdate, now: float) -> None:
        node = self._known_sender(message)
        if node is None or not node.reachable:
            # Without a route the addresses would outlive the router; the next RA leads to a request.
            return
        if isinstance(message, MobileAddressList):
            change = node.addresses.apply_list(message)
        elif (step := node.addresses.apply_difference(message)) is not None:
            change = step
        else:
            if not node.addresses.sequence.just_asked(now):
                node.addresses.sequence.hurry()
            return
        if change:
            self._outbox.put(RemoteAddressesChanged(node.index, change.added, change.removed))

    def _receive_address_request(self, message: MobileAddressRequest) -> None:
        node = self._known_sender(message)
        if node is not None and message.have_seq < self._addresses.sequence:
            self._answer_addresses(node)

    def _answer_addresses(self, node: Node) -> None:
        ready = self._topology.slot_toward(node) is not None
        node.addresses.sequence.owed = not ready
        if ready:
            sequence, listing = self._addresses.sequence, self._addresses.listing()
            self._send(node, MobileAddressList(self.config.router_id, sequence, listing, node.router_id))

    def _known_sender(self, message: MobileAddressUpdate | MobileAddressRequest) -> Node | None:
        node = self._topology.nodes.get(message.router_id)
        if node is None:
            kind = "MAR" if isinstance(message, MobileAddressRequest) else "MAU"
            self._outbox.log("ROUTER_MA", "debug", f"{kind} from unknown router {message.router_id} dropped")
        return node

    # --- sending ----------------------------------------------------------------------------------------

    def _send(self, node: Node, message: RoutedMessage) -> None:
        self._outbox.put(SendMessage(message, self._topology.slot_toward(node)))

    def _flood(self, message: RoutedMessage) -> None:
        if self._topology.any_reachable():
            self._outbox.put(SendMessage(message, None))
