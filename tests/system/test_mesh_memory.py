"""What a large mesh costs a router that hears of it: memory of a real process, native tables and all."""

from __future__ import annotations

from skrouter_testing.live_management import query
from skrouter_testing.mesh_peer import MeshPeer, mesh_behind
from skrouter_testing.process import HOST, Routers, free_port, wait_until
from skrouter_testing.topology import section

ROUTERS, ADDRESSES = 200, 10_000
MOST = 35_000_000
"""Octets by which a router may grow; it grows by 23 million."""


def addresses(port: int) -> int:
    """How many the router knows: a count, as reading all takes long."""
    (row,) = query(port, "routerMetrics")
    return int(row["addrCount"])


def test_router_in_a_mesh_of_200_routers_with_10000_addresses_stays_small(routers: Routers) -> None:
    port, links = free_port(), free_port()
    text = section("router", mode="interior", id="A", helloMaxAgeSeconds=30)
    text += section("listener", name="clients", host=HOST, port=port)
    text += section("listener", name="routers", host=HOST, port=links, role="inter-router")
    router = routers.start("A", text)
    assert len(query(port, "router.node")) == 1
    own, before = addresses(port), router.memory().resident
    states = mesh_behind("A", "N", ROUTERS)
    keys = [f"service.of.some.length.{number}" for number in range(ADDRESSES)]
    with MeshPeer(links, "N", "A") as peer:
        peer.tell_links(states)
        peer.tell_addresses(states, keys)

        def all_are_known() -> bool:
            peer.hello()
            return addresses(port) - own >= ADDRESSES + ROUTERS - 1  # routers have one each

        wait_until(all_are_known, "all addresses to be known")
        reached = [row for row in query(port, "router.node") if row["cost"]]
        assert len(reached) == ROUTERS - 1
        after = router.memory().resident
    assert after - before < MOST, f"a mesh costs {(after - before) / 1e6:.0f} MB"
