"""How many deliveries end on a link in a second, where they came from, and how late they were."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, message

RATE_SECONDS = 5
ROUTER = """
router {{
    mode: interior
    id: {id}
}}
listener {{
    name: clients
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: 50
}}
listener {{
    name: routers
    host: 127.0.0.1
    port: 0
    role: inter-router
    saslMechanisms: ANONYMOUS
}}
listener {{
    name: broker
    host: 127.0.0.1
    port: 0
    role: route-container
    saslMechanisms: ANONYMOUS
}}
"""
CONNECTOR = """
connector {{
    host: 127.0.0.1
    port: {port}
    role: inter-router
}}
"""


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A and B joined; what a test leaves behind ends with its peers."""
    with bench(tmp_path_factory.mktemp("mesh")) as made:
        first = made.node(ROUTER.format(id="A"))
        second = made.node(ROUTER.format(id="B") + CONNECTOR.format(port=first.ports[1]))
        made.run_until(lambda: first.router.core.routers and second.router.core.routers, "no mesh")
        yield made


def link_of(node: Node, key: str, *, outgoing: bool) -> int:
    (found,) = [
        handle
        for handle, link in node.router.core.links.by_handle.items()
        if link.key == key and link.outgoing == outgoing
    ]
    return found


def rate(node: Node, handle: int) -> int:
    return node.router.forwarder.link_facts(handle)[16]


def joined(mesh: Bench, here: Node, there: Node, address: str) -> tuple[Link, Link]:
    receiver = mesh.peer(there.ports[0], "receiver").receiver(address, 1000)
    sender = mesh.peer(here.ports[0], "sender").sender(address)
    mesh.run_until(lambda: sender.credit, "no credit for the sender")
    return sender, receiver


def exchange(mesh: Bench, sender: Link, receiver: Link, count: int, *, settled: bool = False) -> None:
    """Send so many; each is accepted."""
    done = len(receiver.received)
    for number in range(done, done + count):
        mesh.run_until(lambda: sender.credit, "no credit")
        sent = sender.send(message(b"x"), settled=settled)
        mesh.run_until(lambda number=number: len(receiver.received) > number, "it does not come")
        if not settled:
            receiver.settle(receiver.received[number])
            mesh.run_until(lambda sent=sent: sent.is_settled, "it is not settled")


@pytest.mark.parametrize("settled", [False, True])
def test_d19_the_rate_of_a_link_is_what_has_ended_there_in_five_seconds(mesh: Bench, settled: bool) -> None:
    node, address = mesh.nodes[0], f"rate.{settled}"
    sender, receiver = joined(mesh, node, node, address)
    links = [link_of(node, f"M{address}", outgoing=way) for way in (False, True)]
    started = time.monotonic()
    exchange(mesh, sender, receiver, 44, settled=settled)
    mesh.rest()
    rates = [rate(node, link) for link in links]
    if time.monotonic() - started < RATE_SECONDS - 1:  # else the first ones may be forgotten
        assert rates == [44 // RATE_SECONDS] * 2
    mesh.run_until(lambda: [rate(node, link) for link in links] == [0, 0], "the rate does not fall")
    assert time.monotonic() - started > RATE_SECONDS - 1


def test_d19_a_delivery_that_waits_or_is_aborted_has_not_ended(mesh: Bench) -> None:
    node = mesh.nodes[0]
    sender, receiver = joined(mesh, node, node, "waiting")
    for _ in range(20):
        sender.send(message(b"x"))
    mesh.run_until(lambda: len(receiver.received) == 20, "they do not come")
    for _ in range(10):
        sender.send(message(b"x")[:4], more=True)
        sender.abort()
    mesh.rest()
    assert rate(node, link_of(node, "Mwaiting", outgoing=False)) == 0
    assert rate(node, link_of(node, "Mwaiting", outgoing=True)) == 0


def test_d19_the_histogram_of_a_receiver_counts_by_the_router_where_messages_entered(mesh: Bench) -> None:
    first, second = mesh.nodes
    here, receiver = joined(mesh, first, first, "hist")
    there = mesh.peer(second.ports[0], "remote").sender("hist")
    mesh.run_until(lambda: there.credit, "no credit for the remote sender")
    handle = link_of(first, "Mhist", outgoing=True)
    assert first.router.forwarder.link_histogram(handle) == ()
    exchange(mesh, here, receiver, 2)
    exchange(mesh, there, receiver, 3)
    (index,) = first.router.core.routers
    expected = [0] * (index + 1)
    expected[0], expected[index] = 2, 3
    assert first.router.forwarder.link_histogram(handle) == tuple(expected)
    incoming = link_of(first, "Mhist", outgoing=False)
    assert first.router.forwarder.link_histogram(incoming) is None
    for other, link in second.router.core.links.by_handle.items():
        if link.key is None:
            assert second.router.forwarder.link_histogram(other) is None, "between routers"


def test_d18_deliveries_from_and_to_a_route_container_are_counted_beside_all_others(mesh: Bench) -> None:
    (node, _), before = mesh.nodes, mesh.nodes[0].metrics()
    broker, client = mesh.peer(node.ports[2], "broker"), mesh.peer(node.ports[0], "client")
    to_broker, receiver = broker.receiver("to/broker", 10), client.receiver("from/broker", 10)
    sender, from_broker = client.sender("to/broker"), broker.sender("from/broker")
    mesh.run_until(lambda: sender.credit and from_broker.credit, "no credit")
    exchange(mesh, sender, to_broker, 3)
    exchange(mesh, from_broker, receiver, 2)
    counts = {name: count - before[name] for name, count in node.metrics().items()}
    assert (counts["deliveries_ingress"], counts["deliveries_egress"]) == (5, 5)
    assert counts["deliveries_ingress_route_container"] == 2
    assert counts["deliveries_egress_route_container"] == 3
    assert counts["deliveries_ingress_inter_network"] == counts["deliveries_egress_inter_network"] == 0
    facts = {
        key: node.router.forwarder.entry_facts(node.router.execution.entries[f"M{key}"])
        for key in ("to/broker", "from/broker")
    }
    assert facts["to/broker"][7:] == (0, 3, 0, 0)
    assert facts["from/broker"][7:] == (2, 0, 0, 0)


def test_d13_a_delivery_that_took_more_than_a_second_is_counted_as_delayed(mesh: Bench) -> None:
    node, before = mesh.nodes[0], mesh.nodes[0].metrics()
    sender, receiver = joined(mesh, node, node, "late")
    sent, started = sender.send(message(b"x")), time.monotonic()
    mesh.run_until(lambda: time.monotonic() - started > 1.05, "time does not pass")
    receiver.settle(receiver.received[0])
    mesh.run_until(lambda: sent.is_settled, "it is not settled")
    exchange(mesh, sender, receiver, 1)
    assert node.metrics()["deliveries_delayed_1s"] - before["deliveries_delayed_1s"] == 1
    for outgoing in (False, True):
        facts = node.router.forwarder.link_facts(link_of(node, "Mlate", outgoing=outgoing))
        assert facts[10:12] == (1, 0)
