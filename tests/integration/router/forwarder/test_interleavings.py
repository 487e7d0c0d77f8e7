"""Clients and edge routers do anything in any order: each delivery is accounted for once, nothing stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skrouter.amqp.annotations import RouterAnnotations, decode_annotations, encode_annotations
from skrouter.amqp.types import Array, Symbol
from skrouter_testing.engines import Bench, Node
from skrouter_testing.peers import Link, Peer, Sent, composite, message

TERMINAL = {"accepted", "rejected", "released", "modified"}
ADDRESSES = ("x", "y", "mc/x", "closest/x")
SIZES = (0, 300, 20_000, 300_000)
CLIENTS = 3
EDGES = (("mesh-one", True), ("mesh-one", False), ("mesh-two", True))
"""Edge routers: their mesh, and whether they take streams on links of their own."""
PEERS = CLIENTS + len(EDGES)
ASKED = ((), ("qd.resend-released",), ("qd.resend-released", "qd.streaming-deliveries"))
DISCOVERY = "_$qd.mesh_discovery"
SYMBOLS = 0xA3

STEPS = st.one_of(
    st.tuples(st.just("receiver"), st.integers(0, PEERS - 1), st.sampled_from(ADDRESSES), st.integers(0, 8)),
    st.tuples(
        st.just("sender"),
        st.integers(0, PEERS - 1),
        st.sampled_from((*ADDRESSES, None)),
        st.sampled_from(ASKED),
    ),
    st.tuples(st.just("credit"), st.integers(0, 9), st.integers(1, 5), st.booleans()),
    st.tuples(
        st.just("send"), st.integers(0, 9), st.sampled_from(SIZES), st.sampled_from(("", "settled", "more"))
    ),
    st.tuples(st.just("finish"), st.integers(0, 9), st.sampled_from(("end", "abort")), st.just(0)),
    st.tuples(st.just("settle"), st.integers(0, 9), st.sampled_from(sorted(TERMINAL)), st.booleans()),
    st.tuples(st.just("detach"), st.integers(0, 9), st.just(0), st.just(0)),
    st.tuples(
        st.just("end"), st.integers(0, PEERS - 1), st.sampled_from(("kill", "close", "end")), st.just(0)
    ),
    st.tuples(st.just("rest"), st.just(0), st.just(0), st.just(0)),
)


class Play:
    """One example: peers, their links, and every delivery that was sent."""

    def __init__(self, bench: Bench, node: Node) -> None:
        self.bench = bench
        self.closed: set[int] = set()
        self.node = node
        self.peers = [bench.peer(node.ports[0], f"peer{number}") for number in range(CLIENTS)]
        self.meshes: dict[int, str] = {}
        """Of the peers that are edge routers."""
        for mesh, streams in EDGES:
            self._add_edge(mesh, streams)
        self.sent: list[tuple[Link, Sent]] = []
        self.aborted: set[int] = set()
        self.contents: Counter[bytes] = Counter()
        self.number = 0

    def _add_edge(self, mesh: str, streams: bool) -> None:
        offered = {"offered_capabilities": Symbol("qd.streaming-links")} if streams else {}
        peer = self.bench.peer(self.node.ports[1], f"edge{len(self.meshes)}", **offered)
        self.meshes[id(peer)] = mesh
        discovery = peer.sender(DISCOVERY)
        self.bench.run_until(lambda: discovery.credit, "no credit for the announcement")
        text = mesh.encode()
        entries = b"\xa3\x06meshid\xa1" + bytes((len(text),)) + text
        properties = b"\x00\x53\x74\xc1" + bytes((len(entries) + 1, 2)) + entries
        sent = discovery.send(encode_annotations(RouterAnnotations()) + properties)
        self.bench.run_until(lambda: sent.is_settled, "the announcement is not settled")
        self.closed.add(id(discovery))
        self.peers.append(peer)

    @property
    def links(self) -> list[Link]:
        """Those of all peers; streaming links too, which the router attaches."""
        return [link for peer in self.peers for link in peer.links]

    def step(self, name: str, *arguments: object) -> None:
        getattr(self, f"_do_{name}")(*arguments)

    def _do_receiver(self, number: int, address: str, credit: int) -> None:
        if self._speaks(peer := self.peers[number]):
            peer.receiver(address, credit)

    def _do_sender(self, number: int, address: str | None, asked: tuple[str, ...]) -> None:
        if self._speaks(peer := self.peers[number]):
            names = Array(SYMBOLS, tuple(Symbol(name) for name in asked)) if asked else None
            peer.sender(address, target=composite("target", address=address, capabilities=names))

    def _speaks(self, peer: Peer) -> bool:
        return peer.alive and id(peer) not in self.closed

    def _link(self, number: int, *, is_sender: bool) -> Link | None:
        usable = [
            link
            for link in self.links
            if link.is_sender == is_sender
            and id(link) not in self.closed
            and self._speaks(link.peer)
            and link.detach is None
        ]
        return usable[number % len(usable)] if usable else None

    def _do_credit(self, number: int, credit: int, drain: bool) -> None:
        if link := self._link(number, is_sender=False):
            link.give(credit, drain=drain)

    def _do_send(self, number: int, size: int, how: str) -> None:
        link = self._link(number, is_sender=True)
        if link is None or link.credit <= 0 or link.partial is not None:
            return
        self.number += 1
        content = message(self.number.to_bytes(4) + bytes(size), to=ADDRESSES[self.number % len(ADDRESSES)])
        self.contents[content] += 1
        if (mesh := self.meshes.get(id(link.peer))) is not None:
            content = encode_annotations(RouterAnnotations(ingress_mesh=mesh)) + content
        sent = link.send(content, settled=how == "settled", more=how == "more")
        if how != "settled":
            self.sent.append((link, sent))

    def _do_finish(self, number: int, how: str, _: int) -> None:
        link = self._link(number, is_sender=True)
        if link is None or link.partial is None:
            return
        if how == "abort":
            self.aborted.add(id(link.partial))
            link.abort()
        else:
            link.go_on(b"")

    def _do_settle(self, number: int, outcome: str, first: bool) -> None:
        link = self._link(number, is_sender=False)
        if link is None:
            return
        for item in [item for item in link.received if not item.settled and not item.aborted]:
            if first:
                link.peer.dispose(item.number, outcome, settled=False)
            link.settle(item, outcome)

    def _do_detach(self, number: int, *_: int) -> None:
        link = self._link(number, is_sender=number % 2 == 0)
        if link is not None:
            self.closed.add(id(link))
            link.close()

    def _do_end(self, number: int, how: str, _: int) -> None:
        peer = self.peers[number]
        if self._speaks(peer):
            self.closed.add(id(peer))
            getattr(peer, how)()

    def _do_rest(self, *_: int) -> None:
        self.bench.rest()

    # --- what must hold

    def finish(self) -> None:
        """Streams end, receivers go; then every unsettled delivery of a living link has one outcome."""
        for link in self.links:
            if link.is_sender and link.partial is not None and self._lives(link):
                link.go_on(b"")
        self.bench.rest()
        for number in range(PEERS):
            if number % 2:
                self._do_end(number, "kill", 0)
        self.bench.rest()
        for link in self.links:
            if not link.is_sender and self._lives(link):
                self.closed.add(id(link))
                link.close()
        self.bench.rest()
        self._check_outcomes()
        self._check_contents()

    def _lives(self, link: Link) -> bool:
        return self._speaks(link.peer) and id(link) not in self.closed and link.detach is None

    def _check_outcomes(self) -> None:
        for link, sent in self.sent:
            settlements = [settled for _, settled in sent.states].count(True)
            assert settlements <= 1, sent
            if self._lives(link) and id(sent) not in self.aborted:
                assert settlements == 1, sent
                assert sent.outcome in TERMINAL, sent

    def _check_contents(self) -> None:
        """Nothing was made up, and nothing came twice on a link."""
        for link in self.links:
            if link.is_sender:
                continue
            seen = [self._plain(item.content) for item in link.received if item.complete]
            assert len(seen) == len(set(seen)), "a delivery came twice on one link"
            assert all(content in self.contents for content in seen), "octets that nobody has sent"

    @staticmethod
    def _plain(content: bytes) -> bytes:
        return content[decode_annotations(content)[1] :]


@contextmanager
def played(bench: Bench, node: Node) -> Iterator[Play]:
    """A play after which the router is as empty as before."""
    bench.drop_peers()
    before = node.live()
    play = Play(bench, node)
    yield play
    bench.drop_peers()
    bench.rest()
    assert node.live() == before
    assert node.router.core.links.by_handle == {}


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, max_size=40))
def test_every_delivery_is_settled_once_whatever_clients_do(
    module_bench: Bench, steps: list[tuple[object, ...]]
) -> None:
    (node,) = module_bench.nodes
    with played(module_bench, node) as play:
        for name, *arguments in [
            ("receiver", 0, "x", 3),
            ("receiver", 1, "mc/x", 3),
            ("receiver", 3, "x", 3),
            ("sender", 2, "x", ASKED[1]),
            ("sender", 2, None, ASKED[2]),
            ("sender", 4, "x", ASKED[1]),
            ("rest", 0, 0, 0),
            *steps,
        ]:
            play.step(str(name), *arguments)
        play.finish()
