"""One large multicast to a fast receiver and to one that hardly reads: what everybody has to wait for.

Receivers of one message go at the pace of the slowest, for its octets are held once. Whoever is ahead is so
by what the router holds of the message (Q2) and what lies in sessions (Q3) and sockets; behind that the
incoming window of a session fills (`maxSessionFrames`), then its sender waits. Others are not held up.

Belongs here: the peers and their pace. Does not: routers, and how large the message is.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from skrouter_testing.peers import Link, Peer, message
from skrouter_testing.process import HOST, PATIENCE, Routers, free_port, section

SYSTEM = 24_000_000
"""Octets that the buffers of a connection's two sockets may take, at most."""
HELD = 262_144 + 1_048_576
"""Octets that a receiver may be behind within a router: Q2, and Q3 of its session."""
PART = 1_000_000
BEAT = 3.0
"""Seconds between two signs of life."""
ADDRESS, OTHER = "multicast/large", "others"
FRAME = 16_384
CLIENT_WINDOW, ROUTER_WINDOW = 8 << 20, 128 << 20
"""Octets of a session's incoming window where `maxSessionFrames` does not say."""


def start(routers: Routers, names: str, window: int | None = None) -> dict[str, int]:
    """Routers in a row, with windows between them of so many octets, or the usual ones; ports for clients."""
    frames = None if window is None else window // FRAME
    ports = {name: free_port() for name in names}
    mesh = {name: free_port() for name in names}
    for place, name in enumerate(names):
        text = section("router", mode="interior", id=name)
        text += section("listener", name="clients", host=HOST, port=ports[name])
        text += section("address", prefix="multicast", distribution="multicast")
        between = {"host": HOST, "role": "inter-router", "maxSessionFrames": frames}
        text += section("listener", name="routers", port=mesh[name], **between)
        if place:
            text += section("connector", name="left", port=mesh[names[place - 1]], **between)
        routers.add(name, text).start()
    return ports


@dataclass
class Pace:
    """A sender at one port; a fast and a slow receiver at another; a pair that has nothing to do with them.

    The message is said to be streaming, as a large one is after a while; `size` octets of it go out.
    """

    port: int
    receiving_port: int
    size: int
    peers: list[Peer] = field(default_factory=list)
    sent: int = 0
    beaten: float = 0.0

    def __post_init__(self) -> None:
        self.fast, self.slow = (self._peer(self.receiving_port, name) for name in ("fast", "slow"))
        self.receivers = [peer.receiver(ADDRESS, 1) for peer in (self.fast, self.slow)]
        other = self._peer(self.receiving_port, "other")
        self.other_receiver = other.receiver(OTHER, 1000)
        self.sender = self._peer(self.port, "sender").sender(ADDRESS)
        self.other_sender = self._peer(self.port, "other sender").sender(OTHER)
        self.until(lambda: self.sender.credit > 0 and self.other_sender.credit > 0, "no credit")

    def _peer(self, port: int, name: str) -> Peer:
        peer = Peer(port, name)
        peer.keeps = False
        self.peers.append(peer)
        return peer

    def close(self) -> None:
        """End all peers."""
        for peer in self.peers:
            if peer.alive:
                peer.kill()

    # --- how octets move

    def turn(self) -> bool:
        """Everybody does what is possible; the message goes on as the sender's socket takes it."""
        if self.sender.partial is not None and not self.sender.peer.is_writing:
            part = min(PART, self.size - self.sent)
            self.sent += part
            self.sender.go_on(bytes(part), more=self.sent < self.size)
        if time.monotonic() - self.beaten > BEAT:
            self.beaten = time.monotonic()
            for peer in self.peers:
                peer.beat()
        moved = [peer.turn() for peer in self.peers]
        return any(moved)

    def until(self, condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        """Turn until it holds. AssertionError when nothing has moved for so many seconds."""
        moved = time.monotonic()
        while not condition():
            if self.turn():
                moved = time.monotonic()
            assert time.monotonic() - moved < patience, f"{what}: {self.story()}"
            alive = [peer for peer in self.peers if peer.alive and peer.reading]
            select.select(alive, [], [], 0.001)

    def until_still(self, seconds: float = 1.0) -> None:
        """Until nothing has moved for a while."""
        moved = time.monotonic()
        while time.monotonic() - moved < seconds:
            if self.turn():
                moved = time.monotonic()

    def story(self) -> str:
        """How far everybody is."""
        return f"sent {self.sent}, fast {taken(self.receivers[0])}, slow {taken(self.receivers[1])}"

    # --- what happens

    def begin(self) -> None:
        """The message begins, until a receiver that does not read holds up the other, and the sender."""
        self.slow.reading = False
        self.sender.send(message(bytes(PART)), more=True)
        self.sent = PART
        self.until_still()

    def exchange_others(self, count: int) -> float:
        """The pair beside exchanges messages; the seconds that took."""
        started, done = time.monotonic(), len(self.other_receiver.received)
        for number in range(done, done + count):
            sent = self.other_sender.send(message(b"x" * 1000))
            self.until(lambda number=number: len(self.other_receiver.received) > number, "others are held up")
            self.other_receiver.settle(self.other_receiver.received[number])
            self.until(lambda sent=sent: sent.is_settled, "others are held up")
        return time.monotonic() - started

    def read_slowly(self, octets: int) -> int:
        """The slow one reads on until it has so many; the most that the fast one was ahead meanwhile."""
        most = 0
        while taken(self.receivers[1]) < octets:
            self.slow.reading = True
            before = taken(self.receivers[1])
            self.until(lambda before=before: taken(self.receivers[1]) > before, "the slow one gets nothing")
            self.slow.reading = False
            for _ in range(4):
                self.turn()
            most = max(most, taken(self.receivers[0]) - taken(self.receivers[1]))
        return most

    def end(self) -> str | None:
        """The slow one goes; the outcome of the message, which the fast one takes whole."""
        self.slow.kill()
        fast = self.receivers[0]
        self.until(lambda: fast.received[0].complete, "the fast one does not go on alone")
        fast.settle(fast.received[0])
        (sent,) = self.sender.peer.sent.values()
        self.until(lambda: sent.is_settled, "the sender hears nothing")
        return sent.outcome


def taken(receiver: Link) -> int:
    """Octets of its message that a receiver has."""
    return receiver.received[0].size if receiver.received else 0
