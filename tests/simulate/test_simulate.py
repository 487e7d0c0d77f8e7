"""Meshes of engines under faults: whatever happens, after a quiet time everybody agrees with the truth."""

from collections.abc import Callable
from random import Random

import pytest
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    Hello,
    KnownMessage,
    LinkStateRequest,
    LinkStateUpdate,
    MobileAddressDifference,
    MobileAddressList,
    MobileAddressRequest,
    RouterAdvertisement,
)
from skrouter_testing.mesh_life import LARGE, Plan, live, plan, random_network
from skrouter_testing.mesh_oracle import Oracle
from skrouter_testing.mesh_simulator import Network

RA_INTERVAL = 30.0
FLUX = 8.0
"""Seconds after a change in which advertisements come every 4."""


@pytest.mark.parametrize("seed", range(24))
def test_disturbed_mesh_agrees_with_the_truth_after_a_rest(seed: int) -> None:
    """Within one RA period for routes and addresses; campaigns of more seeds: `make simulate`."""
    assert live(seed, plan(seed, 12)) == []


def test_disturbed_large_mesh_agrees_with_the_truth_after_a_rest() -> None:
    assert live(1, Plan(LARGE, disturbances=3, forgets=False)) == []


def ring(size: int) -> Network:
    """Routers in a ring, one chord, at rest."""
    network = Network(Random(7))
    names = [f"R{number}" for number in range(size)]
    for name in names:
        network.add_router(name).change_addresses((AddressDescriptor(f"M{name}", 3),), ())
    for number, name in enumerate(names):
        network.join(name, names[(number + 1) % size], 1 + number % 2)
    network.join(names[0], names[size // 2], 2)
    network.run(60.0)
    assert list(Oracle(network).faults()) == []
    return network


def test_mesh_agrees_through_cores_that_forward_as_the_reference_does() -> None:
    network = Network(Random(11))
    network.reference_core = True
    for number in range(7):
        network.add_router(f"R{number}").change_addresses((AddressDescriptor(f"MR{number}", 3),), ())
        if number:
            network.join(f"R{number - 1}", f"R{number}", 1 + number % 3)
    network.run(60.0)
    network.join("R0", "R6", 1)
    network.run(60.0)
    assert list(Oracle(network).faults()) == []


def lose_first(network: Network, kind: type, number: int) -> list[KnownMessage]:
    """Lose the first messages of a kind; the list fills with what was lost."""
    lost: list[KnownMessage] = []

    def is_lost(message: KnownMessage, sender: str) -> bool:
        if isinstance(message, kind) and len(lost) < number:
            lost.append(message)
            return True
        return False

    network.is_lost = is_lost
    return lost


def change_addresses(network: Network) -> None:
    """An address comes at one router and another goes."""
    network.routers["R1"].change_addresses((AddressDescriptor("Mnew", 1),), ("MR1",))


def change_topology(network: Network) -> None:
    """A link fails."""
    network.close(network.links[2])


SENT_AFTER_LOSS_OF: dict[type, type] = {
    MobileAddressList: MobileAddressDifference,
    MobileAddressRequest: MobileAddressDifference,
    LinkStateRequest: LinkStateUpdate,
}
"""What is only sent where a message of the second kind was lost before."""


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (MobileAddressDifference, change_addresses),
        (MobileAddressList, change_addresses),
        (MobileAddressRequest, change_addresses),
        (RouterAdvertisement, change_addresses),
        (RouterAdvertisement, change_topology),
        (LinkStateUpdate, change_topology),
        (LinkStateRequest, change_topology),
        (Hello, change_topology),
    ],
)
@pytest.mark.parametrize("number", [1, 2, 4])
def test_lost_messages_are_made_up_for_within_one_advertisement_period(
    kind: type, change: Callable[[Network], None], number: int
) -> None:
    network = ring(6)
    lost = lose_first(network, kind, number)
    if kind in SENT_AFTER_LOSS_OF:
        both = lose_first(network, SENT_AFTER_LOSS_OF[kind], 2)
        rest, lost = network.is_lost, lose_first(network, kind, number)
        later = network.is_lost
        network.is_lost = lambda message, sender: rest(message, sender) or later(message, sender)
        assert both == []
    change(network)
    network.run(RA_INTERVAL + 5.0)
    assert lost
    assert list(Oracle(network).faults()) == []


