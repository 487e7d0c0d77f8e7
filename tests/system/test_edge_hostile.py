"""Peers that call themselves edge routers and lie: forged annotations, messages sent in circles, control
messages, endpoints that are none of their business. And networks, which have addresses of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from proton import Message
from skrouter.amqp import codec
from skrouter.amqp.annotations import RouterAnnotations, encode_annotations
from skrouter.router.core.edge import wire
from skrouter_testing.amqp_client import Client, Outcome
from skrouter_testing.live_management import query
from skrouter_testing.peers import Link as PeerLink
from skrouter_testing.peers import Peer, Sent, message
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.topology import Link, Topology
from skrouter_testing.traffic import carry

PATIENCE = 15.0
MARK = b"\x00\x80SKPR--RA"
MESH = "x" * 15


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A - B, edge E1 on A, and room for more."""
    with Routers(tmp_path_factory.mktemp("hostile")) as routers:
        yield Topology(routers, ["A", "B", "E1"], [Link("B", "A"), Link("E1", "A")]).start()


@pytest.fixture
def liar(net: Topology) -> Iterator[Peer]:
    """Somebody on A's listener for edge routers."""
    peer = Peer(net.mesh_ports["A", "edge"], "liar")
    yield peer
    peer.kill()


def until(peer: Peer, ready: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        peer.turn()
        assert time.monotonic() < deadline, f"waited for {what}: {peer.frames[-3:]}"
        assert peer.alive, f"the router has hung up: {peer.frames[-1:]}"


def uplink(peer: Peer) -> PeerLink:
    link = peer.sender(None)
    until(peer, lambda: link.attach is not None and link.credit > 0, "credit")
    return link


def say(peer: Peer, link: PeerLink, content: bytes) -> str | None:
    sent: Sent = link.send(content)
    until(peer, lambda: sent.is_settled, "an outcome")
    return sent.outcome


def annotated(
    to: str, *, trace: tuple[str, ...] = (), ingress: str | None = None, mesh: str | None = None
) -> bytes:
    return encode_annotations(RouterAnnotations(0, to, ingress, trace, mesh)) + message(b"x", to=to)


def mesh_of(net: Topology, name: str) -> str:
    rows = query(net.ports["A"], "connection")
    return next(str(row["meshId"]) for row in rows if row["container"] == name)


# --- loops


def test_c10_an_honest_message_of_a_peer_is_delivered(net, liar, address):
    with Client(net.ports["A"]) as client:
        receiver = client.receiver(address)
        assert say(liar, uplink(liar), annotated(address)) == "accepted"
        assert len(receiver.take()) == 1


@pytest.mark.parametrize(
    "trace", [("0/A",), ("0/B", "0/A"), ("0/A", "0/B"), tuple(f"0/X{n}" for n in range(9))], ids=str
)
@pytest.mark.parametrize("treatment", ["balanced", "closest", "multicast"])
def test_c10_a_message_that_has_been_here_or_come_too_far_is_released(
    net, liar, address_below, treatment, trace
):
    address = address_below(treatment)
    with Client(net.ports["A"]) as client:
        receiver = client.receiver(address)
        link = uplink(liar)
        assert say(liar, link, annotated(address, trace=trace)) == "released"
        assert say(liar, link, annotated(address)) == "accepted"
        assert len(receiver.take()) == len(receiver.arrivals) == 1


def test_c10_a_message_that_a_peer_sends_back_as_it_came_stops_there(net, liar, address_below):
    address = address_below("multicast")
    with Client(net.ports["E1"]) as client, Client(net.ports["A"]) as local:
        receiver = local.receiver(address)
        mirror = liar.receiver(address, credit=100)
        back = uplink(liar)
        wait_until(lambda: net.destinations("A", address)[0] == 2, "both consumers to be known")
        sender = client.sender(address)
        sender.wait_credit()
        sent = sender.send(Message(body="round"))
        until(liar, lambda: mirror.received and mirror.received[0].complete, "the message")
        first = mirror.received[0]
        mirror.settle(first)
        until(liar, lambda: sent.result is not None, "the outcome")
        assert sent.outcome().state == "accepted"
        for _ in range(5):
            assert say(liar, back, first.content) == "released"
        assert len(mirror.received) == len(receiver.arrivals) == 1


def test_c10_nothing_goes_back_on_the_connection_it_came_from(net, liar, address):
    mirror = liar.receiver(address, credit=100)
    until(liar, lambda: mirror.attach is not None, "the attach")
    assert say(liar, uplink(liar), annotated(address)) == "released"
    assert mirror.received == []


def test_c12_a_message_of_an_edges_own_mesh_does_not_go_back_into_it(net, liar, address_below):
    address = address_below("multicast")
    with Client(net.ports["E1"]) as edge, Client(net.ports["A"]) as local:
        at_edge, at_interior = edge.receiver(address), local.receiver(address)
        wait_until(lambda: net.destinations("A", address)[0] == 2, "both consumers to be known")
        link = uplink(liar)
        assert say(liar, link, annotated(address, mesh=mesh_of(net, "E1"))) == "accepted"
        assert say(liar, link, annotated(address, mesh=MESH)) == "accepted"
        assert len(at_interior.take(2)) == 2
        assert len(at_edge.take()) == len(at_edge.arrivals) == 1


@pytest.mark.parametrize("ingress", ["0/B", "0/A", "0/nobody", "", "B"])
def test_c10_a_forged_ingress_brings_nothing_twice(net, liar, address_below, ingress):
    address = address_below("multicast")
    with Client(net.ports["B"]) as there, Client(net.ports["A"]) as here:
        remote, local = there.receiver(address), here.receiver(address)
        wait_until(lambda: net.destinations("A", address) == (1, 1), "both consumers to be known")
        link = uplink(liar)
        assert say(liar, link, annotated(address, ingress=ingress)) == "accepted"
        assert say(liar, link, annotated(address)) == "accepted"
        assert len(local.take(2)) == len(local.arrivals) == 2
        assert 1 <= len(remote.take()) <= len(remote.arrivals) <= 2


# --- lies


def described(value: object) -> bytes:
    return MARK + codec.encode(value)


@pytest.mark.parametrize(
    "section_octets",
    [
        MARK + b"\x45",
        MARK + b"\x40",
        described([]),
        described(["x", None, None, []]),
        described([None, None, None, None]),
        MARK + b"\xd0\x00\x00\x00\x0c\x00\x00\x00\x04\x43\x40\x40\xc0\x03\x01\x52\x05",
        MARK + b"\xc0\x05\x04\x43\x53\x01\x40\x45",
        MARK + b"\xd0\x00\x00\x00\x08\x00\x00\x00\x04\x43\x40\x40\x40",
    ],
    ids=lambda octets: octets[len(MARK) :].hex(),
)
def test_c9_wrong_annotations_are_rejected_and_the_link_lives_on(net, liar, address, section_octets):
    with Client(net.ports["A"]) as client:
        receiver = client.receiver(address)
        link = uplink(liar)
        assert say(liar, link, section_octets + message(b"x", to=address)) == "rejected"
        assert say(liar, link, annotated(address)) == "accepted"
        assert len(receiver.take()) == len(receiver.arrivals) == 1


@pytest.mark.parametrize(
    "to", ["_local/qdhello", "_topo/0/all/qdrouter", "_topo/0/A/qdrouter.ma", "_topo/all/all/qdrouter"]
)
def test_control_messages_of_an_edge_are_not_heard(net, liar, to):
    assert say(liar, uplink(liar), annotated(to)) == "released"
    assert net["A"].running


@pytest.mark.parametrize("mesh", [MESH + "y", "ä" * 15, "\N{GRINNING FACE}" * 15, ""])
def test_a_mesh_id_that_is_none_is_ignored(net, liar, address, mesh):
    link = liar.sender(wire.DISCOVERY)
    until(liar, lambda: link.credit > 0, "credit")
    mark = net["A"].mark()
    assert say(liar, link, wire.announcement(mesh)) == "accepted"
    net["A"].wait_line("Ignored a message of liar", after=mark)
    assert mesh_of(net, "liar") in ("", "None")
    carry((net.ports["E1"], net.ports["B"]), address, [10] * 20)


def test_c12_a_client_cannot_name_the_mesh_of_an_edge(net, address):
    before = mesh_of(net, "E1")
    with Client(net.ports["E1"]) as client:
        for text in (wire.NEGOTIATION, f"/{wire.NEGOTIATION}"):
            sender = client.sender(None)
            sender.send(Message(address=text, properties={"ordinal": 0, "id": "evil"})).outcome()
    assert mesh_of(net, "E1") == before


def test_a_peer_that_attaches_and_detaches_everything_leaves_nothing(net, liar, address):
    def known() -> set[str]:
        keys = {str(row["key"]) for row in query(net.ports["A"], "router.address")}
        return {key for key in keys if not key.startswith("Ltemp.")}  # who asks has one

    before = known()
    for name in (wire.DISCOVERY, address, None, "_edge/liar/x", "_topo/0/B/y"):
        link = liar.sender(name)
        until(liar, lambda link=link: link.attach is not None, "the attach")
        link.close()
        until(liar, lambda link=link: link.detach is not None, "the detach")
    for name in (wire.TRACKING, address, "_edge/liar/x"):
        link = liar.receiver(name, credit=1)
        until(liar, lambda link=link: link.attach is not None, "the attach")
        link.close()
        until(liar, lambda link=link: link.detach is not None, "the detach")
    assert known() <= before


# --- networks


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A - B and edge E1, all of network net-1; the clients of A are of a tenant."""
    with Routers(tmp_path_factory.mktemp("networks")) as routers:
        names = ["A", "B", "E1"]
        links = [Link("B", "A"), Link("E1", "A")]
        yield Topology(routers, names, links, networks=dict.fromkeys(names, "net-1")).start()


@pytest.mark.parametrize(("name", "prefix"), [("A", "_xtopo/net-1/0/A"), ("E1", "_xedge/net-1/E1")])
@pytest.mark.parametrize("other", ["A", "B", "E1"])
def test_c8_reply_addresses_name_the_network_and_lead_back(named, name, prefix, other):
    with Client(named.ports[name]) as here, Client(named.ports[other]) as there:
        replies = here.receiver(None, dynamic=True)
        assert replies.address.startswith(f"amqp:/{prefix}/temp.")
        sent = there.sender(None).send(Message(address=replies.address, body="a"))
        assert sent.outcome().state == "accepted"
        assert replies.take()[0].body == "a"


@pytest.mark.parametrize("at", ["A", "E1"])
def test_c8_an_address_of_another_network_has_no_way_without_a_link_to_it(named, at):
    with Client(named.ports[at]) as client:
        for to in ("_xtopo/net-2/0/A/x", "_xedge/net-2/E1/x"):
            sent = client.sender(None).send(Message(address=to, body="x"))
            assert sent.outcome() == Outcome("released")


@pytest.mark.parametrize("network", ["net-1", "0"])
def test_c8_addresses_of_the_own_network_are_as_without_it(named, network):
    with Client(named.ports["B"]) as client, Client(named.ports["A"]) as there:
        receiver = there.receiver("_local/mine")
        sent = client.sender(None).send(Message(address=f"_xtopo/{network}/0/A/mine", body="x"))
        assert sent.outcome().state == "accepted"
        assert receiver.take()[0].body == "x"


def test_c14_reply_addresses_carry_the_tenant(routers):
    port = free_port()
    text = section("router", mode="standalone", id="S", vanId="tenant-7")
    text += section("listener", name="clients", host=HOST, port=port)
    routers.start("S", text)
    with Client(port) as client:
        replies = client.receiver(None, dynamic=True)
        assert replies.address.startswith("amqp:/_topo/0/S/tenant-7/temp.")
        assert (
            client.sender(None).send(Message(address=replies.address, body="a")).outcome().state == "accepted"
        )
