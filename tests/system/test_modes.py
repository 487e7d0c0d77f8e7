"""What a router is by its mode, and what becomes of two with one id."""

import pytest
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, free_port, section, wait_until
from skrouter_testing.topology import Link, Topology
from skrouter_testing.traffic import carry


@pytest.mark.parametrize(
    ("names", "links", "mode"),
    [("S", [], "standalone"), ("AB", [Link("B", "A")], "interior"), (["A", "E1"], [Link("E1", "A")], "edge")],
    ids=["standalone", "interior", "edge"],
)
def test_c1_a_router_of_each_mode_says_so_and_carries_messages(routers, address, names, links, mode):
    network = Topology(routers, names, links).start()
    first, last = network.names[0], network.names[-1]
    (row,) = query(network.ports[last], "router")
    assert (row["mode"], row["id"]) == (mode, last)
    known = {str(node["id"]) for node in query(network.ports[last], "router.node")}
    assert known == (set(network.names) if mode == "interior" else set())
    carry(
        (network.ports[first], network.ports[last]),
        address,
        [100] * 50,
        known=lambda: network.wait_reachable(first, address),
    )


def test_c6_a_router_with_an_id_that_is_taken_is_reported_by_all_who_hear_it(routers):
    """Two routers `B`, neighbors of each other and of `A`."""
    port = free_port()
    listener = section("listener", name="mesh", host=HOST, port=port, role="inter-router")
    first = routers.add("first", section("router", mode="interior", id="B") + listener)
    connector = section("connector", name="mesh", host=HOST, port=port, role="inter-router")
    second = routers.add("second", section("router", mode="interior", id="B") + connector)
    for router in (first, second):
        router.start()
    text = "Detected another router with duplicate ID B in the network"
    for router in (first, second):
        wait_until(lambda router=router: router.found("ROUTER_HELLO (critical)", text), text)
        assert len(router.found("ROUTER_HELLO (critical)", text)) == 1
