"""The map and the explanations of skstat on real routers: a triangle A, B, C with an edge router on A."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.topology import Link, Topology

WIDTH = 80


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    links = [Link("B", "A", cost=3), Link("C", "B", cost=2), Link("C", "A", cost=9), Link("E", "A")]
    broken = section("connector", name="broken", host=HOST, port=free_port(), role="route-container")
    with Routers(tmp_path_factory.mktemp("skstat")) as routers:
        net = Topology(routers, ["A", "B", "C", "E"], links, extra={"B": broken}).start()
        wait_until(lambda: is_quiet(mapped(net, "A")), "the whole map, and the connector to fail")
        yield net


def skstat(net: Topology, at: str, *arguments: str) -> str:
    command = [sys.executable, "-P", "-m", "skrouter.cli.skstat", "-b", f"{HOST}:{net.ports[at]}"]
    environment = {**os.environ, "COLUMNS": str(WIDTH)}
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=30, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def explained(net: Topology, at: str, address: str) -> dict[str, Any]:
    """As programs get it; and people's text has its width and its verdict."""
    text = skstat(net, at, "--explain", address)
    assert max(map(len, text.split("\n"))) <= WIDTH, text
    found: dict[str, Any] = json.loads(skstat(net, at, "--explain", address, "--json"))
    explanation: dict[str, Any] = found["routers"][0]["explanation"]
    assert f"{address} -> {explanation['verdict'].split()[0]}" in text
    return explanation


