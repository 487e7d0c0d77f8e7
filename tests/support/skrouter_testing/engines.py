"""Whole routers in this process and thread, and peers on real sockets.

Every step is taken by the test: `Bench.run_until` lets each router turn once, each peer write and read,
and so on until the condition holds; `Bench.rest` until nobody has anything to do. No threads.

Belongs here: routers and the order of steps. Does not: what peers say (peers.py), and claims.
"""

from __future__ import annotations

import contextlib
import random
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from skrouter.amqp.engine.loop import EngineLoop
from skrouter.amqp.engine.poller import Engine
from skrouter.config.loader import load
from skrouter.router.net.log import RouterLog
from skrouter.router.runtime import Router

from skrouter_testing.peers import Peer

PATIENCE: Final = 15.0
"""Seconds for a condition to hold."""
IDLE_ROUNDS: Final = 3
"""Rounds in which nothing moved, after the last octet has been read, until all deferred work is done too."""
LIVE: Final = (
    *("links_live", "arrivals_live", "copies_live", "contents_live", "chunks_live"),
    *("deliveries_stuck", "links_blocked"),
)

_kept: list[object] = []
"""Routers and engines: they must not end inside a cycle that the garbage collector takes apart."""


class Node:
    """One router with its own engine and loop; nothing moves but in `turn`."""

    def __init__(self, directory: Path, text: str) -> None:
        directory.mkdir()
        path = directory / "router.conf"
        log = f"log {{\n module: DEFAULT\n enable: debug+\n outputFile: {directory / 'router.log'}\n}}\n"
        log += "log {\n module: PROTOCOL\n enable: info+\n}\n"  # frames are looked at where they are wanted
        path.write_text(log + text)
        self.config = load(path, random=random.Random(7))
        self.log = RouterLog(self.config.logs)
        self.engine = Engine()
        self.loop = EngineLoop(self.engine)
        self.router = Router(self.config, self.loop, self.engine, self.log, "1.2.3")
        _kept.extend((self.engine, self.router))
        self.router.start()
        self.router.open_ports()

    @property
    def ports(self) -> tuple[int, ...]:
        """Ports of the listeners, in the order of the configuration."""
        return tuple(listener.port for listener in self.router.shell.listeners)

    def turn(self) -> None:
        """Everything that can be done without waiting."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def metrics(self) -> dict[str, int]:
        """The forwarder's counters."""
        return self.router.forwarder.metrics()

    def live(self) -> dict[str, int]:
        """How much of everything is alive."""
        metrics = self.metrics()
        return {name: metrics[name] for name in LIVE}

    def stop(self) -> None:
        """End the router, its loop and its log."""
        self.router.stop()
        self.turn()
        self.loop.close()
        self.log.close()


class Bench:
    """Routers and peers of one test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.nodes: list[Node] = []
        self.peers: list[Peer] = []
        self.moved = True
        """Whether anybody moved in the last round."""

    def node(self, text: str) -> Node:
        """Start a router."""
        node = Node(self._directory / f"node{len(self.nodes)}", text)
        self.nodes.append(node)
        return node

    def peer(self, port: int, container: str = "peer", **fields: object) -> Peer:
        """Connect a peer; its session has begun when this returns."""
        peer = Peer(port, container, **fields)
        self.peers.append(peer)
        self.run_until(lambda: bool(peer.heard("begin")), "no begin")
        return peer

    def round(self) -> bool:
        """Let everybody do what is possible now; whether anything moved."""
        moved = False
        for peer in self.peers:
            moved = peer.turn() or moved
        for node in self.nodes:
            before = node.engine.pending
            node.turn()
            moved = moved or before > 0 or node.engine.pending > 0
        self.moved = moved
        return moved

    def run_until(self, condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        """Turn until it holds. AssertionError after `patience` seconds."""
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self._story()}"
            if not self.round():
                self._wait()

    def _wait(self) -> None:
        """Until a peer's octets or about the next timer of a router."""
        peers = [peer for peer in self.peers if peer.alive and peer.reading]
        select.select(peers, [], [], 0.002)

    def rest(self) -> None:
        """Turn until nothing is under way any more."""
        idle = 0
        deadline = time.monotonic() + PATIENCE
        while idle < IDLE_ROUNDS:
            assert time.monotonic() < deadline, f"no rest\n{self._story()}"
            idle = 0 if self.round() or self._is_under_way() else idle + 1

    def _is_under_way(self) -> bool:
        """Whether octets of a peer or its router have not been read yet, or an end has not been noticed."""
        peers = {peer.host: peer for peer in self.peers}
        for node in self.nodes:
            for handle, facts in node.router.shell.open_connections.items():
                peer = peers.get(facts.host)
                if peer is None:
                    continue
                taken, given = node.router.connections.facts(handle)[:2]
                if not peer.alive or taken != peer.octets_written:
                    return True
                if peer.reading and given != peer.octets_read:
                    return True
        return False

    def _story(self) -> str:
        return "\n".join(
            f"{peer.frames[-5:]} alive={peer.alive} writing={peer.is_writing}" for peer in self.peers
        )

    def drop_peers(self) -> None:
        """Kill all peers, and wait until the routers have noticed."""
        for peer in self.peers:
            if peer.alive:
                peer.kill()
        # both names: a connection between routers may have the port of a peer's, for it leads elsewhere
        dropped = {(peer.host, peer.container) for peer in self.peers}
        self.peers.clear()
        self.run_until(
            lambda: (
                not any(
                    (facts.host, facts.container) in dropped
                    for node in self.nodes
                    for facts in node.router.shell.open_connections.values()
                )
            ),
            "connections stay",
        )

    def wait_empty(self) -> None:
        """Until no router holds a delivery, or a part of one."""
        self.run_until(
            lambda: (
                not any(node.live()[name] for node in self.nodes for name in LIVE if name != "links_live")
            ),
            f"deliveries stay: {[node.live() for node in self.nodes]}",
        )

    def stop(self) -> None:
        """End everything."""
        for peer in self.peers:
            if peer.alive:
                peer.kill()
        for node in self.nodes:
            node.stop()


@contextlib.contextmanager
def bench(directory: Path) -> Iterator[Bench]:
    """A bench that ends with the context."""
    made = Bench(directory)
    try:
        yield made
    finally:
        made.stop()