def test_neighbor_is_replaced_by_a_longer_way_within_seconds_of_a_lost_link() -> None:
    network = ring(8)
    change_topology(network)
    network.run(3.0)
    assert list(Oracle(network).faults()) == []


def test_one_way_link_carries_no_routes() -> None:
    network = ring(5)
    network.links[0].cut = {"R0"}
    network.run(10.0)
    assert list(Oracle(network).faults()) == []
    network.links[0].cut.clear()
    network.run(10.0)
    assert list(Oracle(network).faults()) == []


@pytest.mark.parametrize("remember", [False, True])
@pytest.mark.parametrize("pause", [0.0, 0.2, 5.0])
def test_c6_restarted_router_is_known_again_within_one_flux_period(remember: bool, pause: float) -> None:
    network = ring(6)
    network.routers["R2"].change_addresses((AddressDescriptor("Mlater", 2),), ())
    network.run(3.0)
    network.restart("R2", pause, remember=remember)
    network.run(pause + 12.0)
    assert list(Oracle(network).faults()) == []


# --- how many messages a change costs -------------------------------------------------------------------


def count_messages(network: Network, change: Callable[[Network], None], seconds: float) -> dict[str, int]:
    """Messages that engines send for a change, by kind, and what links carry besides HELLO."""
    network.run(RA_INTERVAL)
    network.originated.clear()
    network.carried.clear()
    change(network)
    network.run(seconds)
    carried = sum(number for kind, number in network.carried.items() if kind != "Hello")
    return {**network.originated, "carried": carried}


@pytest.mark.parametrize("size", [6, 18])
def test_a_changed_address_costs_one_update_and_one_advertisement(size: int) -> None:
    """Flooded each: the update along one tree, the advertisement over each link at most once each way.

    The window holds a periodic advertisement of each router in `seconds / 30` of all cases.
    """
    network = ring(size)
    sent = count_messages(network, change_addresses, 5.0)
    assert sent["MobileAddressDifference"] == 1
    assert sent["RouterAdvertisement"] <= 1 + size
    assert sent.keys() == {"MobileAddressDifference", "RouterAdvertisement", "carried"}
    flooded = sent["RouterAdvertisement"] * 2 * len(network.links)
    assert sent["carried"] <= flooded + size - 1


@pytest.mark.parametrize("size", [6, 18])
def test_a_lost_link_costs_two_link_states_and_no_question(size: int) -> None:
    """Its two ends tell all others what links they have left.

    Every router's path computation starts a time of flux, with an advertisement every 4 seconds.
    """
    network = ring(size)
    sent = count_messages(network, change_topology, FLUX + 4.0)
    assert sent["LinkStateUpdate"] == 2
    assert sent["RouterAdvertisement"] <= 2 + 4 * size
    assert sent.keys() == {"LinkStateUpdate", "RouterAdvertisement", "carried"}
    flooded = sent["RouterAdvertisement"] + sent["LinkStateUpdate"]
    assert sent["carried"] <= flooded * 2 * len(network.links)


@pytest.mark.parametrize("size", [6, 18])
def test_a_lost_link_is_routed_around_by_all_routers_within_half_a_second(size: int) -> None:
    network = ring(size)
    change_topology(network)
    network.run(0.5)
    assert list(Oracle(network).faults()) == []


def test_start_of_a_mesh_asks_each_router_a_bounded_number_of_times() -> None:
    network = random_network(Random(3), LARGE)
    network.run(30.0)
    size = len(network.routers)
    assert list(Oracle(network).faults()) == []
    assert network.originated["LinkStateUpdate"] <= 4 * size * size
    assert network.carried["RouterAdvertisement"] <= (
        2 * len(network.links) * network.originated["RouterAdvertisement"]
    )
