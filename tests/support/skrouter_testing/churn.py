"""Clients that come and go: connect, attach, send, settle, detach, end in every way; what must stay flat.

Belongs here: one client's life, and a sample of a router. Does not: how long it goes on, and claims.
"""

from __future__ import annotations

import random
import select
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from skrouter_testing.live_management import query
from skrouter_testing.peers import Link, Peer, Sent, message
from skrouter_testing.process import PATIENCE, POLL, RouterProcess

AT_ONCE = 20
"""Lives."""
NAMES = 2000
"""Addresses that are used."""
SIZES = (0, 300, 20_000, 300_000)
ENDS = ("close", "end", "kill", "detach")
TRANSIT = ("qd_message_t", "qd_buffer_t", "qd_large_buffer_t", "qdr_delivery_t", "qdr_incoming_delivery_t")
"""Objects of the allocator that a router at rest has none of."""
REST = 3.0
"""Seconds without a change until a router is taken to be at rest."""


class ChurnError(AssertionError):
    """A client did not get what it must get."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one router has: octets resident, descriptors, messages in transit, tables of its management."""

    resident: int
    descriptors: int
    in_transit: int
    addresses: int
    links: int
    connections: int

    @property
    def clients(self) -> tuple[int, ...]:
        """What clients make grow; streaming links between routers stay in their pools."""
        return self.descriptors, self.in_transit, self.addresses, self.connections


def sample(router: RouterProcess, port: int) -> Sample:
    """What it has now; the connection that asks is counted in the tables, not in the descriptors."""
    (row,) = query(port, "routerMetrics")
    descriptors = len(list(Path(f"/proc/{router.pid}/fd").iterdir()))
    counts = (int(row[name]) for name in ("addrCount", "linkCount", "connectionCount"))
    pools = query(port, "allocator")
    in_transit = sum(int(pool["heldByThreads"]) for pool in pools if pool["typeName"] in TRANSIT)
    return Sample(router.memory().resident, descriptors, in_transit, *counts)


def sample_at_rest(router: RouterProcess, port: int) -> Sample:
    """What it has once that has not changed for a while: meshes learn addresses with a delay."""
    found, since = sample(router, port), time.monotonic()
    while time.monotonic() - since < REST:
        time.sleep(REST / 10)
        if (new := sample(router, port)).clients != found.clients:
            since = time.monotonic()
        found = new
    return found


def sample_without_clients(
    router: RouterProcess, port: int, before: Sample, timeout: float = PATIENCE
) -> Sample:
    """What it has once it has forgotten its clients; ChurnError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while (found := sample(router, port)).clients != before.clients:
        if time.monotonic() > deadline:
            raise ChurnError(f"{router.name} has not forgotten its clients: {before} before, {found} now")
        time.sleep(POLL)
    return found


Step = tuple[Callable[[], object], str]
"""What a life waits for, and what is said if it does not come."""


class Churn:
    """Lives of pairs of clients at routers, `at_once` at a time; `lives` counts them by their end."""

    def __init__(self, ports: Iterable[int], source: random.Random) -> None:
        self.ports = list(ports)
        self.at_once = AT_ONCE
        self.lives: Counter[str] = Counter()
        self.begun = 0
        self._random = source

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Begin lives while `goes_on` says so, and live all to their end. ChurnError if one gets stuck."""
        alive: list[_Life] = []
        while alive or goes_on():
            while len(alive) < self.at_once and goes_on():
                self.begun += 1
                alive.append(_Life(self))
            moved = [life.turn() for life in alive]
            alive = [life for life in alive if not life.is_over]
            if not any(moved):
                readers = [peer for life in alive for peer in life.peers if peer.alive]
                select.select(readers, [], [], 0.01)

    def life(self, peers: list[Peer]) -> Iterator[Step]:
        """A receiver and a sender somewhere, some messages, an end; stops at what it must wait for."""
        address = f"{self._random.choice(('', 'multicast/'))}churn/{self._random.randrange(NAMES)}"
        port, other = self._random.choices(self.ports, k=2)
        peers += [Peer(port, "receiver"), Peer(other, "sender")]
        receiver = peers[0].receiver(address, 10)
        yield lambda: receiver.attach is not None, "no attach"
        sender = peers[1].sender(address)
        yield lambda: sender.credit, "no credit"
        yield from self._exchange(sender, receiver)
        yield from self._end(peers, sender, receiver)

    def _exchange(self, sender: Link, receiver: Link) -> Iterator[Step]:
        """Another life may use the same address: only what the sender hears is certain."""
        for _ in range(self._random.randrange(4)):
            settled = self._random.random() < 0.3
            sent = sender.send(message(bytes(self._random.choice(SIZES))), settled=settled)
            outcome = self._random.choice(("accepted", "released", "modified"))
            if not settled:
                yield partial(_is_answered, sent, receiver, outcome), "no outcome"

    def _end(self, peers: list[Peer], sender: Link, receiver: Link) -> Iterator[Step]:
        """Half of the time in the middle of a message."""
        if self._random.random() < 0.5:
            sender.send(message(bytes(400_000))[:300_000], more=True)
            yield lambda: not peers[1].is_writing, "it is not written"
            if self._random.random() < 0.3:
                sender.abort()
        how = self._random.choice(ENDS)
        self.lives[how] += 1
        for peer, link in zip(peers, (receiver, sender), strict=True):
            if how == "detach":
                link.close()
            else:
                getattr(peer, how)()
        if how != "kill":
            yield lambda: all(peer.heard(how) for peer in peers if peer.alive), f"no answer to {how}"


def _is_answered(sent: Sent, receiver: Link, outcome: str) -> bool:
    """Whether it is settled; whatever has come to the receiver gets this outcome."""
    for item in receiver.received:
        if item.complete and not item.settled:
            receiver.settle(item, outcome)
    return sent.is_settled


class _Life:
    """One life under way."""

    def __init__(self, churn: Churn) -> None:
        self.peers: list[Peer] = []
        self.is_over = False
        self._steps = churn.life(self.peers)
        self._next()

    def _next(self) -> None:
        step = next(self._steps, None)
        self._deadline = time.monotonic() + PATIENCE
        if step is not None:
            self._condition, self._what = step
            return
        self.is_over = True
        for peer in self.peers:
            if peer.alive:
                peer.kill()

    def turn(self) -> bool:
        """Whether anything moved."""
        moved = [peer.turn() for peer in self.peers]
        if self._condition():
            self._next()
            return True
        if time.monotonic() > self._deadline:
            frames = [[name for name, _ in peer.frames[-5:]] for peer in self.peers]
            raise ChurnError(f"{self._what}: {frames}")
        return any(moved)
