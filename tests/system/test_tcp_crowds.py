"""Many TCP connections: how they are shared out, what they cost while idle, and short ones without an error.

`SKROUTER_TCP_IDLE` and `SKROUTER_TCP_SHORT` set how many there are.
"""

from __future__ import annotations

import os
import time

import pytest
from skrouter_testing.crowd import Holders, ask, gather
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine
from skrouter_testing.topology import Link, Topology

LISTENER = ": listening for client connections"
CROWD = 1000
IDLE = int(os.environ.get("SKROUTER_TCP_IDLE", "1000"))
SHORT = int(os.environ.get("SKROUTER_TCP_SHORT", "1000"))
MAX_OCTETS = 25_000
"""Of one idle connection in one router."""


def star(routers: Routers, holders: Holders, costs: dict[str, int], here: bool) -> tuple[Topology, int]:
    """A with a listener, neighbors at these costs with a connector each; with `here` A has one too."""
    port = free_port()
    extra = {
        name: section("tcpConnector", name="out", host=HOST, port=holders.ports[name], address="crowd")
        for name in costs
    }
    extra["A"] = section("tcpListener", name="in", host=HOST, port=port, address="crowd")
    if here:
        extra["A"] += section("tcpConnector", name="out", host=HOST, port=holders.ports["A"], address="crowd")
    links = [Link(name, "A", cost) for name, cost in costs.items()]
    net = Topology(routers, ["A", *costs], links, extra=extra).start()
    net["A"].wait_line(LISTENER)
    net.wait_count("A", "crowd", len(costs) + here)
    return net, port


@pytest.mark.slow
@pytest.mark.parametrize(
    ("costs", "here"),
    [({"B": 1, "C": 1}, False), ({"B": 1, "C": 11}, False), ({"B": 5, "C": 100}, True)],
    ids=["equal costs", "unequal costs", "near and far"],
)
def test_e1_connections_are_shared_out_by_how_many_are_open_and_by_cost(routers, costs, here):
    """Each goes where open connections plus cost are least: all these sums end up equal."""
    with Holders("ABC") as holders:
        _, port = star(routers, holders, costs, here)

        clients = gather(port, CROWD)

        sums = [holders.held[name] + cost for name, cost in costs.items()] + [holders.held["A"]] * here
        for client in clients:
            client.close()
    assert sum(holders.held.values()) == CROWD
    assert max(sums) - min(sums) <= 1, (holders.held, costs)


@pytest.mark.slow
def test_e1_connectors_of_one_router_share_connections_to_one(routers):
    with Holders("ABCD") as holders:
        port = free_port()
        text = section("tcpListener", name="in", host=HOST, port=port, address="crowd")
        for name, server in holders.ports.items():
            text += section("tcpConnector", name=name, host=HOST, port=server, address="crowd")
        RouterLine(routers, "S", extra={"S": text}).start()["S"].wait_line(LISTENER)

        clients = gather(port, CROWD)

        for client in clients:
            client.close()
    assert sum(holders.held.values()) == CROWD
    assert max(holders.held.values()) - min(holders.held.values()) <= 1


def a_pair(routers: Routers, holders: Holders) -> tuple[RouterLine, int]:
    port = free_port()
    extra = {
        "A": section("tcpListener", name="in", host=HOST, port=port, address="crowd"),
        "B": section("tcpConnector", name="out", host=HOST, port=holders.ports["B"], address="crowd"),
    }
    line = RouterLine(routers, "AB", extra=extra).start()
    line["A"].wait_line(LISTENER)
    return line, port


@pytest.mark.slow
@pytest.mark.timeout(120 + IDLE // 10)
def test_e8_idle_connections_take_little_memory_and_others_are_served(routers):
    with Holders("B") as holders:
        line, port = a_pair(routers, holders)
        first = gather(port, 50)
        before = {name: line[name].memory().resident for name in "AB"}

        clients = gather(port, IDLE)

        taken = {name: (line[name].memory().resident - before[name]) / IDLE for name in "AB"}
        started = time.monotonic()
        for client in clients[:: max(1, IDLE // 50)]:
            ask(client)
        assert time.monotonic() - started < 5.0
        for client in first + clients:
            client.close()
    assert max(taken.values()) <= MAX_OCTETS, taken


@pytest.mark.slow
@pytest.mark.timeout(120 + SHORT // 50)
def test_e1_short_connections_are_served_without_an_error(routers):
    with Holders("B") as holders:
        line, port = a_pair(routers, holders)
        for _ in range(SHORT // 20):
            clients = gather(port, 20)
            for client in clients:
                ask(client)
                client.close()
        wait_until(lambda: holders.held["B"] >= SHORT // 20 * 20, "all to be served")
        assert all(line[name].running for name in "AB")
