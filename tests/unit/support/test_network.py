"""The mesh simulator itself: a seed is a reproduction, faults happen, and the oracles see what is wrong."""

from random import Random

import pytest
from skrouter.router.mesh.effects import RouterRoute
from skrouter.router.mesh.messages import AddressDescriptor
from skrouter_testing.mesh_simulator import Clock, Faults, Network
from skrouter_testing.network import Oracle, live, main, random_network


def line(faults: Faults | None = None) -> Network:
    """A - B - C at rest, each with an address."""
    network = Network(Random(1), faults)
    for name in "ABC":
        network.add_router(name).change_addresses((AddressDescriptor(f"M{name}", 3),), ())
    network.join("A", "B")
    network.join("B", "C", 5)
    network.run(20.0)
    return network


def test_clock_runs_actions_in_the_order_of_their_times() -> None:
    clock, seen = Clock(), []
    clock.at(2.0, lambda: seen.append("late"))
    clock.at(1.0, lambda: clock.at(1.5, lambda: seen.append("between")))
    clock.at(1.0, lambda: seen.append("early"))
    clock.at(9.0, lambda: seen.append("never"))
    clock.run_until(3.0)
    assert (seen, clock.now) == (["early", "between", "late"], 3.0)


def test_network_at_rest_has_no_faults() -> None:
    assert list(Oracle(line()).faults()) == []


def test_same_seed_gives_the_same_life() -> None:
    lives = []
    for _ in range(2):
        network = random_network(Random(3), 5)
        network.run(30.0)
        lives.append((network.delivered, [router.sent for router in network.routers.values()]))
    assert lives[0] == lives[1]


def test_all_messages_lost_means_that_nobody_knows_anybody() -> None:
    network = line(Faults(loss=1.0))
    assert network.delivered == 0
    assert any("has routes to []" in fault for fault in Oracle(network).faults())


def test_duplicated_messages_arrive_twice() -> None:
    assert line(Faults(duplication=1.0)).delivered > 1.8 * line().delivered


def test_reordered_messages_overtake_each_other() -> None:
    network = line(Faults(delay=(0.0, 3.0), reordering=1.0))
    assert network.delivered > 0


@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        (RouterRoute(2, "C", None, None, None, frozenset()), "has routes to ['B']"),
        (RouterRoute(2, "C", 0, "B", 7, frozenset()), "next hop and cost to C"),
        (RouterRoute(2, "C", 3, "B", 6, frozenset()), "does not lead there"),
        (RouterRoute(2, "C", 0, "B", 6, frozenset({1})), "valid origins of C"),
    ],
)
def test_oracle_sees_a_wrong_route(route: RouterRoute, sentence: str) -> None:
    network = line()
    assert network.routers["A"].routes["C"] == RouterRoute(2, "C", 0, "B", 6, frozenset())
    network.routers["A"].routes["C"] = route
    assert any(sentence in fault for fault in Oracle(network).faults())


def test_oracle_sees_missing_and_surplus_addresses() -> None:
    network = line()
    network.routers["A"].remote["C"].clear()
    assert list(Oracle(network).faults()) == ["A: addresses of C are [], expected ['MC']"]
    network = line()
    network.routers["B"].remote["A"]["Mx"] = AddressDescriptor("Mx")
    assert list(Oracle(network).faults()) == ["B: addresses of A are ['MA', 'Mx'], expected ['MA']"]


def test_oracle_sees_a_loop_and_a_refused_origin() -> None:
    network = line()
    b = network.routers["B"]
    b.routes["C"] = RouterRoute(b.routes["C"].index, "C", 0, "A", 5, frozenset())
    found = list(Oracle(network).faults())
    assert any("from A to C: no way on" in fault for fault in found)
    assert any("B does not take A for a valid origin" in fault for fault in found)


def test_stopped_router_is_forgotten_and_comes_back() -> None:
    network = line()
    network.restart("C", pause=70.0, remember=False)
    network.run(69.0)
    assert set(network.routers["A"].remote) == {"B"}
    network.run(15.0)
    assert list(Oracle(network).faults()) == []


def test_command_line_names_the_seeds_that_fail(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--first", "4", "--routers", "3"]) == 0
    assert capsys.readouterr().out == "2 seeds, 0 failed: []\n"


def test_life_reports_what_is_wrong_at_the_end_of_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skrouter_testing.network.QUIET", 0.0)
    found = live(1, 4, rounds=1, disturbances=6)
    assert found
    assert all(fault.startswith("seed 1 round 0: ") for fault in found)
