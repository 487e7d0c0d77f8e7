"""One engine against scripted neighbors: link states, restarts and addresses of the others."""

import pytest
from skrouter.router.mesh.config import MeshConfig
from skrouter.router.mesh.effects import (
    FlushRouterAddresses,
    Log,
    RemoteAddressesChanged,
    RouterAdded,
    RouterRemoved,
    RouterRoute,
    RoutesChanged,
    TopologyChanged,
)
from skrouter.router.mesh.events import (
    ControlLinkDown,
    ControlLinkUp,
    LocalAddressAttributesChanged,
    LocalAddressesChanged,
)
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    LinkStateRequest,
    LinkStateUpdate,
    MeshMessage,
    MobileAddressDifference,
    MobileAddressList,
    MobileAddressRequest,
    RouterAdvertisement,
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
