"""Two routers in one process: what a delivery meets on its way between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from skrouter.amqp.types import Array, Symbol
from skrouter.router.core.effects import LinkKind
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, composite, message

MIB = 1 << 20
_numbers = itertools.count()
A = """
router {
    mode: interior
    id: A
}
listener {
    name: clients
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}
listener {
    name: routers
    host: 127.0.0.1
    port: 0
    role: inter-router
    saslMechanisms: ANONYMOUS
}
address {
    prefix: mc
    distribution: multicast
}
address {
    prefix: urgent
    priority: 9
}
"""
B = """
router {{
    mode: interior
    id: B
    dataConnectionCount: {data}
}}
listener {{
    name: clients
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}}
connector {{
    name: to-a
    host: 127.0.0.1
    port: {port}
    role: inter-router
}}
address {{
    prefix: mc
    distribution: multicast
}}
"""


@pytest.fixture(scope="module", params=[0, 2], ids=["alone", "with data connections"])
def mesh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("mesh")) as made:
        first = made.node(A)
        second = made.node(B.format(port=first.ports[1], data=request.param))
        made.run_until(lambda: first.router.core.routers and second.router.core.routers, "no mesh")
        yield made


@pytest.fixture
def pair(mesh: Bench) -> Iterator[tuple[Bench, Node, Node]]:
    """Both routers; afterwards no delivery of a client is left in either."""
    yield (mesh, mesh.nodes[0], mesh.nodes[1])
    mesh.drop_peers()
    mesh.wait_empty()


def joined(mesh: Bench, here: Node, there: Node, address: str, *, credit: int = 10) -> tuple[Link, Link]:
    """A sender here and a receiver there, with credit."""
    address = f"{address}-{next(_numbers)}"  # remote routers forget an old one with a delay
    receiver = mesh.peer(there.ports[0], "receiver").receiver(address, credit)
    sender = mesh.peer(here.ports[0], "sender").sender(address)
    mesh.run_until(lambda: sender.credit == 10, "no credit for the sender")
    return sender, receiver


def consumers(node: Node, key: str) -> int:
    """How many links consume from an address."""
    address = node.router.core.table.addresses.get(key)
    return 0 if address is None else len(address.consumers)


@pytest.mark.parametrize("outcome", ["accepted", "rejected", "released", "modified"])
@pytest.mark.parametrize("turned", [False, True])
def test_an_outcome_comes_back_from_the_other_router(
    pair: tuple[Bench, Node, Node], outcome: str, turned: bool
) -> None:
    mesh, *nodes = pair
    here, there = reversed(nodes) if turned else nodes
    sender, receiver = joined(mesh, here, there, "x")
    sent = sender.send(message(b"hello", priority=7))
    mesh.run_until(lambda: receiver.received and receiver.received[0].complete, "it does not come")
    assert receiver.received[0].content == message(b"hello", priority=7)
    fields = {"error": composite("error", condition="a:b")} if outcome == "rejected" else {}
    receiver.settle(receiver.received[0], outcome, **fields)
    mesh.run_until(lambda: sent.is_settled, "not settled")
    assert sent.states == [(outcome, True)]


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("size", [100, 100_000, 300_000, 3 * MIB])
def test_a_message_of_any_size_crosses_the_mesh_unchanged(
    pair: tuple[Bench, Node, Node], size: int, settled: bool
) -> None:
    mesh, here, there = pair
    sender, receiver = joined(mesh, here, there, "x")
    body = (bytes(range(251)) * (size // 251 + 1))[:size]  # quickly: routers that do not turn lose neighbors
    sent = sender.send(message(body), settled=settled)
    mesh.run_until(lambda: receiver.received and receiver.received[0].complete, "it does not come")
    assert receiver.received[0].content == message(body)
    assert receiver.received[0].settled == settled
    if not settled:
        receiver.settle(receiver.received[0])
        mesh.run_until(lambda: sent.is_settled, "not settled")
        assert sent.states == [("accepted", True)]


def test_many_messages_of_one_sender_come_in_their_order(pair: tuple[Bench, Node, Node]) -> None:
    mesh, here, there = pair
    sender, receiver = joined(mesh, here, there, "x", credit=100)
    sent = []

    def settle_all() -> None:
        for item in receiver.received:
            if item.complete and not item.settled:
                receiver.settle(item)

    def may_send() -> bool:
        settle_all()
        return sender.credit > 0

    for index in range(60):
        mesh.run_until(may_send, "no credit")
        size = (10, 400_000, 20_000)[index // 10 % 3] if index % 10 == 0 else 10
        sent.append(sender.send(message(index.to_bytes(4) + bytes(size))))
    mesh.run_until(lambda: sum(item.complete for item in receiver.received) == 60, "some do not come")
    assert [int.from_bytes(item.content[8:12]) for item in receiver.received] == list(range(60))
    settle_all()
    mesh.run_until(lambda: all(item.is_settled for item in sent), "not settled")
    assert {item.outcome for item in sent} == {"accepted"}


@pytest.mark.parametrize("stage", ["queued", "sent", "streaming"])
def test_a_receiver_that_vanishes_far_away_is_told_to_the_sender(
    pair: tuple[Bench, Node, Node], stage: str
) -> None:
    mesh, here, there = pair
    sender, receiver = joined(mesh, here, there, "x", credit=0 if stage == "queued" else 5)
    sent = sender.send(message(bytes(400_000 if stage == "streaming" else 10)), more=stage == "streaming")
    if stage == "queued":
        mesh.rest()
    else:
        mesh.run_until(lambda: receiver.received, "it does not come")
    receiver.peer.kill()
    mesh.run_until(lambda: not consumers(there, f"M{receiver.address}"), "unnoticed")
    if stage == "streaming":
        sender.go_on(b"end")
    mesh.run_until(lambda: sent.is_settled, "not settled")
    assert sent.outcome == ("released" if stage == "queued" else "modified")


@pytest.mark.parametrize("settled", [False, True])
def test_what_a_sender_sends_with_its_last_breath_arrives(
    pair: tuple[Bench, Node, Node], settled: bool
) -> None:
    """The link, and with it the address, is gone before the last messages leave for the other router."""
    mesh, here, there = pair
    sender, receiver = joined(mesh, here, there, "x")
    for number in range(10):
        sender.send(message(bytes([number])), settled=settled)
    sender.close()
    mesh.run_until(lambda: len(receiver.received) == 10, "some are missing")
    assert [one.content for one in receiver.received] == [message(bytes([number])) for number in range(10)]


@pytest.mark.parametrize("how", ["abort", "kill"])
def test_d7_a_sender_that_gives_up_aborts_far_away(pair: tuple[Bench, Node, Node], how: str) -> None:
    mesh, here, there = pair
    sender, receiver = joined(mesh, here, there, "x")
    sender.send(message(bytes(500_000)), more=True)
    mesh.run_until(lambda: receiver.received, "it does not come")
    if how == "abort":
        sender.abort()
    else:
        sender.peer.kill()
    mesh.run_until(lambda: receiver.received[0].aborted, "not aborted")
    assert not receiver.received[0].complete


def test_a_multicast_reaches_everybody_once_and_the_highest_outcome_comes_back(
    pair: tuple[Bench, Node, Node],
) -> None:
    mesh, here, there = pair
    receivers = [mesh.peer(node.ports[0]).receiver("mc/x", 5) for node in (here, here, there, there)]
    sender = mesh.peer(here.ports[0]).sender("mc/x")
    mesh.run_until(lambda: sender.credit == 10, "no credit")
    mesh.run_until(lambda: here.router.core.table.addresses["Mmc/x"].remotes, "the other router is not heard")
    sent = sender.send(message(b"all"))
    for receiver in receivers:
        mesh.run_until(lambda receiver=receiver: receiver.received, "a receiver gets nothing")
    for receiver, outcome in zip(receivers, ("released", "accepted", "modified", "released"), strict=True):
        receiver.settle(receiver.received[0], outcome)
    mesh.run_until(lambda: sent.is_settled, "not settled")
    assert sent.states == [("accepted", True)]
    assert [len(receiver.received) for receiver in receivers] == [1] * 4


def test_a_stalled_receiver_far_away_holds_little_in_both_routers(pair: tuple[Bench, Node, Node]) -> None:
    mesh, here, there = pair
    sender, receiver = joined(mesh, here, there, "x", credit=0)
    sent = sender.send(message(bytes(4 * MIB)))
    mesh.run_until(lambda: there.metrics()["chunks_live"] > 200_000, "nothing comes")
    for _ in range(50):
        mesh.round()
        assert all(node.metrics()["chunks_live"] <= MIB // 2 for node in (here, there))
    receiver.give(1)
    mesh.run_until(lambda: receiver.received and receiver.received[0].complete, "it does not go on")
    receiver.settle(receiver.received[0])
    mesh.run_until(lambda: sent.is_settled, "not settled")
    assert sent.outcome == "accepted"


def drop(node: Node, role: str) -> int:
    """Cut all connections of a role; how many there were."""
    found = [item.connection for item in node.router.shell.open_connections.values() if item.role == role]
    for handle in found:
        node.router.connections.drop(handle)
    return len(found)


def roles(node: Node) -> list[str]:
    return sorted(facts.role for facts in node.router.shell.open_connections.values() if facts.is_router)


def crosses(mesh: Bench, here: Node, there: Node) -> None:
    """A short message and three streams cross the mesh."""
    sender, receiver = joined(mesh, here, there, "again")
    for size in (10, 300_000, 300_000, 300_000):
        sender.send(message(bytes(size)))
    mesh.run_until(lambda: sum(item.complete for item in receiver.received) == 4, "they do not cross")
    for item in receiver.received:
        receiver.settle(item)
    mesh.run_until(lambda: sender.credit == 10, "not settled")


def test_connections_between_routers_may_come_and_go_one_by_one(pair: tuple[Bench, Node, Node]) -> None:
    mesh, here, there = pair
    before = roles(here)
    for role in ("inter-router", "inter-router-data", "inter-router", "inter-router-data"):
        dropped = drop(here, role)
        if dropped:
            mesh.run_until(lambda: roles(here) != before, "not lost")
        mesh.run_until(
            lambda: (
                roles(here) == roles(there) == before
                and here.router.core.routers
                and there.router.core.routers
            ),
            f"not back after the loss of {role}",
        )
        crosses(mesh, here, there)
        crosses(mesh, there, here)


# --- which link between routers


def link_counts(node: Node, kind: LinkKind) -> dict[int, int]:
    """How many deliveries each outgoing link of a kind has had, by handle."""
    return {
        handle: node.router.forwarder.link_facts(handle)[3]
        for handle, link in node.router.core.links.by_handle.items()
        if link.outgoing and link.kind is kind
    }


def streaming_sender(mesh: Bench, here: Node, address: str | None) -> Link:
    names = Array(0xA3, (Symbol("qd.streaming-deliveries"),))
    target = composite("target", address=address, capabilities=names)
    sender = mesh.peer(here.ports[0], "streamer").sender(address, target=target)
    mesh.run_until(lambda: sender.credit, "no credit for the streamer")
    return sender


@pytest.mark.parametrize(("address", "header", "used"), [("x", 7, 7), ("x", None, 4), ("urgent/x", 1, 9)])
def test_d3_a_message_takes_the_link_of_its_priority_or_of_its_address(
    pair: tuple[Bench, Node, Node], address: str, header: int | None, used: int
) -> None:
    mesh, here, there = pair
    sender, receiver = joined(mesh, here, there, address)
    before = link_counts(here, LinkKind.ROUTER)
    sender.send(message(b"x", priority=header))
    mesh.run_until(lambda: receiver.received, "it does not come")
    changed = {link for link, count in link_counts(here, LinkKind.ROUTER).items() if count != before[link]}
    assert [here.router.core.links.by_handle[link].priority for link in changed] == [used]


def test_d11_a_stream_goes_through_both_routers_before_it_is_whole(pair: tuple[Bench, Node, Node]) -> None:
    mesh, here, there = pair
    _, receiver = joined(mesh, here, there, "x")
    sender = streaming_sender(mesh, here, receiver.address)
    whole = message(bytes(50_000))
    sender.send(whole[:100], more=True)
    for end in (20_000, 50_000):
        sender.go_on(whole[100 if end == 20_000 else 20_000 : end], more=True)
        mesh.run_until(
            lambda end=end: receiver.received and len(receiver.received[0].content) == end,  # type: ignore[misc]
            "it waits for its end",
        )
    sender.go_on(whole[50_000:])
    mesh.run_until(lambda: receiver.received[0].complete, "its end does not come")
    assert receiver.received[0].content == whole


def test_d12_a_stream_has_a_link_of_its_own_which_the_next_one_takes_from_the_pool(
    pair: tuple[Bench, Node, Node],
) -> None:
    mesh, here, there = pair
    _, receiver = joined(mesh, here, there, "x")
    streamers = [streaming_sender(mesh, here, receiver.address) for _ in range(2)]
    for _ in range(2):
        before = link_counts(here, LinkKind.STREAMING)
        for sender in streamers:
            sender.send(message(bytes(1000))[:500], more=True)
        started = len(receiver.received)
        mesh.run_until(lambda started=started: len(receiver.received) == started + 1, "none begins")  # type: ignore[misc]
        for sender in streamers:
            sender.go_on(message(bytes(1000))[500:])
        mesh.run_until(
            lambda started=started: (
                [one.complete for one in receiver.received[started:]] == [True, True]  # type: ignore[misc]
            ),
            "they do not end",
        )
    used = link_counts(here, LinkKind.STREAMING)
    assert used.keys() == before.keys(), "the second two were given new links"
    assert sum(used.values()) - sum(before.values()) == 2
    assert sorted(used[link] - before[link] for link in used if used[link] != before[link]) == [1, 1]


# --- the pool of links for streams


def streaming(node: Node) -> int:
    """Links for streams that a router has attached."""
    links = node.router.core.links.by_handle.values()
    return sum(link.kind is LinkKind.STREAMING and link.outgoing for link in links)


def streams(mesh: Bench, here: Node, there: Node, count: int) -> None:
    """So many streams cross the mesh at the same time."""
    joins = [joined(mesh, here, there, "stream") for _ in range(count)]
    parts = message(bytes(500_000))
    for sender, _ in joins:
        sender.send(parts[:400_000], more=True)
    mesh.run_until(lambda: all(receiver.received for _, receiver in joins), "no streams")
    for sender, _ in joins:
        sender.go_on(parts[400_000:])
    mesh.run_until(lambda: all(receiver.received[0].complete for _, receiver in joins), "no ends")
    for sender, receiver in joins:
        receiver.settle(receiver.received[0])
        mesh.run_until(lambda sender=sender: sender.credit == 10, "not settled")
    mesh.drop_peers()  # as long as they are there, so are the links that keep their order


def test_d12_idle_links_of_streams_are_detached_but_for_some_and_made_anew(
    pair: tuple[Bench, Node, Node],
) -> None:
    mesh, here, there = pair
    streams(mesh, here, there, 6)
    pools = max(
        1, sum(facts.role == "inter-router-data" for facts in here.router.shell.open_connections.values())
    )
    assert streaming(here) >= 6
    here.router.scrub.start(0.05, keep=1)
    mesh.run_until(lambda: streaming(here) == pools, "idle links stay")
    streams(mesh, here, there, 4)
    mesh.run_until(lambda: streaming(here) == pools, "idle links stay")
    here.router.scrub.start()
