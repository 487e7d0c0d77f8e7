"""Deliveries between two routers while the connections between them are replaced by newer ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from skrouter.router.core import effects, events
from skrouter.router.core.facts import ConnectionFacts
from skrouter_testing.certs import Authority
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, Sent, message

_numbers = itertools.count()
LOST = "Link to Neighbor Router Lost"
ROUTER = """
router {{
    mode: interior
    id: {id}
    dataConnectionCount: {data}
}}
sslProfile {{
    name: tls
    caCertFile: {ca}
    certFile: {certificate}
    privateKeyFile: {key}
}}
listener {{
    name: clients
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}}
"""
LISTENER = """
listener {
    name: routers
    host: 127.0.0.1
    port: 0
    role: inter-router
    sslProfile: tls
    saslMechanisms: EXTERNAL
    authenticatePeer: yes
}
"""
CONNECTOR = """
connector {{
    name: to-a
    host: 127.0.0.1
    port: {port}
    role: inter-router
    sslProfile: tls
}}
"""


class Pair:
    """B connects to A over TLS; `ordinal` is that of B's certificates."""

    def __init__(self, mesh: Bench, directory: Path, data: int) -> None:
        authority = Authority(directory)
        issued = {name: authority.issue(name, addresses=("127.0.0.1",)) for name in "AB"}
        text = {
            name: ROUTER.format(
                id=name, data=data, ca=authority.ca_file, certificate=one.certificate, key=one.key
            )
            for name, one in issued.items()
        }
        self.mesh, self.data, self.ordinal = mesh, data, 0
        self.a = mesh.node(text["A"] + LISTENER)
        self.b = mesh.node(text["B"] + CONNECTOR.format(port=self.a.ports[1]))
        self.logs = [directory / f"node{number}" / "router.log" for number in (0, 1)]
        mesh.run_until(lambda: self.a.router.core.routers and self.b.router.core.routers, "no mesh")
        mesh.run_until(
            lambda: all(len(self.between(node)) == data + 1 for node in self.nodes), "not complete"
        )

    @property
    def nodes(self) -> tuple[Node, Node]:
        return self.a, self.b

    def between(self, node: Node, ordinal: int | None = None) -> list[ConnectionFacts]:
        """The connections to the other router, of one age or all."""
        return [
            facts
            for facts in node.router.shell.open_connections.values()
            if facts.is_router and ordinal in {None, facts.ordinal}
        ]

    def update(self, node: Node, ordinal: int, oldest: int) -> None:
        """What management does for an sslProfile."""
        profile = node.config.ssl_profiles["tls"]
        node.router.shell.change_tls(replace(profile, ordinal=ordinal, oldest_valid_ordinal=oldest))
        node.router.tls_profile_updated("tls")

    def start_rotation(self) -> None:
        """Raise the ordinal of the connector's side by one."""
        self.ordinal += 1
        self.update(self.b, self.ordinal, 0)

    def rotate(self) -> None:
        """And wait until the new connections are in use on both sides."""
        self.start_rotation()
        self.mesh.run_until(self.is_rotated, "no rotation")

    def is_rotated(self) -> bool:
        """Whether both sides use the newest connections, and all of them are there."""
        complete = all(len(self.between(node, self.ordinal)) == self.data + 1 for node in self.nodes)
        neighbors = [one for node in self.nodes for one in node.router.core.connections.neighbors.values()]
        return complete and [one.facts.ordinal for one in neighbors] == [self.ordinal] * 2

    def expire(self) -> None:
        """End what is older than the newest, and wait until it is gone."""
        self.update(self.b, self.ordinal, self.ordinal)
        self.mesh.run_until(
            lambda: all(len(self.between(node)) == self.data + 1 for node in self.nodes), "old ones stay"
        )

    def written(self, node: Node, ordinal: int) -> int:
        """Octets that a router has sent over connections of one age."""
        return sum(node.router.connections.facts(one.connection)[1] for one in self.between(node, ordinal))

    def joined(self, turned: bool = False, *, credit: int = 10, address: str = "x") -> tuple[Link, Link]:
        """A sender at A and a receiver at B, or the other way round."""
        here, there = reversed(self.nodes) if turned else self.nodes
        address = f"{address}-{next(_numbers)}"
        receiver = self.mesh.peer(there.ports[0], "receiver").receiver(address, credit)
        sender = self.mesh.peer(here.ports[0], "sender").sender(address)
        self.mesh.run_until(lambda: sender.credit == 10, "no credit for the sender")
        return sender, receiver

    def crosses(self) -> None:
        """Short messages and streams cross in both directions."""
        for turned in (False, True):
            sender, receiver = self.joined(turned)
            for size in (10, 300_000, 300_000):
                sender.send(message(bytes(size)))
            self.complete(receiver, 3)
            for item in receiver.received:
                receiver.settle(item)
            self.mesh.run_until(lambda sender=sender: sender.credit == 10, "not settled")

    def complete(self, receiver: Link, count: int) -> None:
        self.mesh.run_until(lambda: sum(item.complete for item in receiver.received) == count, "incomplete")

    def settled(self, sent: list[Sent]) -> set[str | None]:
        self.mesh.run_until(lambda: all(item.is_settled for item in sent), "not settled")
        return {item.outcome for item in sent}

    def log(self) -> str:
        return "".join(path.read_text() for path in self.logs)


