"""What our edge and interior routers send for a step that real ones did: equal but for ids, times and names.

Handles and ids of deliveries are left out of the comparison: they depend on the order of proxies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from skrouter.amqp import message as messages
from skrouter.amqp.types import ULong
from skrouter_testing.amqp_client import Client, Sender
from skrouter_testing.captures import CapturedFrame
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.relay import Relay
from skrouter_testing.tcp_peers import Service, connect
from skrouter_testing.wire import captured, expected, same, shown

Seen = set[tuple[str, tuple[str, ...]]]

STEPS_03 = (
    *(16, 17, 18, 19, 20, 21, 29, 30, 31, 32, 33, 36),
    *(7, 9, 10, 12, 13, 14, 15, 22, 23, 25, 26, 27, 28, 34, 35, 37, 38, 39, 40, 42, 44, 45, 46, 48, 50, 51),
    *(52, 53, 55, 56, 57, 58, 59, 61, 64, 66, 67, 69, 70, 73, 81, 83, 84, 86, 88, 89, 91, 92, 94, 97, 98),
    *(99, 100, 101, 102),
)
"""Of 03-edge: proxies of flow records; opens, attaches and their answers, credit, mesh id, tracking, proxies,
deliveries, a stream.
"""
STEPS_08 = (
    *(7, 9, 10, 12, 13, 14, 18, 19, 20, 21, 22, 23, 24, 26, 27, 28, 29, 30, 31, 33, 35, 38, 39, 40, 41, 43),
    *(44, 46, 47, 48, 49, 51, 54, 55, 57, 59),
)
"""Of 08-inter-edge: opens, attaches of both sides, negotiation, proxies, deliveries."""
STEPS_08_UPLINK = (96, 99)
"""Of 08-inter-edge-uplink: the id of a mesh, and the other one that was adopted."""

LEFT_OUT = (
    (r"handle=uint\(\d+\)", "handle=H"),
    (r"(next-incoming-id|next-outgoing-id|delivery-count)=uint\(\d+\)", r"\1=N"),
    (r"remote-channel=ushort\(\d+\)", "remote-channel=C"),
    (r"last=null, ", ""),
)


def reduced(lines: tuple[str, ...]) -> tuple[str, ...]:
    whole = "\n".join(lines)
    for pattern, replacement in LEFT_OUT:
        whole = re.sub(pattern, replacement, whole)
    return tuple(whole.split("\n"))


def text(number: int, body: str, to: str | None = None) -> bytes:
    """A message as the driver of the captures sent it, without header."""
    properties = messages.Properties(message_id=ULong(number), to=to)
    return messages.encode_message(messages.Message(properties=properties, body=body))


def edge(name: str, port: int, uplink: int, *more: str) -> str:
    anonymous = {"saslMechanisms": "ANONYMOUS"}
    return "".join((
        section("router", mode="edge", id=name),
        section("connector", name="uplink", host=HOST, port=uplink, role="edge", **anonymous),
        section("listener", name="amqp", host=HOST, port=port, **anonymous),
        *more,
    ))  # fmt: skip


def interior(edges: int, port: int) -> str:
    anonymous = {"saslMechanisms": "ANONYMOUS"}
    return "".join((
        section("router", mode="interior", id="I"),
        section("listener", name="edges", host=HOST, port=edges, role="edge", **anonymous),
        section("listener", name="amqp", host=HOST, port=port, **anonymous),
    ))  # fmt: skip


def passed(relay: Relay, dialled: str, listening: str) -> Seen:
    names = {True: f"{dialled}->{listening}", False: f"{listening}->{dialled}"}
    return {(names[frame.dialled], reduced(shown(frame))) for frame in relay.frames()}


def deliver(sender: Sender, number: int, body: str, *, settled: bool = False) -> None:
    sender.wait_credit()
    sender.send(text(number, body), settled=settled).outcome()


@pytest.fixture(scope="module")
def edge_frames(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All that passed between E1 and I while the steps of 03-edge were done."""
    edges, i, e1, e2, uplink, web = (free_port() for _ in range(6))
    service = Service()
    listener = section("tcpListener", name="lst-web", host=HOST, port=web, address="web")
    connector = section("tcpConnector", name="con-web", host=HOST, port=service.port, address="web")
    with Routers(tmp_path_factory.mktemp("edge-wire")) as routers, Relay(uplink, edges) as relay, service:
        routers.start("I", interior(edges, i))
        routers.start("E2", edge("E2", e2, edges, connector))
        routers.start("E1", edge("E1", e1, uplink, listener))
        routers["E1"].wait_line("Listener lst-web: listening")
        with Client(i) as at_i, Client(e1) as at_e1, Client(e2) as at_e2:
            _between_edge_and_interior(at_i, at_e1)
            _between_edges(at_e1, at_e2)
            _manage(at_e1)
        with connect(web) as client, service.accept() as server:
            client.sendall(b"x" * 5)
            assert server.recv(5)
        wanted = reduced(expected(captured("03-edge.txt", (102,))[0]))
        wait_until(lambda: ("E1->I", wanted) in passed(relay, "E1", "I"), "the stream's head", 5)
        yield passed(relay, "E1", "I")


