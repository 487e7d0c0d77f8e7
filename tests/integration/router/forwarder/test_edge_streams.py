"""Streams to edge routers leave the link of their consumer, and still count as its load until they end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from skrouter.amqp.types import Array, Symbol
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, composite, message

SYMBOLS = 0xA3
STREAMING = "qd.streaming-deliveries"
RESEND = "qd.resend-released"
UNDELIVERED, UNSETTLED, MOVED = 1, 2, 12
LISTENER = """
listener {{
    name: {role}
    host: 127.0.0.1
    port: 0
    role: {role}
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}}
"""
INTERIOR = (
    "router {\n mode: interior\n id: A\n}\n" + LISTENER.format(role="normal") + LISTENER.format(role="edge")
)
EDGE = "router {\n mode: edge\n id: E\n}\n" + LISTENER.format(role="normal")
UPLINK = "connector {{\n name: up\n host: 127.0.0.1\n port: {port}\n role: edge\n}}\n"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("edge")) as it:
        interior = it.node(INTERIOR)
        it.node(EDGE + UPLINK.format(port=interior.ports[1]))
        it.run_until(lambda: it.nodes[1].router.execution.entries.get("L_edge"), "no uplink")
        yield it


class Scene:
    """A consumer at the edge router, and a sender of streams at the interior router."""

    def __init__(self, made: Bench, *capabilities: str) -> None:
        self.bench = made
        self.interior, self.edge = made.nodes
        self.address = f"x-{next(_numbers)}"
        self.far = self.receiver(self.edge)
        made.run_until(lambda: self.consumers(self.interior) == 1, "no proxy")
        self.sender = self.sender_of(STREAMING, *capabilities)

    def receiver(self, node: Node) -> Link:
        link = self.bench.peer(node.ports[0], "receiver").receiver(self.address, 5)
        self.bench.run_until(lambda: link.attach, "no consumer")
        return link

    def sender_of(self, *capabilities: str) -> Link:
        names = Array(SYMBOLS, tuple(Symbol(name) for name in capabilities)) if capabilities else None
        target = composite("target", address=self.address, capabilities=names)
        link = self.bench.peer(self.interior.ports[0], "sender").sender(self.address, target=target)
        self.bench.run_until(lambda: link.credit == 10, "no credit")
        return link

    def consumers(self, node: Node) -> int:
        address = node.router.core.table.addresses.get(f"M{self.address}")
        return len(address.consumers) if address is not None else 0

    def total(self, fact: int) -> int:
        """Over all links of the interior router."""
        links = self.interior.router.core.links.by_handle
        return sum(self.interior.router.forwarder.link_facts(handle)[fact] for handle in links)

    def until(self, condition: object, what: str) -> None:
        assert callable(condition)
        self.bench.run_until(condition, what)


@pytest.fixture
def clean(made: Bench) -> Iterator[Bench]:
    """Afterwards nothing is left of any delivery, in either router."""
    yield made
    for peer in made.peers:
        if peer.alive:
            peer.kill()
    made.peers.clear()
    made.wait_empty()


@pytest.mark.parametrize("end", ["accepted", "released", "aborted", "receiver goes"])
def test_a_stream_to_an_edge_router_is_load_of_its_consumer_until_it_ends(clean: Bench, end: str) -> None:
    scene = Scene(clean)
    sent = scene.sender.send(message(bytes(20_000)), more=True)
    scene.until(lambda: scene.far.received, "no stream")
    assert scene.total(MOVED) == 1
    if end == "aborted":
        scene.sender.abort()
        scene.until(lambda: scene.far.received[0].aborted, "not aborted")
    elif end == "receiver goes":
        scene.far.close()
        scene.until(lambda: scene.total(MOVED) == 0, "it counts still")
        scene.sender.go_on(b"")
    else:
        scene.sender.go_on(b"")
        scene.until(lambda: scene.far.received[0].complete, "the stream does not end")
        assert scene.total(MOVED) == 1
        scene.far.settle(scene.far.received[0], end)
    scene.until(lambda: scene.total(MOVED) == 0, "it counts still")
    if end != "aborted":
        scene.until(lambda: sent.is_settled, "not settled")
        assert sent.outcome == ("modified" if end == "receiver goes" else end)


def test_open_streams_count_when_the_least_loaded_is_chosen(clean: Bench) -> None:
    scene = Scene(clean)
    for number, sender in enumerate((scene.sender, scene.sender_of(STREAMING)), 1):
        sender.send(message(bytes(1000)), more=True)
        scene.until(lambda number=number: scene.total(MOVED) == number, "no stream")
    near = scene.receiver(scene.interior)
    plain = scene.sender_of()
    for count in (1, 2):
        plain.send(message())
        scene.until(lambda count=count: len(near.received) == count, "the busier consumer was chosen")
    assert scene.total(MOVED) == 2


@pytest.mark.parametrize("settles", [True, False])
def test_a_stream_that_is_released_half_way_behind_an_edge_router_begins_anew_elsewhere(
    clean: Bench, settles: bool
) -> None:
    scene = Scene(clean, RESEND)
    content = message(bytes(number % 251 for number in range(40_000)))
    sent = scene.sender.send(content[:20_000], more=True)
    scene.until(lambda: scene.far.received, "no stream")
    near = scene.receiver(scene.interior)
    scene.far.peer.dispose(scene.far.received[0].number, "released", settled=settles)
    scene.until(lambda: near.received, "nobody else gets it")
    assert scene.total(MOVED) == 0
    scene.sender.go_on(content[20_000:])
    scene.until(lambda: near.received[0].complete, "the stream does not end")
    assert near.received[0].content == content
    near.settle(near.received[0])
    scene.until(lambda: sent.is_settled, "not settled")
    assert sent.states == [("accepted", True)]


def test_what_all_consumers_of_an_edge_router_release_goes_on_to_the_network(clean: Bench) -> None:
    """Of a sender without address: the consumer here is asked first, then the interior router's."""
    scene = Scene(clean)
    near = scene.receiver(scene.interior)
    names = Array(SYMBOLS, (Symbol(RESEND),))
    link = clean.peer(scene.edge.ports[0], "sender").sender(
        None, target=composite("target", capabilities=names)
    )
    scene.until(lambda: link.credit == 10, "no credit")
    sent = link.send(message(b"anybody", to=scene.address))
    scene.until(lambda: scene.far.received, "its own consumer is not asked")
    assert near.received == []
    scene.far.settle(scene.far.received[0], "released")
    scene.until(lambda: near.received and near.received[0].complete, "the network is not asked")
    near.settle(near.received[0], "released")
    scene.until(lambda: sent.is_settled, "not settled")
    assert sent.states == [("released", True)]
    assert (len(scene.far.received), len(near.received)) == (1, 1)
