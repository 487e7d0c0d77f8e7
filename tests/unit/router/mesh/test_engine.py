"""One engine against scripted neighbors: the rules that the recorded conversation does not show."""

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import (
    Effect,
    FlushRouterAddresses,
    Log,
    RemoteAddressesChanged,
    RouterAdded,
    RouterRemoved,
    RouterRoute,
    RoutesChanged,
    SendHello,
    SendMessage,
    TopologyChanged,
)
from skrouter.router.mesh.engine import SETTLE, SETTLE_GAP, MeshEngine
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
    AddressDescriptor,
    Hello,
    LinkStateRequest,
    LinkStateUpdate,
    MeshMessage,
    MobileAddressDifference,
    MobileAddressList,
    MobileAddressRequest,
    RouterAdvertisement,
    UnsupportedMessage,
)

FOO, BAR = AddressDescriptor("Mfoo", 3), AddressDescriptor("Mbar", 1)
INSTANCE, PEER = 100, 50


@dataclass(slots=True)
class Bench:
    """Router A under test, with a clock."""

    config: MeshConfig = field(default_factory=lambda: MeshConfig("A", INSTANCE))
    now: float = 0.0
    engine: MeshEngine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = MeshEngine(self.config, self.now)

    def handle(self, event: Event) -> list[Effect]:
        """One event now."""
        return self.engine.handle(event, self.now)

    def receive(self, message: MeshMessage, slot: int = 0, cost: int = 1) -> list[Effect]:
        """One message now."""
        return self.handle(MessageReceived(message, slot, cost))

    def tick(self) -> list[Effect]:
        """The tick of the next second; what was to be settled before it is settled with it."""
        self.now = self.engine.next_second
        return self.handle(Tick())

    def settle(self) -> list[Effect]:
        """The early tick that follows changed links."""
        assert self.now < self.engine.next_deadline() < self.engine.next_second
        self.now = self.engine.next_deadline()
        return self.handle(Tick())

    def ticks(self, number: int, heard: tuple[str, ...] = ("B",)) -> list[Effect]:
        """Ticks while the neighbors keep saying HELLO."""
        effects = []
        for _ in range(number):
            for slot, router_id in enumerate(heard):
                self.receive(Hello(router_id, PEER, ("A",)), slot)
            effects += self.tick()
        return effects

    def advertise(self, router_id: str, ls_seq: int, mobile_seq: int, instance: int = PEER) -> list[Effect]:
        """An RA now."""
        return self.receive(RouterAdvertisement(router_id, instance, ls_seq, mobile_seq))

    def link_state(
        self, router_id: str, ls_seq: int, peers: dict[str, int], instance: int = PEER
    ) -> list[Effect]:
        """An LSU now."""
        return self.receive(LinkStateUpdate(router_id, instance, ls_seq, peers))


def with_neighbor() -> Bench:
    """B is a neighbor on slot 0, its link state 1 and its addresses 1 (foo) are known."""
    bench = Bench()
    bench.handle(ControlLinkUp(0, 1))
    bench.ticks(1)
    bench.advertise("B", 1, 1)
    bench.link_state("B", 1, {"A": 1})
    bench.receive(MobileAddressList("B", 1, (FOO,)))
    bench.ticks(1)
    return bench


def with_line() -> Bench:
    """As above, and C behind B at cost 5, its link state and addresses (bar) known."""
    bench = with_neighbor()
    bench.link_state("B", 2, {"A": 1, "C": 5})
    bench.ticks(1)
    bench.advertise("C", 1, 1)
    bench.link_state("C", 1, {"B": 5})
    bench.receive(MobileAddressList("C", 1, (BAR,)))
    bench.ticks(1)
    return bench


def sent(effects: list[Effect]) -> list[tuple[object, int | None]]:
    """Messages sent, with slots; HELLO left out."""
    return [(effect.message, effect.slot) for effect in effects if isinstance(effect, SendMessage)]


def logged(effects: list[Effect], level: str) -> list[str]:
    """Texts of log lines of one level."""
    return [effect.text for effect in effects if isinstance(effect, Log) and effect.level == level]


