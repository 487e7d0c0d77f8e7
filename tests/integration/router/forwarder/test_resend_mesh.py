"""Released deliveries in a mesh: a router tries all its ways, then the one before it tries its next."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from skrouter.amqp.annotations import decode_annotations
from skrouter.amqp.types import Array, Symbol
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, Sent, composite, message

RESEND = "qd.resend-released"
STREAMING = "qd.streaming-deliveries"
SYMBOLS = 0xA3
_numbers = itertools.count()
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
    linkCapacity: 10
}}
listener {{
    name: routers
    host: 127.0.0.1
    port: 0
    role: inter-router
    saslMechanisms: ANONYMOUS
}}
listener {{
    name: edges
    host: 127.0.0.1
    port: 0
    role: edge
    saslMechanisms: ANONYMOUS
}}
address {{
    prefix: closest
    distribution: closest
}}
"""
CONNECTOR = """
connector {{
    name: up
    host: 127.0.0.1
    port: {port}
    role: inter-router
}}
"""
CLIENTS, ROUTERS, EDGES = range(3)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A - B - C, and D at A: two ways out of A."""
    with bench(tmp_path_factory.mktemp("row")) as made:
        a = made.node(ROUTER.format(id="A"))
        b = made.node(ROUTER.format(id="B") + CONNECTOR.format(port=a.ports[ROUTERS]))
        made.node(ROUTER.format(id="C") + CONNECTOR.format(port=b.ports[ROUTERS]))
        made.node(ROUTER.format(id="D") + CONNECTOR.format(port=a.ports[ROUTERS]))
        made.run_until(lambda: all(len(node.router.core.routers) == 3 for node in made.nodes), "no mesh")
        yield made


@pytest.fixture
def mesh(row: Bench) -> Iterator[Bench]:
    """The row; afterwards no delivery is left in any router, and nothing counts as outstanding."""
    yield row
    row.drop_peers()
    row.wait_empty()
    for node in row.nodes:
        assert {
            count for handle in node.router.execution.entries.values() for count in outstanding(node, handle)
        } <= {0}


def outstanding(node: Node, handle: int) -> list[int]:
    return node.router.forwarder.entry_facts(handle)[5]


def fresh(prefix: str = "x") -> str:
    """Remote routers forget an old address with a delay."""
    return f"{prefix}-{next(_numbers)}"


def sender_to(mesh: Bench, node: Node, address: str, remotes: int, *capabilities: str) -> Link:
    """A sender that asks for resending, when its router has heard of so many others with consumers."""
    names = Array(SYMBOLS, tuple(Symbol(name) for name in (RESEND, *capabilities)))
    target = composite("target", address=address, capabilities=names)
    sender = mesh.peer(node.ports[CLIENTS], "sender").sender(address, target=target)
    mesh.run_until(lambda: sender.credit == 10, "no credit for the sender")
    mesh.run_until(
        lambda: len(node.router.core.table.addresses[f"M{address}"].remotes) == remotes,
        "others are not heard",
    )
    return sender


def receivers_at(mesh: Bench, address: str, *nodes: Node) -> list[Link]:
    links = [mesh.peer(node.ports[CLIENTS], "receiver").receiver(address, 5) for node in nodes]
    mesh.run_until(lambda: all(link.attach for link in links), "no receivers")
    return links


def next_of(mesh: Bench, links: list[Link], had: list[Link], *, whole: bool = True) -> Link:
    """Who has got the delivery now, besides those that had it before."""
    found: list[Link] = []

    def is_there() -> bool:
        found[:] = [
            link
            for link in links
            if link not in had
            and link.received
            and (link.received[-1].complete if whole else link.received[-1].content)
        ]
        return bool(found)

    mesh.run_until(is_there, "nobody gets it")
    (link,) = found
    return link


def ended(mesh: Bench, sent: Sent, outcome: str) -> None:
    mesh.run_until(lambda: sent.is_settled, "not settled")
    assert sent.states[-1] == (outcome, True)
    assert [settled for _, settled in sent.states].count(True) == 1


@pytest.mark.parametrize("prefix", ["x", "closest/x"])
def test_every_consumer_of_the_mesh_is_tried_once_nearest_routers_first(mesh: Bench, prefix: str) -> None:
    a, b, c, d = mesh.nodes
    address = fresh(prefix)
    places = [a, a, b, b, c, d]
    links = receivers_at(mesh, address, *places)
    sent = sender_to(mesh, a, address, 3).send(message(b"nobody wants it"))
    order: list[Link] = []
    for _ in links:
        order.append(next_of(mesh, links, order))
        assert sent.states == []
        order[-1].settle(order[-1].received[0], "released")
    ended(mesh, sent, "released")
    assert sent.states == [("released", True)]
    assert [len(link.received) for link in links] == [1] * len(links)
    assert {link.received[0].content for link in links} == {message(b"nobody wants it")}
    names = ["AABBCD"[links.index(link)] for link in order]
    assert names[:2] == ["A", "A"]
    assert "".join(names[2:]) in ("BBCD", "DBBC"), "a router exhausts its ways before the next is tried"


@pytest.mark.parametrize("outcome", ["accepted", "modified", "rejected"])
def test_what_a_remote_router_releases_is_taken_by_another(mesh: Bench, outcome: str) -> None:
    a, b, _, d = mesh.nodes
    address = fresh()
    links = receivers_at(mesh, address, b, d)
    sent = sender_to(mesh, a, address, 2).send(message(b"once more"))
    first = next_of(mesh, links, [])
    first.settle(first.received[0], "released")
    second = next_of(mesh, links, [first])
    assert second.received[0].content == message(b"once more")
    second.settle(second.received[0], outcome)
    ended(mesh, sent, outcome)


def test_what_a_remote_router_releases_goes_to_a_consumer_that_has_come_here_meanwhile(mesh: Bench) -> None:
    a, b, _, _ = mesh.nodes
    address = fresh()
    (remote,) = receivers_at(mesh, address, b)
    sent = sender_to(mesh, a, address, 1).send(message(b"back"))
    next_of(mesh, [remote], [])
    (local,) = receivers_at(mesh, address, a)
    mesh.rest()
    remote.settle(remote.received[0], "released")
    next_of(mesh, [local], [])
    local.settle(local.received[0])
    ended(mesh, sent, "accepted")


@pytest.mark.parametrize("settles", [True, False])
def test_a_stream_released_half_way_by_a_remote_consumer_begins_anew_at_another_router(
    mesh: Bench, settles: bool
) -> None:
    a, _, c, d = mesh.nodes
    address = fresh()
    links = receivers_at(mesh, address, c, d)
    content = message(bytes(number % 251 for number in range(120_000)))
    sender = sender_to(mesh, a, address, 2, STREAMING)
    sent = sender.send(content[:60_000], more=True)
    first = next_of(mesh, links, [], whole=False)
    first.peer.dispose(first.received[0].number, "released", settled=settles)
    second = next_of(mesh, links, [first], whole=False)
    assert sent.states == []
    sender.go_on(content[60_000:])
    mesh.run_until(lambda: second.received[0].complete, "the stream does not end")
    assert second.received[0].content == content
    second.settle(second.received[0])
    ended(mesh, sent, "accepted")
    if not settles:
        mesh.run_until(lambda: first.received[0].aborted, "the first is not aborted")
    follower = sender.send(message(b"next"))
    mesh.run_until(
        lambda: any(item.content == message(b"next") for link in links for item in link.received),
        "it is stuck",
    )
    for link in links:
        for item in link.received:
            if not item.settled:
                link.settle(item)
    ended(mesh, follower, "accepted")


@pytest.mark.parametrize("size", [300_000, 700_000])
def test_a_message_beyond_q2_crosses_the_mesh_though_it_is_marked(mesh: Bench, size: int) -> None:
    a, _, c, d = mesh.nodes
    address = fresh()
    links = receivers_at(mesh, address, c, d)
    content = message(bytes(number % 251 for number in range(size)))
    sent = sender_to(mesh, a, address, 2).send(content)
    link = next_of(mesh, links, [])
    assert link.received[0].content == content
    link.settle(link.received[0])
    ended(mesh, sent, "accepted")


def test_the_mark_passes_three_routers_unchanged(mesh: Bench) -> None:
    a, _, c, _ = mesh.nodes
    address = fresh()
    edge = mesh.peer(c.ports[EDGES], "E").receiver(address, 5)
    sent = sender_to(mesh, a, address, 1).send(message(b"marked"))
    mesh.run_until(lambda: edge.received and edge.received[0].complete, "it does not come")
    annotations, end = decode_annotations(edge.received[0].content)
    assert (annotations.flags, annotations.trace) == (2, ("0/A", "0/B", "0/C"))
    assert edge.received[0].content[end:] == message(b"marked")
    edge.settle(edge.received[0])
    ended(mesh, sent, "accepted")


@pytest.mark.parametrize("size", [10, 400_000])
def test_an_address_goes_on_after_its_first_large_message_was_given_up(mesh: Bench, size: int) -> None:
    """Whether its channel had its link by then or not."""
    a, _, c, _ = mesh.nodes
    address = fresh()
    (link,) = receivers_at(mesh, address, c)
    link.give(50)
    sender = sender_to(mesh, a, address, 1)
    for rounds in range(12):
        sender.send(message(bytes(270_000)), more=True)
        for _ in range(rounds):
            mesh.round()
        sender.abort()
        follower = sender.send(message(rounds.to_bytes(4) + bytes(size)))
        mesh.run_until(
            lambda: (
                link.received
                and link.received[-1].complete
                and link.received[-1].content == message(rounds.to_bytes(4) + bytes(size))  # noqa: B023
            ),
            f"stuck after {rounds} rounds",
        )
        link.settle(link.received[-1])
        ended(mesh, follower, "accepted")
