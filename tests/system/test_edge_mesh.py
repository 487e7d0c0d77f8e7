"""Edge routers connected to each other: E1, E2, E3 alone, and below an interior router with E4 beside.

The edges of the mesh call each other in a triangle; with uplinks, E1 and E2 are connected twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client, Receiver
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.tcp_peers import Service, connect, exchange
from skrouter_testing.topology import Link, Topology
from skrouter_testing.traffic import carry

EDGES = ("E1", "E2", "E3")
TRIANGLE = [Link("E2", "E1"), Link("E3", "E1"), Link("E3", "E2")]
UPLINKS = [Link(edge, "A") for edge in (*EDGES, "E4")]


class Mesh(Topology):
    """With a TCP listener on E1 whose service is behind E3."""

    def __init__(self, routers: Routers, *, uplinks: bool) -> None:
        self.service = Service()
        self.tcp_port = free_port()
        extra = {
            "E1": section("tcpListener", name="in", host=HOST, port=self.tcp_port, address="tcp"),
            "E3": section("tcpConnector", name="out", host=HOST, port=self.service.port, address="tcp"),
        }
        names = ["A", *EDGES, "E4"] if uplinks else [*EDGES]
        links = [*TRIANGLE, Link("E1", "E2"), *UPLINKS] if uplinks else TRIANGLE
        super().__init__(routers, names, links, extra=extra)
        self.uplinks = uplinks

    def start(self, *names: str) -> Mesh:
        super().start(*names)
        self.wait_mesh()
        return self

    def wait_mesh(self) -> None:
        """Until every edge that lives has all others of the mesh as peers, each once."""
        living = [name for name in EDGES if self.routers[name].running]
        for name in living:
            others = {other for other in living if other != name}
            wait_until(
                lambda name=name, others=others: self.peers(name) == others, f"{name} to have {others}"
            )

    def peers(self, name: str) -> set[str]:
        rows = query(self.ports[name], "router.address")
        return {str(row["key"])[1:] for row in rows if str(row["key"]).startswith("H")}

    def meshes(self) -> dict[str, str]:
        """Mesh ids of the edges as the interior router knows them."""
        rows = query(self.ports["A"], "connection")
        return {row["container"]: row["meshId"] for row in rows if row["role"] == "edge"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with Routers(tmp_path_factory.mktemp("mesh")) as routers:
        mesh = Mesh(routers, uplinks=False)
        with mesh.service:
            yield mesh.start()


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with Routers(tmp_path_factory.mktemp("below")) as routers:
        mesh = Mesh(routers, uplinks=True)
        with mesh.service:
            yield mesh.start()


@pytest.fixture(params=["alone", "below"])
def mesh(request: pytest.FixtureRequest) -> Mesh:
    found: Mesh = request.getfixturevalue(request.param)
    return found


def clients(stack: ExitStack, mesh: Mesh, names: tuple[str, ...]) -> dict[str, Client]:
    return {name: stack.enter_context(Client(mesh.ports[name])) for name in names}


def counts(receivers: dict[str, Receiver]) -> dict[str, int]:
    return {name: len(receiver.arrivals) for name, receiver in receivers.items()}


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
@pytest.mark.parametrize("way", [("E1", "E2"), ("E2", "E1"), ("E3", "E1"), ("E2", "E3")], ids="-".join)
def test_c12_messages_pass_between_edges_once_and_in_order(mesh, address, way, settled):
    carry((mesh.ports[way[0]], mesh.ports[way[1]]), address, [100] * 200, settled=settled)


def test_b3_large_and_small_messages_pass_between_edges_in_order(mesh, address):
    carry((mesh.ports["E1"], mesh.ports["E3"]), address, [*[50] * 500, 5_000_000, *[50] * 500])


def test_what_edges_have_for_each_other_does_not_pass_the_interior(below, address):
    def at_the_interior() -> int:
        rows = query(below.ports["A"], "router.address")
        return sum(int(row["deliveriesIngress"]) for row in rows if str(row["key"]) == f"M{address}")

    with Client(below.ports["E1"]) as here, Client(below.ports["E2"]) as there:
        receiver = there.receiver(address)
        sender = here.sender(address)
        wait_until(lambda: below.destinations("A", address)[0] == 1, "the interior to know the consumer")
        sender.wait_credit()
        for number in range(20):
            assert sender.send(Message(body=number)).outcome().state == "accepted"
        assert len(receiver.take(20)) == 20
        links = query(below.ports["A"], "router.link")
        used = [row for row in links if row["owningAddr"] == f"M{address}" and row["deliveryCount"]]
        assert used == []
        assert at_the_interior() == 0


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
@pytest.mark.parametrize("anonymous", [False, True], ids=["to its target", "anonymous"])
@pytest.mark.parametrize("origin", ["E1", "E3"])
def test_b3_multicast_in_a_mesh_without_uplinks_reaches_each_consumer_once(
    alone, address_below, origin, anonymous, settled
):
    address = address_below("multicast")
    with ExitStack() as stack:
        at = clients(stack, alone, EDGES)
        receivers = {f"{name}{n}": at[name].receiver(address) for name in EDGES for n in (1, 2)}
        _wait_ways(alone, origin, address, 4)
        _multicast(at[origin], address, receivers, anonymous=anonymous, settled=settled)


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
@pytest.mark.parametrize("anonymous", [False, True], ids=["to its target", "anonymous"])
@pytest.mark.parametrize("origin", ["E1", "E3", "E4", "A"])
def test_c12_multicast_in_a_mesh_with_uplinks_reaches_each_consumer_once(
    below, address_below, origin, anonymous, settled
):
    address = address_below("multicast")
    with ExitStack() as stack:
        names = (*EDGES, "E4", "A")
        at = clients(stack, below, names)
        receivers = {f"{name}{n}": at[name].receiver(address) for name in names for n in (1, 2)}
        wait_until(lambda: below.destinations("A", address) == (6, 0), "the interior to know all consumers")
        if origin in EDGES:
            at[origin].sender(address)  # so that the edge wants to know who is reachable
            _wait_ways(below, origin, address, 5)
        _multicast(at[origin], address, receivers, anonymous=anonymous, settled=settled)


def _wait_ways(mesh: Mesh, name: str, address: str, count: int) -> None:
    """Two consumers at the router itself, a proxy for each of its peers, and one to the interior router."""
    wait_until(lambda: mesh.destinations(name, address) == (count, 0), f"{count} ways at {name}")


def _multicast(
    client: Client, address: str, receivers: dict[str, Receiver], *, anonymous: bool, settled: bool
) -> None:
    sender = client.sender(None if anonymous else address)
    sender.wait_credit()
    sent = [sender.send(Message(address=address, body=number), settled=settled) for number in range(20)]
    for name, receiver in receivers.items():
        assert [arrival.body for arrival in receiver.take(20)] == list(range(20)), name
    assert {each.outcome().state for each in sent} == {"settled" if settled else "accepted"}
    assert sender.send(Message(address=address, body="fence")).outcome().state == "accepted"
    assert counts(receivers) == dict.fromkeys(receivers, 21)


@pytest.mark.parametrize("server", EDGES)
def test_c13_replies_reach_dynamic_addresses_within_the_mesh(mesh, address, server):
    with ExitStack() as stack:
        at = clients(stack, mesh, EDGES)
        service = at[server].receiver(address)
        answers = at[server].sender(None)
        for name, client in at.items():
            replies = client.receiver(None, dynamic=True)
            request = client.sender(address)
            request.wait_credit()
            assert request.send(Message(body=name, reply_to=replies.address)).outcome().state == "accepted"
            question = service.take()[0].message
            assert (
                answers.send(Message(address=question.reply_to, body=f"to {name}")).outcome().state
                == "accepted"
            )
            assert replies.take()[0].body == f"to {name}"


def test_c15_tcp_passes_between_edges(mesh):
    """Streams over an inter-edge connection, for which skupper-router has no links (routing-protocol §13)."""
    mesh["E1"].wait_line("Listener in: listening for client connections")
    with connect(mesh.tcp_port) as client, mesh.service.accept() as server:
        exchange(client, server, 5_000_000, 30)


def test_c7_edges_manage_each_other(mesh):
    assert [row["id"] for row in query(mesh.ports["E1"], "router", edge="E3")] == ["E3"]


def test_c12_the_interior_router_knows_one_mesh(below):
    wait_until(lambda: len({below.meshes()[name] for name in EDGES}) == 1, "one mesh id")
    found = below.meshes()
    assert len(found["E1"]) == 15
    assert found["E4"] != found["E1"]


def test_c12_the_mesh_keeps_its_id_when_its_owner_restarts(below, address):
    wait_until(lambda: len({below.meshes()[name] for name in EDGES}) == 1, "one mesh id")
    before = below.meshes()["E1"]
    for name in EDGES:
        below[name].kill()
        wait_until(lambda name=name: name not in below.meshes(), f"{name} to be gone")
        below.start(name)
        wait_until(lambda name=name: below.meshes().get(name) == before, f"{name} to adopt the id")
    assert {below.meshes()[name] for name in EDGES} == {before}
    carry((below.ports["E3"], below.ports["E1"]), address, [10, 100_000] * 10)


def test_an_edge_that_has_lost_its_uplink_is_not_a_way_round_for_others(below, address):
    """E1 reaches a consumer of E2 when the interior router is gone, and nothing goes in circles."""
    with Client(below.ports["E1"]) as here, Client(below.ports["E2"]) as there:
        receiver = there.receiver(address)
        sender = here.sender(address)
        sender.wait_credit()
        below["A"].kill()
        wait_until(lambda: not below.has_uplink("E1"), "E1 to lose its uplink")
        for number in range(10):
            assert sender.send(Message(body=number)).outcome().state == "accepted"
        assert len(receiver.take(10)) == 10
        nobody = here.sender(None).send(Message(address=f"{address}/nobody", body="x"))
        assert nobody.outcome().state == "released"
    below.start("A")
    wait_until(lambda: {*EDGES, "E4"} <= set(below.meshes()), "all edges to be back")
    carry((below.ports["E4"], below.ports["E1"]), f"{address}/again", [10] * 10)