def way(explanation: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The routers and where each sends it."""
    return [
        (hop["router"], [one["kind"] for one in hop["destinations"] if one["chosen"]])
        for hop in explanation["hops"]
    ]


def mapped(net: Topology, at: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(skstat(net, at, "--topology", "--json"))["routers"][0]
    return found


def is_quiet(found: dict[str, Any]) -> bool:
    """Whether the broken connector is all that is wrong: a new link is known to one end before the other."""
    return [one.startswith("B: connector broken") for one in found["problems"]] == [True]


def test_map_shows_the_shortest_ways_and_what_is_beside_them(net):
    found = mapped(net, "A")
    tree, others = found["tables"]
    assert [(row["id"], row["parent"], row["cost"], row["linkCost"]) for row in tree["rows"]] == [
        ("A", None, 0, None),
        ("B", "A", 3, 3),
        ("C", "B", 5, 2),
        ("E", "A", None, None),
    ]
    assert [(row["between"], row["and"], row["cost"]) for row in others["rows"]] == [("A", "C", "9")]
    (problem,) = found["problems"]
    assert problem.startswith("B: connector broken (route-container) to ")
    assert "Connection refused" in problem


def test_map_is_drawn_as_a_tree(net):
    text = skstat(net, "A", "--topology")
    for line in ("  A ", "  ├─ B ", "  │  └─ C ", "  └─ E "):
        assert any(one.startswith(line) for one in text.split("\n")), text
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_map_from_an_edge_router_goes_through_its_interior_router(net):
    tree = mapped(net, "E")["tables"][0]
    assert [(row["id"], row["parent"]) for row in tree["rows"]] == [
        ("E", None),
        ("A", "E"),
        ("B", "A"),
        ("C", "B"),
    ]


def test_consumer_at_the_end_of_the_shortest_way_is_found(net, address):
    with Client(net.ports["C"]) as there:
        there.receiver(address)
        net.wait_reachable("A", address)
        found = explained(net, "A", address)
    assert way(found) == [("A", ["router"]), ("B", ["router"]), ("C", ["consumer"])]
    assert found["verdict"] == "1 consumer at C"
    assert found["hops"][-1]["destinations"][0]["credit"] > 0


def test_consumer_on_an_edge_router_is_found_from_afar_and_from_below(net, address):
    with Client(net.ports["E"]) as below, Client(net.ports["C"]) as far:
        below.receiver(address)
        far.sender(address).wait_credit()
        found = explained(net, "C", address)
        assert way(found) == [("C", ["router"]), ("B", ["router"]), ("A", ["peer"]), ("E", ["consumer"])]
        assert way(explained(net, "E", address)) == [("E", ["consumer"])]


def test_edge_router_asks_above_for_what_it_does_not_know(net, address):
    with Client(net.ports["B"]) as there:
        there.receiver(address)
        net.wait_reachable("A", address)
        found = explained(net, "E", address)
    assert way(found) == [("E", ["uplink"]), ("A", ["router"]), ("B", ["consumer"])]


def test_address_without_consumers_goes_nowhere_and_its_sender_is_shown_without_credit(net, address):
    with Client(net.ports["A"]) as here:
        here.sender(address)
        found = explained(net, "A", address)
    assert not found["arrives"]
    assert found["verdict"].startswith("nowhere: nobody consumes")
    assert [one["credit"] for one in found["hops"][0]["senders"]] == [0]


def test_unknown_address_goes_nowhere_and_a_similar_one_is_named(net, address):
    with Client(net.ports["A"]) as here:
        here.receiver(f"{address}-stock")
        net.wait_local("A", f"{address}-stock", 1)
        found = explained(net, "A", f"{address}-stokc")
    assert found["verdict"].startswith("nowhere")
    assert found["similar"][0] == f"{address}-stock"


def test_multicast_goes_to_every_consumer_by_one_copy_for_each_router(net, address_below):
    address = address_below("multicast")
    with Client(net.ports["A"]) as a, Client(net.ports["C"]) as c, Client(net.ports["E"]) as e:
        for client in (a, c, e):
            client.receiver(address)
        net.wait_count("A", address, 3)
        net.wait_reachable("B", address)
        found = explained(net, "A", address)
    assert found["verdict"] == "each of 3 consumers at A, E, C"
    assert {hop["rule"] for hop in found["hops"]} == {"prefix multicast"}
    # B hears of A's consumers too, but does not send back what came from there.
    assert dict(way(found))["B"] == ["router"]


@pytest.mark.parametrize("treatment", ["closest", "balanced", "multicast"])
@pytest.mark.parametrize("start", ["A", "B", "E"])
def test_a_message_goes_where_the_explanation_says(net, address_below, treatment, start):
    address = address_below(treatment)
    with ExitStack() as stack:
        at = {name: stack.enter_context(Client(net.ports[name])) for name in ("A", "C", "E")}
        receivers = {name: client.receiver(address) for name, client in at.items()}
        net.wait_count("A", address, 3)
        net.wait_count("B", address, 2)
        sender = stack.enter_context(Client(net.ports[start])).sender(address)
        sender.wait_credit()
        said = {router for router, kinds in way(explained(net, start, address)) if "consumer" in kinds}
        assert sender.send(Message(body="x")).outcome().state == "accepted"
        reached = {name for name, receiver in receivers.items() if receiver.arrivals}
    assert reached == said if treatment == "multicast" else (len(reached) == 1 and reached <= said)


def test_unavailable_prefix_refuses(net, address_below):
    found = explained(net, "C", address_below("unavailable"))
    assert found["verdict"].startswith("nowhere: the address is unavailable")
    assert found["hops"][0]["rule"] == "prefix unavailable"


def test_address_of_another_router_s_agent_ends_in_that_router(net):
    found = explained(net, "E", "_topo/0/C/$management")
    assert way(found)[-1] == ("C", ["process"])
    assert [hop["router"] for hop in found["hops"]] == ["E", "A", "B", "C"]


def test_watch_shows_again_until_it_is_ended(net):
    command = [sys.executable, "-P", "-m", "skrouter.cli.skstat", "-b", f"{HOST}:{net.ports['A']}"]
    shown = subprocess.Popen(
        [*command, "--topology", "--watch", "0.1", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (it may be ignored here)
    )
    assert shown.stdout is not None
    with shown, shown.stdout as lines:
        rounds = [json.loads(next(lines)) for _ in range(3)]
        shown.send_signal(signal.SIGINT)
        assert shown.wait(20) == 0
    assert [one["routers"][0]["id"] for one in rounds] == ["A"] * 3
    assert len({one["time"] for one in rounds}) == 3
