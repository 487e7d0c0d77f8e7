"""Clients and edge routers that do anything in any order, and what must hold whatever they do.

The laws: an unsettled delivery ends in one outcome at its sender; credit is neither lost nor made up; nobody
gets more than his credit, octets that nobody has sent, or a delivery twice; routers are empty at the end.

Belongs here: steps and laws. Does not: routers (engines.py) and how many examples are played (the tests).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import strategies as st
from skrouter.amqp.annotations import RouterAnnotations, decode_annotations, encode_annotations
from skrouter.amqp.types import Array, Symbol

from skrouter_testing.engines import Bench, Node
from skrouter_testing.peers import Link, Peer, Sent, composite, message

TERMINAL = {"accepted", "rejected", "released", "modified"}
ADDRESSES = ("x", "y", "mc/x", "closest/x")
SIZES = (0, 300, 20_000, 300_000)
CAPACITY = 10
"""Of every client's and edge router's link at these routers."""
CLIENTS = 3
EDGES = (("mesh-one", True), ("mesh-one", False), ("mesh-two", True))
"""Edge routers: their mesh, and whether they take streams on links of their own."""
ASKED = ((), ("qd.resend-released",), ("qd.resend-released", "qd.streaming-deliveries"))
DISCOVERY = "_$qd.mesh_discovery"
SYMBOLS = 0xA3

STEPS = st.one_of(
    st.tuples(st.just("receiver"), st.integers(0, 9), st.sampled_from(ADDRESSES), st.integers(0, 8)),
    st.tuples(
        st.just("sender"),
        st.integers(0, 9),
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
    st.tuples(st.just("end"), st.integers(0, 9), st.sampled_from(("kill", "close", "end")), st.just(0)),
    st.tuples(st.just("rest"), st.just(0), st.just(0), st.just(0)),
)


class Play:
    """One example: peers, their links, and every delivery that was sent.

    The first listener of each node is for clients; with `edges`, the second of the first for edge routers.
    """

    def __init__(self, bench: Bench, nodes: Sequence[Node], *, edges: bool = False) -> None:
        self.bench = bench
        self.closed: set[int] = set()
        self.nodes = nodes
        self.peers = [
            bench.peer(nodes[number % len(nodes)].ports[0], f"peer{number}")
            for number in range(max(CLIENTS, 2 * len(nodes)))
        ]
        self.meshes: dict[int, str] = {}
        """Of the peers that are edge routers."""
        for mesh, streams in EDGES if edges else ():
            self._add_edge(mesh, streams)
        self.sent: list[tuple[Link, Sent]] = []
        self.aborted: set[int] = set()
        self.declined: set[int] = set()
        """Received deliveries that were settled before their end: the router ends them where they are."""
        self.contents: Counter[bytes] = Counter()
        self.number = 0

    def _add_edge(self, mesh: str, streams: bool) -> None:
        offered = {"offered_capabilities": Symbol("qd.streaming-links")} if streams else {}
        peer = self.bench.peer(self.nodes[0].ports[1], f"edge{len(self.meshes)}", **offered)
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
        """Do one of STEPS."""
        getattr(self, f"_do_{name}")(*arguments)
        self._check_credit()

    def _peer(self, number: int) -> Peer:
        return self.peers[number % len(self.peers)]

    def _do_receiver(self, number: int, address: str, credit: int) -> None:
        if self._speaks(peer := self._peer(number)):
            peer.receiver(address, credit)

    def _do_sender(self, number: int, address: str | None, asked: tuple[str, ...]) -> None:
        if self._speaks(peer := self._peer(number)):
            names = Array(SYMBOLS, tuple(Symbol(name) for name in asked)) if asked else None
            peer.sender(address, target=composite("target", address=address, capabilities=names))

    def is_ready(self) -> bool:
        """Whether every living sender has credit."""
        return all(link.credit for link in self._senders())

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
            if not item.complete:
                self.declined.add(id(item))
            if first:
                link.peer.dispose(item.number, outcome, settled=False)
            link.settle(item, outcome)

    def _do_detach(self, number: int, *_: int) -> None:
        link = self._link(number, is_sender=number % 2 == 0)
        if link is not None:
            self.closed.add(id(link))
            link.close()

    def _do_end(self, number: int, how: str, _: int) -> None:
        peer = self._peer(number)
        if self._speaks(peer):
            self.closed.add(id(peer))
            getattr(peer, how)()

    def _do_rest(self, *_: int) -> None:
        self.bench.rest()

    # --- what must hold

    def finish(self) -> None:
        """Streams end, receivers go; then every unsettled delivery of a living link has one outcome.

        A living sender has all its credit as soon as there is a receiver.
        """
        for link in self._senders():
            if link.partial is not None:
                link.go_on(b"")
        self.bench.rest()
        for number in range(1, len(self.peers), 2):
            self._do_end(number, "kill", 0)
        self.bench.rest()
        for link in self.links:
            if not link.is_sender and self._lives(link):
                self.closed.add(id(link))
                link.close()
        self.bench.run_until(self._is_told, "a delivery without outcome")
        self.bench.rest()
        self._check_outcomes()
        self._check_contents()
        self._check_credit_comes_back()

    def _lives(self, link: Link) -> bool:
        return self._speaks(link.peer) and id(link) not in self.closed and link.detach is None

    def _senders(self) -> list[Link]:
        return [link for link in self.links if link.is_sender and self._lives(link)]

    def _owed_outcomes(self) -> list[Sent]:
        """Those that a living sender must hear of."""
        return [sent for link, sent in self.sent if self._lives(link) and id(sent) not in self.aborted]

    def _is_told(self) -> bool:
        return all(sent.is_settled for sent in self._owed_outcomes())

    def _check_outcomes(self) -> None:
        for _, sent in self.sent:
            assert [settled for _, settled in sent.states].count(True) <= 1, sent
        for sent in self._owed_outcomes():
            assert sent.outcome in TERMINAL, sent

    def _check_credit(self) -> None:
        """A client's credit comes back when a delivery is settled, a router's when it is forwarded."""
        for link in self.links:
            assert link.credit >= 0, f"more sent than credit was given on {link.attach}"
        unsettled: Counter[int] = Counter()
        for link, sent in self.sent:
            if id(link.peer) not in self.meshes and not sent.is_settled and id(sent) not in self.aborted:
                unsettled[id(link)] += 1
        for link in self._senders():
            if link.attach is not None:
                assert link.credit + unsettled[id(link)] <= CAPACITY, f"credit was made up on {link.attach}"

    def _check_credit_comes_back(self) -> None:
        taker = self.bench.peer(self.nodes[0].ports[0], "taker")
        for address in ADDRESSES:
            taker.receiver(address, 1000)
        self.bench.run_until(
            lambda: all(link.credit == CAPACITY for link in self._senders()), "credit is lost"
        )
        self.bench.rest()
        self._check_credit()
        assert all(link.credit == CAPACITY for link in self._senders())

    def _check_contents(self) -> None:
        """Nothing was made up, and nothing came twice on a link."""
        for link in self.links:
            if link.is_sender:
                continue
            whole = [item for item in link.received if item.complete and id(item) not in self.declined]
            seen = [self._plain(item.content) for item in whole]
            assert len(seen) == len(set(seen)), "a delivery came twice on one link"
            assert all(content in self.contents for content in seen), "octets that nobody has sent"

    @staticmethod
    def _plain(content: bytes) -> bytes:
        return content[decode_annotations(content)[1] :]
