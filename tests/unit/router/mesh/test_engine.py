"""One engine against scripted neighbors: the rules that the recorded conversation does not show."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import (
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
from skrouter_testing.mesh_bench import (
    BAR,
    FOO,
    INSTANCE,
    PEER,
    Bench,
    logged,
    of,
    sent,
    with_line,
    with_neighbor,
)

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
        (Hello("A", INSTANCE), True),
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
