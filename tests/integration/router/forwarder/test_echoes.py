"""What came from an edge router, or its mesh, does not go back there; everybody else gets it once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from skrouter.amqp.annotations import RouterAnnotations, decode_annotations, encode_annotations
from skrouter_testing.engines import Bench, Node, bench
from skrouter_testing.peers import Link, Peer, message

DISCOVERY = "_$qd.mesh_discovery"
LISTENER = """
listener {{
    name: {role}
    host: 127.0.0.1
    port: 0
    role: {role}
    saslMechanisms: ANONYMOUS
}}
"""
ADDRESSES = """
address {
    prefix: mc
    distribution: multicast
}
address {
    prefix: closest
    distribution: closest
}
"""
INTERIOR = "router {\n mode: interior\n id: A\n}\n" + "".join(
    LISTENER.format(role=role) for role in ("normal", "edge")
)
EDGE = "router {\n mode: edge\n id: E\n}\n" + "".join(
    LISTENER.format(role=role) for role in ("normal", "inter-edge")
)
UPLINK = "connector {{\n name: up\n host: 127.0.0.1\n port: {port}\n role: edge\n}}\n"
CLIENTS, OTHERS = range(2)
MULTICAST = "mc/x"


@dataclass
class Edge:
    """A raw edge router: its connection, its consumer's link, and its way to send."""

    name: str
    peer: Peer
    proxy: Link
    uplink: Link


def announce(the_bench: Bench, peer: Peer, mesh: str) -> None:
    """As an edge router does: a message with the mesh id alone."""
    discovery = peer.sender(DISCOVERY)
    the_bench.run_until(lambda: discovery.credit > 0, "no credit for the announcement")
    text = mesh.encode()
    entries = b"\xa3\x06meshid\xa1" + bytes((len(text),)) + text
    properties = b"\x00\x53\x74\xc1" + bytes((len(entries) + 1, 2)) + entries
    sent = discovery.send(encode_annotations(RouterAnnotations()) + properties)
    the_bench.run_until(lambda: sent.is_settled, "the announcement is not settled")
    assert sent.outcome == "accepted"


def edge_at(the_bench: Bench, node: Node, name: str, mesh: str | None, address: str) -> Edge:
    peer = the_bench.peer(node.ports[OTHERS], name)
    if mesh is not None:
        announce(the_bench, peer, mesh)
    edge = Edge(name, peer, peer.receiver(address, 20), peer.sender(None))
    the_bench.run_until(lambda: edge.proxy.attach and edge.uplink.credit > 0, "no links")
    return edge


def annotated(to: str, mesh: str | None = None, body: bytes = b"") -> bytes:
    """As an edge router sends it."""
    return encode_annotations(RouterAnnotations(to_override=to, ingress_mesh=mesh)) + message(body)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as it:
        it.node(INTERIOR + ADDRESSES)
        yield it


@pytest.fixture
def the_bench(made: Bench) -> Iterator[Bench]:
    before = made.nodes[0].live()
    yield made
    made.drop_peers()
    made.rest()
    assert made.nodes[0].live() == before


MESHES = {"P1": "mesh-one", "P2": "mesh-one", "Q": "mesh-two", "N": None}
"""The raw edge routers and the meshes that they announce."""
TABLE = [
    # who sends, the message's mesh, who must get it
    ("P1", "mesh-one", {"Q", "N", "client"}),
    ("P2", "mesh-one", {"Q", "N", "client"}),
    ("Q", "mesh-two", {"P1", "P2", "N", "client"}),
    ("N", None, {"P1", "P2", "Q", "client"}),
    ("N", "mesh-one", {"Q", "client"}),
    ("Q", None, {"P1", "P2", "N", "client"}),
    ("P1", "mesh-ones", {"P2", "Q", "N", "client"}),
    ("P1", "mesh-on", {"P2", "Q", "N", "client"}),
    ("client", None, {"P1", "P2", "Q", "N", "client"}),
]


@pytest.mark.parametrize(("origin", "mesh", "expected"), TABLE)
@pytest.mark.parametrize("settled", [False, True])
def test_a_multicast_reaches_each_but_where_it_came_from(
    the_bench: Bench, origin: str, mesh: str | None, expected: set[str], settled: bool
) -> None:
    (node,) = the_bench.nodes
    edges = {name: edge_at(the_bench, node, name, known, MULTICAST) for name, known in MESHES.items()}
    client = the_bench.peer(node.ports[CLIENTS], "client")
    receivers = {
        "client": client.receiver(MULTICAST, 20),
        **{name: edge.proxy for name, edge in edges.items()},
    }
    anonymous = client.sender(None)
    the_bench.run_until(lambda: anonymous.credit > 0, "no credit")
    if origin == "client":
        sent = anonymous.send(message(b"all", to=MULTICAST), settled=settled)
    else:
        sent = edges[origin].uplink.send(annotated(MULTICAST, mesh, b"all"), settled=settled)
    the_bench.rest()
    assert {name: len(link.received) for name, link in receivers.items()} == {
        name: int(name in expected) for name in receivers
    }
    for name in expected:
        (item,) = receivers[name].received
        annotations, end = decode_annotations(item.content)
        assert (annotations is None) == (name == "client")
        if annotations is not None:
            assert annotations == RouterAnnotations(0, annotations.to_override, "0/A", ("0/A",), mesh)
        assert item.content[end:].endswith(b"\x03all")
        if not settled:
            receivers[name].settle(item)
    if not settled:
        the_bench.run_until(lambda: sent.is_settled, "not settled")
        assert sent.outcome == "accepted"