def of(effects: list[Effect], kind: type) -> list[Effect]:
    """Effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


# --- ticks and timers -----------------------------------------------------------------------------------


def test_ticks_are_a_second_apart_and_do_not_drift_when_late() -> None:
    bench = Bench()
    deadlines = []
    for late in (0.0, 0.2, 0.0, 0.9):
        bench.now = bench.engine.next_deadline() + late
        deadlines.append(bench.engine.next_deadline())
        bench.handle(Tick())
    assert deadlines == [1.0, 2.0, 3.0, 4.0]


def test_a_lost_link_is_told_and_routed_around_at_once() -> None:
    bench = with_line()
    bench.handle(ControlLinkUp(1, 1))
    bench.receive(Hello("C", PEER, ("A",)), 1)
    bench.tick()
    bench.now = bench.engine.next_second - 0.9
    bench.handle(ControlLinkDown(1))
    began = bench.now
    effects = bench.settle()
    assert bench.now - began <= SETTLE + SETTLE_GAP + 0.1
    (advertisement,) = (
        one.message
        for one in effects
        if isinstance(one, SendMessage) and isinstance(one.message, RouterAdvertisement)
    )
    assert advertisement.ls_seq == 3
    (routes,) = of(effects, RoutesChanged)
    assert [(route.router_id, route.next_hop_id, route.cost) for route in routes.routes] == [("C", "B", 6)]
    assert of(effects, SendHello) == []


def test_changes_that_come_together_are_settled_together_and_never_more_often_than_the_gap() -> None:
    bench = with_line()
    bench.now = bench.engine.next_second - 0.95
    settled = []
    for number in range(3, 40):
        bench.link_state("B", number, {"A": 1, "C": number})
        if bench.now + 0.02 >= bench.engine.next_deadline() < bench.engine.next_second:
            bench.settle()
            settled.append(bench.now)
        bench.now += 0.02
    assert len(settled) >= 3
    assert all(later - earlier >= SETTLE_GAP for earlier, later in itertools.pairwise(settled))


def test_after_a_long_standstill_ticks_do_not_catch_up() -> None:
    bench = Bench()
    bench.now = 50.0
    bench.handle(Tick())
    assert bench.engine.next_deadline() == 51.0


def test_hello_is_said_every_second_even_if_a_tick_was_late() -> None:
    bench = Bench()
    bench.handle(ControlLinkUp(0, 1))
    for late in (0.0, 0.4, 0.0, 0.3):
        bench.now = bench.engine.next_deadline() + late
        assert bench.handle(Tick()) == [SendHello(Hello("A", INSTANCE, ()))]


def test_without_links_nothing_is_said() -> None:
    bench = Bench()
    bench.handle(LocalAddressesChanged((FOO,)))
    assert [bench.tick() for _ in range(40)] == [[]] * 40


def test_advertisements_come_every_4_seconds_in_flux_and_every_30_at_rest() -> None:
    bench = Bench()
    bench.handle(ControlLinkUp(0, 1))
    times = []
    for _ in range(80):
        if any(isinstance(message, RouterAdvertisement) for message, _ in sent(bench.ticks(1))):
            times.append(bench.now)
    assert times == [1.0, 5.0, 9.0, 39.0, 69.0]


# --- neighbors ------------------------------------------------------------------------------------------


def test_new_neighbor_is_asked_and_told_at_the_tick() -> None:
    bench = Bench()
    bench.handle(ControlLinkUp(0, 7))
    assert bench.receive(Hello("B", PEER, ("A",)), cost=7) == [RouterAdded(1, "B")]
    effects = bench.tick()
    assert RoutesChanged((RouterRoute(1, "B", 0, "B", 7, frozenset()),), 1) in effects
    assert TopologyChanged(1.0) in effects
    assert sent(effects) == [
        (LinkStateRequest("A", "B"), 0),
        (RouterAdvertisement("A", INSTANCE, 1, 0), None),
    ]


def test_lost_link_withdraws_routes_at_once_and_is_told_at_the_tick() -> None:
    bench = with_line()
    effects = bench.handle(ControlLinkDown(0))
    gone = [RouterRoute(index, name, None, None, None, frozenset()) for index, name in ((1, "B"), (2, "C"))]
    assert RoutesChanged(tuple(gone), 2) in effects
    assert logged(effects, "info") == ["Link to Neighbor Router Lost - link_tag=0"]
    effects = bench.tick()
    assert "Unreachable_ids: ['B', 'C']" in logged(effects, "info")


def test_neighbor_on_a_second_link_is_not_lost_with_the_first() -> None:
    bench = with_line()
    bench.handle(ControlLinkUp(3, 1))
    bench.receive(Hello("B", PEER, ("A",)), slot=3)
    effects = bench.handle(ControlLinkDown(0))
    moved = [RouterRoute(1, "B", 3, "B", 1, frozenset()), RouterRoute(2, "C", 3, "B", 6, frozenset())]
    assert effects == [RoutesChanged(tuple(moved), 2)]
    assert not of(bench.tick(), TopologyChanged)


def test_silent_neighbor_is_lost_after_three_seconds() -> None:
    bench = with_neighbor()
    unreachable = []
    for _ in range(4):
        unreachable.append("Unreachable_ids: ['B']" in logged(bench.tick(), "info"))
    assert unreachable == [False, True, False, False]


def test_new_cost_of_a_neighbor_is_told_without_losing_it() -> None:
    bench = with_neighbor()
    bench.receive(Hello("B", PEER, ("A",)), cost=4)
    effects = bench.tick()
    assert of(effects, RoutesChanged) == [RoutesChanged((RouterRoute(1, "B", 0, "B", 4, frozenset()),), 1)]
    assert (RouterAdvertisement("A", INSTANCE, 2, 0), None) in sent(effects)


def test_hello_of_a_closed_link_makes_no_neighbor() -> None:
    bench = Bench()
    effects = bench.receive(Hello("B", PEER, ("A",)), slot=9)
    assert [type(effect) for effect in effects] == [Log]
    assert bench.engine.nodes()[1:] == ()


@pytest.mark.parametrize(
    ("message", "critical"),
    [
        (Hello("A", INSTANCE), False),
        (Hello("A", INSTANCE - 1), True),
        (Hello("A", INSTANCE + 1), True),
        (RouterAdvertisement("A", INSTANCE, 1, 1), False),
        (RouterAdvertisement("A", INSTANCE - 1, 9, 9), False),
        (RouterAdvertisement("A", INSTANCE + 1, 1, 1), True),
        (LinkStateRequest("A"), False),
        (LinkStateUpdate("A", INSTANCE, 9, {"Q": 1}), False),
        (MobileAddressList("A", 9, (FOO,)), False),
    ],
)
def test_c6_duplicate_id_is_reported_once_and_own_messages_are_of_no_consequence(
    message: MeshMessage, critical: bool
) -> None:
    bench = with_neighbor()
    before = bench.engine.nodes()
    first, second = bench.receive(message), bench.receive(message)
    assert len(logged(first, "critical")) == critical
    assert all("duplicate ID A" in text for text in logged(first, "critical"))
    assert (len(first), second) == (critical, [])
    assert bench.engine.nodes() == before


def test_later_protocol_version_is_warned_of_once_for_each_router() -> None:
    bench = Bench()
    warnings = [
        logged(bench.receive(UnsupportedMessage(router_id, "RA", 2)), "warning")
        for router_id in ("B", "B", "C", "B")
    ]
    assert [len(texts) for texts in warnings] == [1, 0, 1, 0]
    assert "version 2 from C" in warnings[2][0]


# --- link states ----------------------------------------------------------------------------------------


def test_advertised_link_state_is_requested_at_once_and_only_once() -> None:
    bench = with_neighbor()
    assert sent(bench.advertise("B", 2, 1)) == [(LinkStateRequest("A", "B"), 0)]
    assert sent(bench.advertise("B", 2, 1)) == []
    assert sent(bench.advertise("B", 3, 1)) == [(LinkStateRequest("A", "B"), 0)]


def test_request_without_answer_is_repeated() -> None:
    bench = with_neighbor()
    bench.advertise("B", 2, 1)
    asked = []
    for number in range(10):
        if (LinkStateRequest("A", "B"), 0) in sent(bench.ticks(1)):
            asked.append(number)
    assert asked == [0, 2, 6]


def test_link_state_is_answered_by_the_state_under_its_number() -> None:
    bench = with_neighbor()
    answer = LinkStateUpdate("A", INSTANCE, 1, {"B": 1}, "B")
    assert sent(bench.receive(LinkStateRequest("B"))) == [(answer, 0)]


def test_request_that_cannot_be_answered_yet_is_answered_when_there_is_a_route() -> None:
    bench = with_neighbor()
    assert sent(bench.receive(LinkStateRequest("C"))) == []
    bench.link_state("B", 2, {"A": 1, "C": 5})
    messages = sent(bench.ticks(1))
    assert (LinkStateUpdate("A", INSTANCE, 1, {"B": 1}, "C"), 0) in messages
    assert (LinkStateRequest("A", "C"), 0) in messages
    assert (LinkStateUpdate("A", INSTANCE, 1, {"B": 1}, "C"), 0) not in sent(bench.ticks(1))


def test_routers_named_in_a_link_state_become_known_and_are_asked_once_reachable() -> None:
    bench = with_neighbor()
    assert of(bench.link_state("B", 2, {"A": 1, "C": 5}), RouterAdded) == [RouterAdded(2, "C")]
    effects = bench.ticks(1)
    assert RoutesChanged((RouterRoute(2, "C", 0, "B", 6, frozenset()),), 2) in effects
    assert (LinkStateRequest("A", "C"), 0) in sent(effects)


def test_link_state_with_the_same_peers_computes_nothing() -> None:
    bench = with_neighbor()
    bench.link_state("B", 9, {"A": 1})
    assert not of(bench.ticks(1), TopologyChanged)


def test_silent_router_is_forgotten_after_its_link_state_aged() -> None:
    bench = with_line()
    bench.link_state("B", 3, {"A": 1})
    removed = []
    for number in range(70):
        bench.advertise("B", 3, 1)
        if RouterRemoved(2, "C") in bench.ticks(1):
            removed.append(number)
    assert removed == [60]
    assert [row.router_id for row in bench.engine.nodes()] == ["A", "B"]
    assert of(bench.advertise("D", 1, 1), RouterAdded) == [RouterAdded(2, "D")]


def test_router_that_nobody_names_is_forgotten_after_three_ticks() -> None:
    bench = with_neighbor()
    bench.advertise("Z", 1, 1)
    assert [of(bench.ticks(1), RouterRemoved) for _ in range(3)] == [[], [], [RouterRemoved(2, "Z")]]


# --- restarts -------------------------------------------------------------------------------------------

RESTART = "Detected Restart of Router Node B"


def test_new_instance_flushes_addresses_and_asks_for_everything() -> None:
    bench = with_neighbor()
    effects = bench.advertise("B", 1, 1, instance=PEER + 9)
    assert logged(effects, "info") == [RESTART]
    assert FlushRouterAddresses(1) in effects
    assert sent(effects) == [(LinkStateRequest("A", "B"), 0)]
    assert (MobileAddressRequest("A", 0, "B"), 0) in sent(bench.ticks(1))


def test_c6_restart_is_noticed_by_a_link_state_too() -> None:
    bench = with_neighbor()
    bench.link_state("B", 8, {"A": 1})
    effects = bench.link_state("B", 1, {"A": 1, "C": 1}, instance=PEER + 9)
    assert logged(effects, "info") == [RESTART]
    assert RouterAdded(2, "C") in effects


@pytest.mark.parametrize(("later", "restarted"), [(1.0, False), (3.0, True)])
def test_earlier_instance_is_a_late_message_unless_the_later_one_is_silent(
    later: float, restarted: bool
) -> None:
    bench = with_neighbor()
    bench.advertise("B", 1, 1)
    bench.now += later
    assert (RESTART in logged(bench.advertise("B", 9, 9, instance=PEER - 1), "info")) == restarted


def test_numbers_that_stay_behind_are_a_restart_and_one_late_message_is_not() -> None:
    bench = with_neighbor()
    bench.link_state("B", 5, {"A": 1})
    texts = []
    for ls_seq in (4, 5, 4, 4, 1):
        bench.now += 1.0
        texts.append(logged(bench.advertise("B", ls_seq, 1), "info"))
    assert texts == [[], [], [], [RESTART], []]


# --- addresses ------------------------------------------------------------------------------------------


def test_local_addresses_of_a_tick_are_one_update_before_the_advertisement() -> None:
    bench = with_neighbor()
    bench.handle(LocalAddressesChanged((FOO, BAR)))
    expected = [
        (MobileAddressDifference("A", 1, (FOO, BAR), ()), None),
        (RouterAdvertisement("A", INSTANCE, 1, 1), None),
    ]
    assert sent(bench.ticks(1)) == expected
    changed = AddressDescriptor("Mbar", 1, in_links=3)
    bench.handle(LocalAddressesChanged(removed=("Mfoo",)))
    bench.handle(LocalAddressAttributesChanged((changed,)))
    message = MobileAddressDifference("A", 2, (changed,), ("Mfoo",))
    assert sent(bench.ticks(1))[0] == (message, None)


@pytest.mark.parametrize(("have", "answered"), [(0, True), (1, False), (2, False)])
def test_address_request_is_answered_if_it_is_behind(have: int, answered: bool) -> None:
    bench = with_neighbor()
    bench.handle(LocalAddressesChanged((BAR,)))
    bench.ticks(1)
    answer = [(MobileAddressList("A", 1, (BAR,), "B"), 0)]
    assert sent(bench.receive(MobileAddressRequest("B", have))) == (answer if answered else [])


def test_addresses_follow_the_updates_of_their_router() -> None:
    bench = with_neighbor()
    message = MobileAddressDifference("B", 2, (BAR,), ("Mfoo",))
    assert bench.receive(message) == [RemoteAddressesChanged(1, (BAR,), ("Mfoo",))]
    assert bench.receive(message) == []


def test_missed_update_leads_to_one_request() -> None:
    bench = with_neighbor()
    assert bench.receive(MobileAddressDifference("B", 3, (BAR,), ())) == []
    bench.advertise("B", 1, 3)
    assert sent(bench.ticks(1)) == [(MobileAddressRequest("A", 1, "B"), 0)]
    effects = bench.receive(MobileAddressList("B", 3, (BAR,)))
    assert effects == [RemoteAddressesChanged(1, (BAR,), ("Mfoo",))]
    assert not any(isinstance(message, MobileAddressRequest) for message, _ in sent(bench.ticks(10)))


def test_update_that_arrives_after_its_advertisement_needs_no_request() -> None:
    bench = with_neighbor()
    bench.advertise("B", 1, 2)
    bench.receive(MobileAddressDifference("B", 2, (BAR,), ()))
    assert not any(isinstance(message, MobileAddressRequest) for message, _ in sent(bench.ticks(10)))


def test_a_reachable_router_that_tells_nothing_of_its_addresses_is_asked_once_after_some_seconds() -> None:
    """Its advertisement may have been forgotten with it while it could not be reached."""
    bench = with_neighbor()
    bench.link_state("B", 2, {"A": 1, "C": 5})
    bench.tick()
    bench.link_state("C", 1, {"B": 5})
    question = MobileAddressRequest("A", 0, "C")
    asked = [question in [message for message, _ in sent(bench.ticks(1))] for _ in range(20)]
    assert [number for number, one in enumerate(asked, 2) if one] == [5]


@pytest.mark.parametrize(
    "message",
    [
        MobileAddressList("Q", 1, (FOO,)),
        MobileAddressDifference("Q", 1, (FOO,), ()),
        MobileAddressRequest("Q", 0),
    ],
)
def test_address_message_of_an_unknown_router_is_logged_and_dropped(message: MeshMessage) -> None:
    effects = with_neighbor().receive(message)
    assert [type(effect) for effect in effects] == [Log]
    assert "unknown router Q" in logged(effects, "debug")[0]


def test_addresses_of_an_unreachable_router_are_not_taken_in() -> None:
    bench = with_line()
    bench.handle(ControlLinkDown(0))
    bench.tick()
    assert bench.receive(MobileAddressDifference("C", 2, (FOO,), ())) == []


@pytest.mark.parametrize("holdoff", [0, 1, 3])
def test_c6_addresses_of_an_unreachable_router_are_flushed_after_the_holdoff(holdoff: int) -> None:
    bench = Bench(MeshConfig("A", INSTANCE, unreachable_holdoff=holdoff))
    bench.handle(ControlLinkUp(0, 1))
    bench.ticks(1)
    bench.link_state("B", 1, {"A": 1})
    bench.receive(MobileAddressList("B", 1, (FOO,)))
    bench.handle(ControlLinkDown(0))
    flushed = [FlushRouterAddresses(1) in bench.tick() for _ in range(6)]
    assert flushed == [number == holdoff for number in range(6)]


def test_c6_router_that_returns_within_the_holdoff_keeps_its_addresses() -> None:
    bench = Bench(MeshConfig("A", INSTANCE, unreachable_holdoff=3))
    bench.handle(ControlLinkUp(0, 1))
    bench.ticks(1)
    bench.advertise("B", 1, 1)
    bench.receive(MobileAddressList("B", 1, (FOO,)))
    bench.handle(ControlLinkDown(0))
    bench.tick()
    bench.handle(ControlLinkUp(0, 1))
    effects = bench.ticks(8)
    assert not of(effects, FlushRouterAddresses)
    assert not any(isinstance(message, MobileAddressRequest) for message, _ in sent(effects))


# --- management -----------------------------------------------------------------------------------------


def test_rows_for_management_show_self_neighbor_and_the_router_behind_it() -> None:
    own, near, far = with_line().engine.nodes()
    assert (own.router_id, own.index, own.next_hop, own.cost, own.router_link) == (
        "A",
        0,
        "(self)",
        None,
        None,
    )
    assert (own.link_state, own.instance, own.last_topology_change) == (("B",), INSTANCE, 4.0)
    assert (near.router_id, near.index, near.next_hop, near.cost, near.router_link) == ("B", 1, None, 1, 0)
    assert (near.protocol_version, near.instance, near.link_state) == (1, PEER, ("A", "C"))
    assert (far.router_id, far.index, far.next_hop, far.cost, far.router_link) == ("C", 2, "B", 6, None)
    assert far.last_topology_change is None


def test_c5_there_is_no_limit_of_128_routers() -> None:
    bench = with_neighbor()
    effects = bench.link_state("B", 2, {"A": 1} | {f"R{number}": 1 for number in range(300)})
    assert [effect.index for effect in effects if isinstance(effect, RouterAdded)] == list(range(2, 302))
    [changed] = [effect for effect in bench.ticks(1) if isinstance(effect, RoutesChanged)]
    assert [(route.index, route.next_hop, route.cost) for route in changed.routes] == [
        (index, 0, 2) for index in range(2, 302)
    ]


def test_rows_name_valid_origins_by_id() -> None:
    bench = Bench()
    bench.handle(ControlLinkUp(0, 1))
    bench.handle(ControlLinkUp(1, 1))
    bench.ticks(1, heard=("B", "C"))
    bench.link_state("B", 1, {"A": 1})
    bench.link_state("C", 1, {"A": 1})
    bench.ticks(1, heard=("B", "C"))
    assert [(row.router_id, row.valid_origins) for row in bench.engine.nodes()[1:]] == [
        ("B", ("C",)),
        ("C", ("B",)),
    ]


# --- every state, every input ---------------------------------------------------------------------------

IDS = st.sampled_from("ABCD")
SLOTS = st.integers(0, 2)
SEQUENCES = st.integers(0, 4)
INSTANCES = st.sampled_from([PEER, PEER, PEER + 1])
ADDRESSES = st.lists(st.sampled_from([FOO, BAR]), max_size=2).map(tuple)
COSTS = st.dictionaries(IDS, st.integers(1, 3), max_size=3)
ANY_MESSAGE: st.SearchStrategy[MeshMessage] = st.one_of(
    st.builds(Hello, IDS, INSTANCES, st.lists(IDS, max_size=3).map(tuple)),
    st.builds(Hello, IDS, INSTANCES, st.just(("A",))),
    st.builds(RouterAdvertisement, IDS, INSTANCES, SEQUENCES, SEQUENCES),
    st.builds(LinkStateRequest, IDS),
    st.builds(LinkStateUpdate, IDS, INSTANCES, SEQUENCES, COSTS),
    st.builds(MobileAddressDifference, IDS, SEQUENCES, ADDRESSES, st.just(("Mfoo",))),
    st.builds(MobileAddressList, IDS, SEQUENCES, ADDRESSES),
    st.builds(MobileAddressRequest, IDS, SEQUENCES),
    st.builds(UnsupportedMessage, IDS, st.just("RA"), st.just(7)),
)
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.just(Tick()),
    st.builds(ControlLinkUp, SLOTS, st.integers(1, 3)),
    st.builds(ControlLinkDown, SLOTS),
    st.builds(MessageReceived, ANY_MESSAGE, SLOTS, st.integers(1, 3)),
    st.builds(LocalAddressesChanged, ADDRESSES, st.just(("Mbar",))),
    st.builds(LocalAddressAttributesChanged, ADDRESSES),
)


@given(st.lists(st.tuples(ANY_EVENT, st.sampled_from([0.0, 0.5, 1.0, 4.0, 70.0])), max_size=40))
def test_effects_of_any_events_are_about_open_links_and_known_routers(
    events: list[tuple[Event, float]],
) -> None:
    engine, now = MeshEngine(MeshConfig("A", INSTANCE), 0.0), 0.0
    slots: set[int] = set()
    routers: dict[int, str] = {}
    holding: dict[int, set[str]] = {}
    for event, later in events:
        now += later
        if isinstance(event, ControlLinkUp):
            slots.add(event.slot)
        elif isinstance(event, ControlLinkDown):
            slots.discard(event.slot)
        for effect in engine.handle(event, now):
            match effect:
                case SendHello():
                    assert slots
                case SendMessage():
                    assert effect.slot is None or effect.slot in slots
                case RouterAdded():
                    assert effect.index not in routers
                    assert effect.router_id not in (*routers.values(), "A")
                    routers[effect.index], holding[effect.index] = effect.router_id, set()
                case RouterRemoved():
                    assert routers.pop(effect.index) == effect.router_id
                    assert not holding.pop(effect.index)
                case RoutesChanged():
                    for route in effect.routes:
                        assert routers[route.index] == route.router_id
                        assert route.next_hop is None or route.next_hop in slots
                case RemoteAddressesChanged():
                    holding[effect.index] |= {address.key for address in effect.added}
                    assert set(effect.removed) <= holding[effect.index]
                    holding[effect.index] -= set(effect.removed)
                case FlushRouterAddresses():
                    holding[effect.index].clear()
        assert {row.index: row.router_id for row in engine.nodes()[1:]} == routers


def test_mesh_too_large_for_the_reference_is_warned_of_once_until_it_was_smaller() -> None:
    bench = with_neighbor()
    peers = {"A": 1} | {f"R{number}": 1 for number in range(125)}
    bench.link_state("B", 2, peers)
    effects = bench.ticks(2)
    assert logged(effects, "warning") == []
    bench.link_state("B", 3, peers | {"S1": 1, "S2": 1})
    assert logged(bench.ticks(3), "warning") == [
        "The mesh has grown to 129 routers; a skupper-router knows at most 128, neither reaches the others "
        "nor forwards for them; let only skrouter join a larger mesh"
    ]
    bench.link_state("B", 4, peers)
    assert logged(bench.ticks(6), "warning") == []
    bench.link_state("B", 5, peers | {"S1": 1, "S2": 1, "S3": 1})
    assert [text[:36] for text in logged(bench.ticks(1), "warning")] == [
        "The mesh has grown to 130 routers; a"
    ]


def test_paths_of_a_mesh_too_large_for_the_reference_are_counted_in_the_log() -> None:
    bench = with_neighbor()
    peers = {"A": 1} | {f"R{number}": 1 for number in range(300)}
    bench.link_state("B", 2, peers)
    assert "Computed paths: 300 of 301 changed, radius: 2" in logged(bench.ticks(1), "info")
    bench.link_state("B", 3, peers | {"R7": 4})
    effects = bench.ticks(1)
    assert logged(effects, "info") == ["Computed paths: 1 of 301 changed, radius: 2"]


def test_only_the_routes_that_a_change_concerns_are_told() -> None:
    bench = with_neighbor()
    peers = {"A": 1} | {f"R{number}": 1 for number in range(30)}
    bench.link_state("B", 2, peers)
    bench.ticks(1)
    bench.link_state("B", 3, peers | {"R7": 4})
    [changed] = [effect for effect in bench.ticks(1) if isinstance(effect, RoutesChanged)]
    assert [(route.router_id, route.cost) for route in changed.routes] == [("R7", 5)]


def test_route_withdrawn_with_its_link_is_told_again_though_the_same_path_is_found() -> None:
    bench = with_line()
    gone = bench.handle(ControlLinkDown(0))
    assert [route.next_hop for route in of(gone, RoutesChanged)[0].routes] == [None, None]  # type: ignore[attr-defined]
    bench.handle(ControlLinkUp(0, 1))
    back = bench.ticks(1)
    assert [(route.router_id, route.next_hop, route.cost) for route in of(back, RoutesChanged)[0].routes] == [  # type: ignore[attr-defined]
        ("B", 0, 1),
        ("C", 0, 6),
    ]