def _between_edge_and_interior(at_i: Client, at_e1: Client) -> None:
    ea = at_e1.receiver("ea")
    deliver(at_i.sender("ea"), 1, "interior to edge")
    ea.close()
    ia = at_e1.sender("ia")
    there = at_i.receiver("ia", answer=None)
    ia.wait_credit()
    for number, body, outcome in (
        (2, "edge to interior", "accepted"),
        (3, "edge to interior, released", "released"),
    ):
        sent = ia.send(text(number, body))
        there.take()[0].settle(outcome)
        assert sent.outcome().state == outcome
    there.close()
    ia.close()


def _between_edges(at_e1: Client, at_e2: Client) -> None:
    ee = at_e2.receiver("ee")
    sender = at_e1.sender("ee")
    deliver(sender, 4, "edge to edge")
    anonymous = at_e1.sender(None)
    anonymous.send(text(5, "edge to edge, anonymous, presettled", "ee"), settled=True)
    ee.take(2)
    replies = at_e1.receiver(None, dynamic=True)
    reply = text(6, "reply to edge dynamic address", replies.address)
    assert at_e2.sender(None).send(reply).outcome().state == "accepted"
    sent = anonymous.send(text(8, "x", "nobody"))
    assert sent.outcome().state == "released"


def _manage(at_e1: Client) -> None:
    replies = at_e1.receiver(None, dynamic=True)
    properties = messages.Properties(reply_to=replies.address, correlation_id=ULong(1))
    request = messages.Message(
        properties=properties,
        application_properties={
            "operation": "QUERY",
            "type": "org.amqp.management",
            "name": "self",
            "entityType": "io.skupper.router.router.node",
        },
        body={"attributeNames": ["id"]},
    )
    sender = at_e1.sender("_topo/0/I/$management")
    sender.wait_credit()
    assert sender.send(messages.encode_message(request)).outcome().state == "accepted"
    replies.take()


@pytest.mark.parametrize("frame", captured("03-edge.txt", STEPS_03), ids=lambda frame: frame.source)
def test_c11_edge_and_interior_send_what_was_recorded(frame: CapturedFrame, edge_frames: Seen) -> None:
    _assert_seen(frame, edge_frames)


def _assert_seen(frame: CapturedFrame, seen: Seen) -> None:
    same_kind = {lines for direction, lines in seen if direction == frame.direction and same(lines, frame)}
    print(*sorted(map(str, same_kind)), sep="\n")
    assert reduced(expected(frame)) in same_kind


