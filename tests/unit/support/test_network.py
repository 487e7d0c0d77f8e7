"""The mesh simulator itself: a seed is a reproduction, faults happen, and the oracles see what is wrong."""

from random import Random

import pytest
from skrouter.router.mesh.effects import RouterRoute
from skrouter.router.mesh.messages import AddressDescriptor
from skrouter_testing import mesh_life
from skrouter_testing.mesh_life import Plan, live, plan, random_network
from skrouter_testing.mesh_oracle import Oracle, circle_faults, follow
from skrouter_testing.mesh_paths import OwnPaths
from skrouter_testing.mesh_simulator import Clock, Faults, Network
from skrouter_testing.network import main, run_seeds, seed_range
from skrouter_testing.simulated_router import Stopwatch


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
        lives.append((network.delivered, network.originated, network.carried))
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


def test_oracle_sees_a_circle_and_a_refused_origin() -> None:
    network = line()
    b = network.routers["B"]
    b.routes["C"] = RouterRoute(b.routes["C"].index, "C", 0, "A", 5, frozenset())
    found = list(Oracle(network).faults())
    assert any("from B to C: no way on at A after 1 hops" in fault for fault in found)
    assert any("from A to C: B does not take A for a valid origin" in fault for fault in found)


def test_oracle_sees_a_circle_of_routers_that_agree() -> None:
    network = line()
    assert list(circle_faults(network)) == []
    a, b = network.routers["A"], network.routers["B"]
    b.routes["C"] = RouterRoute(b.routes["C"].index, "C", 0, "A", 5, frozenset({b.indexes["A"]}))
    assert follow(network, "A", "C").is_circle
    assert list(circle_faults(network)) == [
        "from A to C: A-B agree on the links and send it in a circle",
    ]
    a.paths.update({"C": {"B": 9}})
    assert list(circle_faults(network)) == []


def test_oracle_sees_that_a_router_is_not_forgotten_yet() -> None:
    network = line()
    network.close(network.links[1])
    network.run(10.0)
    assert list(Oracle(network).faults(forgotten=False)) == []
    assert list(Oracle(network).faults()) == [
        "A knows ['B', 'C'], but can reach ['B']",
        "B knows ['A', 'C'], but can reach ['A']",
        "C knows ['A', 'B'], but can reach []",
        "B: valid origins of A are ['C'], expected []",
    ]


def test_slow_router_does_one_thing_after_the_other_and_loses_what_it_cannot_hold() -> None:
    network = line()
    b = network.routers["B"]
    b.slowness, done = 0.5, []
    for number in range(9):
        b.work(lambda number=number: done.append((number, network.clock.now)), droppable=True)
    began = network.clock.now
    network.run(10.0)
    assert done[:3] == [(0, began + 0.5), (1, began + 1.0), (2, began + 1.5)]
    assert [number for number, _ in done] == [0, 1, 2, 3]


def test_cost_of_a_living_link_changes_at_both_ends() -> None:
    network = line()
    network.links[0].cost = 4
    network.run(5.0)
    assert list(Oracle(network).faults()) == []
    assert network.routers["C"].routes["A"].cost == 9


def test_flood_is_taken_once_however_many_ways_it_comes() -> None:
    network = Network(Random(1))
    names = "ABCDEF"
    for name in names:
        network.add_router(name)
    for one in names:
        for other in names[names.index(one) + 1 :]:
            network.join(one, other)
    network.run(40.0)
    floods = network.originated["RouterAdvertisement"]
    assert floods > 0
    assert network.carried["RouterAdvertisement"] <= 2 * len(network.links) * floods


def test_paths_computed_on_demand_are_those_of_a_router() -> None:
    lives = []
    for paths in (None, OwnPaths):
        network = Network(Random(5))
        for name in "ABCDE":
            network.add_router(name, *([paths] if paths else []))
        for one, other, cost in (("A", "B", 1), ("B", "C", 1), ("C", "D", 2), ("D", "A", 1), ("D", "E", 1)):
            network.join(one, other, cost)
        network.run(30.0)
        assert list(Oracle(network).faults()) == []
        routers = network.routers.values()
        lives.append(
            (
                {
                    (r.router_id, t): (way.next_hop_id, way.cost)
                    for r in routers
                    for t, way in r.routes.items()
                },
                {
                    (r.router_id, target, origin): r.takes_origin(way, origin)
                    for r in routers
                    for target, way in r.routes.items()
                    for origin in r.indexes
                },
            )
        )
    assert lives[0] == lives[1]


def test_stopwatch_adds_up_one_engine() -> None:
    network = line()
    network.routers["A"].stopwatch = watch = Stopwatch()
    network.run(5.0)
    assert {"Tick", "Hello"} <= watch.worst.keys()
    assert watch.total >= max(watch.worst.values()) > 0.0


def test_stopped_router_is_forgotten_and_comes_back() -> None:
    network = line()
    network.restart("C", pause=70.0, remember=False)
    network.run(69.0)
    assert set(network.routers["A"].remote) == {"B"}
    network.run(15.0)
    assert list(Oracle(network).faults()) == []


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", range(3)), ("4-6", range(4, 7)), ("17-17", range(17, 18)), ("0-0", range(1))]
)
def test_seeds_are_a_number_or_a_range(text: str, seeds: range) -> None:
    assert seed_range(text) == seeds


@pytest.mark.parametrize("text", ["", "0", "x", "4-", "-4", "9-3", "1-2-3"])
def test_other_seeds_are_refused_with_an_example(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--seeds={text}"])
    assert (
        f"{text!r} is neither a number of seeds nor first-last, as in 100 or 17-17" in capsys.readouterr().err
    )


def test_command_line_names_the_seeds_that_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--seeds", "4-5", "--routers", "3", "--jobs", "1"]) == 0
    assert capsys.readouterr().out == "2 seeds of 3 routers, 0 failed: []\n"
    monkeypatch.setattr("skrouter_testing.network.live", lambda seed, _plan: ["broken"] if seed == 5 else [])
    assert main(["--seeds", "4-5", "--routers", "3", "--jobs", "1"]) == 1
    assert capsys.readouterr().out == "broken\n2 seeds of 3 routers, 1 failed: [5]\n"


def test_engine_that_breaks_is_a_fault_of_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_seed: int, _plan: Plan) -> list[str]:
        raise KeyError("slot 9")

    monkeypatch.setattr("skrouter_testing.network.live", broken)
    [(seed, [fault])] = run_seeds([7], 3, 1)
    assert seed == 7
    assert fault.startswith("seed 7: Traceback")
    assert "slot 9" in fault


def test_one_seed_is_replayed_with_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    written = []
    for _ in range(2):
        assert main(["--seeds", "17-17", "--routers", "4"]) == 0
        written.append(capsys.readouterr().out)
    assert written[0] == written[1]
    assert f"seed 17: {plan(17, 4)}\n" in written[0]
    for part in ("***: rest", "gets RouterAdvertisement(", ": routes R"):
        assert part in written[0]


def test_life_reports_what_is_wrong_at_the_end_of_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_life, "AGREEMENT", 0.0)
    found = live(1, Plan(4, disturbances=6, forgets=False))
    assert found
    assert all(fault.startswith("seed 1 round 0: ") for fault in found)