@pytest.fixture(params=[0, 2], ids=["alone", "with data connections"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    """Both routers; afterwards no delivery is left in either, and neither has ever lost the other."""
    with bench(tmp_path) as mesh:
        made = Pair(mesh, tmp_path, request.param)
        yield made
        clients = [
            facts.connection
            for node in made.nodes
            for facts in node.router.shell.open_connections.values()
            if not facts.is_router
        ]
        for peer in mesh.peers:
            if peer.alive:
                peer.kill()
        assert clients or not mesh.peers
        mesh.wait_empty()
        assert LOST not in made.log()


def control(pair: Pair, node: Node, ordinal: int) -> int:
    """The number of the control connection of one age."""
    return next(one.number for one in pair.between(node, ordinal) if one.role == "inter-router")


def test_both_sides_switch_and_say_so_and_the_mesh_sees_nothing(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    news: list[effects.Effect] = []
    for node in pair.nodes:
        monkeypatch.setattr(node.router.core, "handle", noting(node.router.core.handle, news))
    pair.rotate()
    for node, path in zip(pair.nodes, pair.logs, strict=True):
        first, second = (control(pair, node, ordinal) for ordinal in (0, 1))
        assert f"ROUTER_CORE (info) Upgrading connection [C{first}] to [C{second}]" in path.read_text()
    pair.crosses()
    assert sum(isinstance(effect, effects.SetNeighbor) for effect in news) == 2
    assert not [effect for effect in news if isinstance(effect, effects.NeighborUp | effects.NeighborDown)]
    assert all(len(pair.between(node, 0)) == pair.data + 1 for node in pair.nodes)


def noting(
    handle: Callable[[events.Event, float], list[effects.Effect]], news: list[effects.Effect]
) -> Callable[[events.Event, float], list[effects.Effect]]:
    """The same, and a note of what it decides."""

    def noted(event: events.Event, now: float) -> list[effects.Effect]:
        decided = handle(event, now)
        news.extend(decided)
        return decided

    return noted


@pytest.mark.parametrize("turned", [False, True])
def test_a_stream_goes_on_where_it_was_and_the_next_one_takes_the_new_way(pair: Pair, turned: bool) -> None:
    here = pair.b if turned else pair.a
    sender, receiver = pair.joined(turned)
    first = sender.send(message(bytes(400_000)), more=True)
    pair.mesh.run_until(lambda: receiver.received, "it does not come")
    pair.rotate()
    pair.mesh.rest()
    old, new = pair.written(here, 0), pair.written(here, 1)
    sender.go_on(b"-" * 200_000)
    pair.complete(receiver, 1)
    assert receiver.received[0].content == message(bytes(400_000)) + b"-" * 200_000
    assert pair.written(here, 0) - old > 200_000
    assert pair.written(here, 1) - new < 100_000
    receiver.settle(receiver.received[0])
    assert pair.settled([first]) == {"accepted"}
    pair.mesh.rest()
    other, receiver = pair.joined(turned)
    old, new = pair.written(here, 0), pair.written(here, 1)
    second = other.send(message(bytes(400_000)))
    pair.complete(receiver, 1)
    assert pair.written(here, 1) - new > 400_000
    assert pair.written(here, 0) - old < 100_000
    receiver.settle(receiver.received[0])
    assert pair.settled([second]) == {"accepted"}


@pytest.mark.parametrize("turned", [False, True])
def test_what_was_unsettled_on_the_old_links_is_settled_there(pair: Pair, turned: bool) -> None:
    sender, receiver = pair.joined(turned, credit=3)
    sent = [sender.send(message(bytes([number]))) for number in range(6)]
    pair.complete(receiver, 3)
    pair.rotate()
    receiver.settle(receiver.received[0], "rejected")
    for item in receiver.received[1:]:
        receiver.settle(item)
    receiver.give(10)
    pair.complete(receiver, 6)
    for item in receiver.received[3:]:
        receiver.settle(item)
    assert pair.settled(sent) == {"accepted", "rejected"}
    assert [item.content[-1] for item in receiver.received] == list(range(6))


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_an_address_with_large_messages_outlives_rotations(pair: Pair, turned: bool) -> None:
    sender, receiver = pair.joined(turned, credit=200)
    sent: list[Sent] = []

    def may_send() -> bool:
        for item in receiver.received:
            if item.complete and not item.settled:
                receiver.settle(item)
        return sender.credit > 0

    for index in range(60):
        pair.mesh.run_until(may_send, "no credit")
        size = (400_000, 10, 20_000)[index // 10 % 3] if index % 5 == 0 else 10
        sent.append(sender.send(message(index.to_bytes(4) + bytes(size))))
        if index % 20 == 10:
            pair.start_rotation()
    pair.mesh.run_until(lambda: may_send() and all(item.is_settled for item in sent), "not settled")
    assert [int.from_bytes(item.content[8:12]) for item in receiver.received] == list(range(60))
    assert {item.outcome for item in sent} == {"accepted"}
    pair.mesh.run_until(pair.is_rotated, "no rotation")
    assert pair.ordinal == 3


def test_an_address_with_large_messages_moves_on_when_the_old_way_is_done(pair: Pair) -> None:
    sender, receiver = pair.joined()
    first = sender.send(message(bytes(400_000)), more=True)
    pair.mesh.run_until(lambda: receiver.received, "it does not come")
    second = sender.peer.sender(receiver.address)
    pair.mesh.run_until(lambda: second.credit == 10, "no credit")
    behind = second.send(message(b"behind"))
    pair.rotate()
    pair.mesh.rest()
    assert len(receiver.received) == 1
    later = second.send(message(b"later"))
    pair.mesh.rest()
    sender.go_on(b"end")
    pair.complete(receiver, 3)
    assert [item.content[8:] for item in receiver.received[1:]] == [b"behind", b"later"]
    for item in receiver.received:
        receiver.settle(item)
    assert pair.settled([first, behind, later]) == {"accepted"}
    pair.mesh.rest()
    old, new = pair.written(pair.a, 0), pair.written(pair.a, 1)
    moved = second.send(message(bytes(100_000)))
    pair.complete(receiver, 4)
    receiver.settle(receiver.received[3])
    assert pair.settled([moved]) == {"accepted"}
    assert pair.written(pair.a, 1) - new > 100_000 > pair.written(pair.a, 0) - old
    pair.expire()
    last = second.send(message(b"last"))
    pair.complete(receiver, 5)
    receiver.settle(receiver.received[4])
    assert pair.settled([last]) == {"accepted"}


def test_expiry_ends_what_is_on_the_old_connections_and_nothing_else(pair: Pair) -> None:
    sender, receiver = pair.joined()
    streaming, other = pair.joined()
    unsettled = sender.send(message(b"unsettled"))
    stream = streaming.send(message(bytes(400_000)), more=True)
    pair.complete(receiver, 1)
    pair.mesh.run_until(lambda: other.received, "no stream")
    pair.rotate()
    kept = sender.send(message(b"kept"))
    pair.complete(receiver, 2)
    pair.expire()
    pair.mesh.run_until(lambda: other.received[0].aborted, "not aborted")
    streaming.go_on(b"end")
    assert pair.settled([unsettled, stream]) == {"modified"}
    receiver.settle(receiver.received[1])
    assert pair.settled([kept]) == {"accepted"}
    pair.crosses()


def test_connections_may_be_renewed_again_and_again(pair: Pair) -> None:
    for _ in range(4):
        pair.rotate()
        pair.crosses()
        pair.expire()
    assert [facts.ordinal for facts in pair.between(pair.a)] == [4] * (pair.data + 1)


def test_a_new_connection_that_is_lost_before_it_is_ready_leaves_the_old_one_in_place(pair: Pair) -> None:
    pair.start_rotation()
    pair.mesh.run_until(
        lambda: any(one.role == "inter-router" for one in pair.between(pair.b, 1)), "no new connection"
    )
    for one in pair.between(pair.b, 1):
        pair.b.router.connections.drop(one.connection)
    pair.crosses()
    pair.mesh.run_until(pair.is_rotated, "not tried again")
    pair.crosses()