@pytest.fixture(scope="module")
def mesh_relays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Relay, Relay]]:
    """What passed between E2 and E1, and between E2 and I, while the steps of 08-inter-edge were done.

    The edges find each other when E2 has announced its own mesh already.
    """
    edges, i, e1, e2, uplink, mesh, inter = (free_port() for _ in range(7))
    anonymous = {"saslMechanisms": "ANONYMOUS"}
    listener = section("listener", name="mesh", host=HOST, port=mesh, role="inter-edge", **anonymous)
    connector = section("connector", name="mesh", host=HOST, port=inter, role="inter-edge", **anonymous)
    folder = tmp_path_factory.mktemp("mesh-wire")
    with Routers(folder) as routers, Relay(inter, mesh) as between, Relay(uplink, edges) as up:
        between.cut()
        routers.start("E1", edge("E1", e1, edges, listener))
        routers.start("I", interior(edges, i))
        routers.start("E2", edge("E2", e2, uplink, connector))
        wait_until(lambda: len(announced(up)) == 1, "the mesh of E2")
        between.mend()
        wait_until(lambda: len(announced(up)) == 2, "the mesh of E2 and E1")
        with Client(e1) as at_e1, Client(e2) as at_e2:
            _within_the_mesh(at_e1, at_e2)
        wait_until(lambda: settled(between), "all outcomes")
        yield between, up


@pytest.fixture(scope="module")
def mesh_frames(mesh_relays: tuple[Relay, Relay]) -> tuple[Seen, Seen]:
    """The same, by direction."""
    between, up = mesh_relays
    return passed(between, "E2", "E1"), passed(up, "E2", "I")


def settled(between: Relay) -> bool:
    wanted = reduced(expected(captured("08-inter-edge.txt", (59,))[0]))
    return ("E2->E1", wanted) in passed(between, "E2", "E1")


def announced(up: Relay) -> list[str]:
    """Mesh ids that the edge has told its interior router."""
    found = []
    for frame in up.frames():
        at = frame.octets.find(b"\xa3\x06meshid\xa1")
        if frame.dialled and at >= 0:
            found.append(frame.octets[at + 10 : at + 25].decode())
    return found


def _within_the_mesh(at_e1: Client, at_e2: Client) -> None:
    ea = at_e1.receiver("ea", answer=None)
    sender = at_e2.sender("ea")
    sender.wait_credit()
    for number, body, outcome in ((1, "edge to edge direct", "accepted"), (2, "released", "released")):
        sent = sender.send(text(number, body))
        ea.take()[0].settle(outcome)
        assert sent.outcome().state == outcome
    ea.close()
    replies = at_e1.receiver(None, dynamic=True)
    sent = at_e2.sender(None).send(text(3, "to dynamic", replies.address))
    assert sent.outcome().state == "accepted"
    at_e2.receiver("eb")
    deliver(at_e1.sender("eb"), 5, "E1 to E2 with uplinks")


@pytest.mark.parametrize("frame", captured("08-inter-edge.txt", STEPS_08), ids=lambda frame: frame.source)
def test_c12_two_edges_send_each_other_what_was_recorded(
    frame: CapturedFrame, mesh_frames: tuple[Seen, Seen]
) -> None:
    _assert_seen(frame, mesh_frames[0])


@pytest.mark.parametrize(
    "frame", captured("08-inter-edge-uplink.txt", STEPS_08_UPLINK), ids=lambda frame: frame.source
)
def test_c12_an_edge_announces_its_mesh_as_recorded(
    frame: CapturedFrame, mesh_frames: tuple[Seen, Seen]
) -> None:
    _assert_seen(frame, mesh_frames[1])


def test_c12_an_edge_announces_the_id_that_it_has_adopted(mesh_relays: tuple[Relay, Relay]) -> None:
    own, adopted = announced(mesh_relays[1])
    proposed = [
        frame.octets[-15:].decode() for frame in mesh_relays[0].frames() if b"ordinal" in frame.octets
    ]
    assert own != adopted
    assert set(proposed) == {own, adopted}
