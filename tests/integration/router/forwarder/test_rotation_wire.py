"""What the listener sends in a rotation, frame by frame; the peer does what the captured connector did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.amqp.types import Symbol, ULong
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, Peer, composite

LISTENER = """
router {
    mode: interior
    id: A
}
listener {
    name: routers
    host: 127.0.0.1
    port: 0
    role: inter-router
    saslMechanisms: ANONYMOUS
}
"""
UPGRADING = "ROUTER_CORE (info) Upgrading connection [C1] to [C2]"


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        made.node(LISTENER)
        yield made


@pytest.fixture
def node(mesh: Bench) -> Node:
    return mesh.nodes[0]


class Connection:
    """A control connection of router B; its links are attached in the captured order."""

    def __init__(self, node: Node, ordinal: int) -> None:
        properties = {
            Symbol("qd.group-correlator"): "pJpDSMfmgdc6jjJ",
            Symbol("qd.group-ordinal"): ULong(ordinal),
        }
        self.peer = Peer(node.ports[0], "B", properties=properties)
        self.control = self._pair("qd.router")
        self.data = self._pair("qd.router-data")

    def _pair(self, capability: str) -> tuple[Link, Link]:
        both = {
            "source": composite("source", capabilities=Symbol(capability)),
            "target": composite("target", capabilities=Symbol(capability)),
        }
        return self.peer.attach(None, sender=False, **both), self.peer.attach(None, sender=True, **both)

    @property
    def hellos(self) -> int:
        """Control messages that have come."""
        return len(self.control[0].received)

    @property
    def is_neighbor(self) -> bool:
        """Whether all links are answered; then what comes has credit."""
        return all(link.attach is not None for link in (*self.control, *self.data))


def connect(mesh: Bench, node: Node, ordinal: int) -> Connection:
    made = Connection(node, ordinal)
    mesh.peers.append(made.peer)
    mesh.run_until(lambda: made.is_neighbor, "links are not answered")
    made.control[0].give(250)
    return made


def test_the_listener_answers_switches_and_lets_the_connector_detach(
    mesh: Bench, node: Node, tmp_path: Path
) -> None:
    log = tmp_path / "node0" / "router.log"
    old = connect(mesh, node, 0)
    mesh.run_until(lambda: old.hellos, "no HELLO on the first connection")
    assert UPGRADING not in log.read_text()
    new = connect(mesh, node, 1)
    assert UPGRADING in log.read_text()
    before = old.hellos
    mesh.run_until(lambda: new.hellos >= 2, "no HELLO on the new connection")
    assert old.hellos == before
    assert old.peer.heard("detach") == []
    for link in old.control:
        link.close()
    mesh.run_until(lambda: len(old.peer.heard("detach")) == 2, "detach is not answered")
    assert [fields["closed"] for fields in old.peer.heard("detach")] == [True, True]
    assert [fields["error"] for fields in old.peer.heard("detach")] == [None, None]
    assert old.peer.heard("end") == old.peer.heard("close") == []
    assert list(node.router.core.connections.neighbors) == [0]
    old.peer.close()
    mesh.run_until(lambda: not old.peer.alive, "the close is not answered")
    assert [fields["error"] for fields in old.peer.heard("close")] == [None]
    heard = new.hellos
    mesh.run_until(lambda: new.hellos > heard, "no HELLO after the end of the old connection")
    assert "Link to Neighbor Router Lost" not in log.read_text()


def test_a_second_control_connection_that_is_older_is_cut_without_a_close(mesh: Bench, node: Node) -> None:
    first = connect(mesh, node, 1)
    second = Connection(node, 0)
    mesh.peers.append(second.peer)
    mesh.run_until(lambda: not second.peer.alive, "not cut")
    assert second.peer.heard("close") == second.peer.heard("attach") == []
    mesh.run_until(lambda: first.hellos, "the first connection is of no use any more")