@pytest.mark.parametrize("address", ["x", "closest/x"])
@pytest.mark.parametrize(("mesh", "taken_by"), [("mesh-one", "Q"), ("mesh-two", "P2"), (None, "P2 or Q")])
def test_an_anycast_goes_to_another_mesh(
    the_bench: Bench, address: str, mesh: str | None, taken_by: str
) -> None:
    (node,) = the_bench.nodes
    edges = {name: edge_at(the_bench, node, name, MESHES[name], address) for name in ("P1", "P2", "Q")}
    for _ in range(4):
        edges["P1"].uplink.send(annotated(address, mesh))
        the_bench.rest()
    counts = {name: len(edge.proxy.received) for name, edge in edges.items()}
    assert counts["P1"] == 0
    assert {name for name, count in counts.items() if count} == set(taken_by.split(" or "))
    assert sum(counts.values()) == 4


def test_what_only_its_own_mesh_wants_is_released(the_bench: Bench) -> None:
    (node,) = the_bench.nodes
    edges = [edge_at(the_bench, node, name, MESHES[name], "x") for name in ("P1", "P2")]
    sent = edges[0].uplink.send(annotated("x", "mesh-one"))
    the_bench.run_until(lambda: sent.is_settled, "not settled")
    assert sent.states == [("released", True)]
    assert [edge.proxy.received for edge in edges] == [[], []]


def test_an_edge_router_may_name_another_mesh_later(the_bench: Bench) -> None:
    (node,) = the_bench.nodes
    first, second = (edge_at(the_bench, node, name, MESHES[name], MULTICAST) for name in ("P1", "P2"))
    announce(the_bench, second.peer, "mesh-new")
    first.uplink.send(annotated(MULTICAST, "mesh-one"))
    the_bench.rest()
    assert (len(first.proxy.received), len(second.proxy.received)) == (0, 1)


# --- proxies: at an edge router of ours, with an uplink and other edge routers of its mesh


@pytest.fixture(scope="module")
def uplinked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as it:
        interior = it.node(INTERIOR + ADDRESSES)
        it.node(EDGE + UPLINK.format(port=interior.ports[OTHERS]) + ADDRESSES)
        it.run_until(lambda: it.nodes[1].router.execution.entries.get("L_edge"), "no uplink")
        yield it


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("edge client", {"edge client", "I1", "I2", "interior client"}),
        ("interior client", {"edge client", "interior client"}),
        ("I1", {"edge client"}),
        ("I2", {"edge client"}),
    ],
)
def test_a_proxy_gets_only_what_begins_at_its_router(
    uplinked: Bench, origin: str, expected: set[str]
) -> None:
    interior, edge = uplinked.nodes
    address = f"{MULTICAST}.{origin}.{len(expected)}".replace(" ", "-")
    peers = {
        "interior client": uplinked.peer(interior.ports[CLIENTS], "interior-client"),
        "edge client": uplinked.peer(edge.ports[CLIENTS], "edge-client"),
        "I1": uplinked.peer(edge.ports[OTHERS], "I1"),
        "I2": uplinked.peer(edge.ports[OTHERS], "I2"),
    }
    receivers = {name: peer.receiver(address, 5) for name, peer in peers.items()}
    sender = peers[origin].sender(None)
    uplinked.run_until(
        lambda: sender.credit > 0 and all(link.attach for link in receivers.values()), "no links"
    )
    key = f"M{address}"
    uplinked.run_until(
        lambda: len(interior.router.core.table.addresses[key].consumers) == 2, "no proxy up there"
    )
    content = annotated(address) if origin in ("I1", "I2") else message(to=address)
    sender.send(content, settled=True)
    uplinked.run_until(lambda: all(receivers[name].received for name in expected), "not all get it")
    for _ in range(30):
        uplinked.round()
    assert {name: len(link.received) for name, link in receivers.items()} == {
        name: int(name in expected) for name in receivers
    }
    for peer in peers.values():
        peer.kill()
    uplinked.peers.clear()
    uplinked.run_until(lambda: key not in interior.router.core.table.addresses, "the address stays")
