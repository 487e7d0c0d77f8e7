"""An edge router's way into the network: what it attaches, when, and over which of its connections."""

from __future__ import annotations

import pytest
from skrouter.router.core import events
from skrouter.router.core.edge import wire
from skrouter.router.core.effects import (
    AllowCredit,
    BindConsumer,
    DetachLink,
    LinkKind,
    OpenLink,
    PeerKind,
    PublishEntry,
    SendMessage,
    SetMesh,
    SetPeer,
    Terminus,
    Treatment,
)
from skrouter.router.core.facts import ROLE_EDGE, ROLE_NORMAL, ConnectionFacts
from skrouter_testing.edge_books import NEGOTIATION, TRACKING, EdgeCore

BASIC = [("discovery", ""), ("uplink", ""), ("downlink", ""), ("tracking", "")]
DOWNLINK = "qd.router-edge-downlink"


@pytest.fixture
def edge() -> EdgeCore:
    return EdgeCore()


def opened(edge: EdgeCore) -> list[OpenLink]:
    return [effect for effect in edge.seen if isinstance(effect, OpenLink)]


def test_c11_edge_links_are_attached_in_the_recorded_order_on_the_recorded_sessions(edge: EdgeCore) -> None:
    edge.uplink()
    assert [(link.session, link.purpose.outgoing, link.source, link.target) for link in opened(edge)] == [
        (0, True, Terminus(), Terminus("_$qd.mesh_discovery")),
        (1, True, Terminus(), Terminus()),
        (1, False, Terminus("E1", DOWNLINK), Terminus(None, DOWNLINK)),
        (0, False, Terminus("_$qd.edge_addr_tracking"), Terminus()),
    ]
    assert [link.credit for link in opened(edge)] == [0, 0, 250, 32]
    assert [link.purpose.kind for link in opened(edge)] == [
        LinkKind.ENDPOINT,
        LinkKind.ENDPOINT,
        LinkKind.EDGE_DOWNLINK,
        LinkKind.ENDPOINT,
    ]


def test_c11_proxies_follow_in_the_order_of_the_addresses(edge: EdgeCore) -> None:
    client = edge.connect(ROLE_NORMAL)
    edge.produce(client, "out")
    edge.consume(client, "in")
    edge.produce(client, "both")
    edge.consume(client, "both")
    edge.consume(client, "_local/here")
    up = edge.uplink()
    assert edge.roles(up) == [
        *BASIC,
        ("proxy out", "Mout"),
        ("proxy in", "Min"),
        ("proxy in", "Mboth"),
        ("proxy out", "Mboth"),
    ]


def test_the_mesh_is_announced_on_the_discovery_link_once_it_is_there(edge: EdgeCore) -> None:
    up = edge.uplink()
    announcement = SendMessage(edge.link("discovery", up), wire.announcement(edge.mesh))
    assert [effect for effect in edge.seen if isinstance(effect, SendMessage)] == [announcement]
    assert edge.plane.mesh == edge.mesh


def test_the_first_connection_is_made_a_peer_that_may_have_streams(edge: EdgeCore) -> None:
    up = edge.uplink()
    assert edge.plane.peers[up] == SetPeer(up, PeerKind.EDGE, streams=True)


def test_the_uplink_is_bound_to_what_has_no_other_way(edge: EdgeCore) -> None:
    up = edge.uplink()
    link = edge.link("uplink", up)
    bound = [effect for effect in edge.seen if isinstance(effect, BindConsumer)]
    assert bound == [BindConsumer(link, "L_edge", proxy=False)]
    assert PublishEntry("L_edge", Treatment.CLOSEST) in edge.seen


@pytest.mark.parametrize("address", ["_topo/0/I/$management", "_topo/1/x", "_edge/E7/temp.a"])
def test_a_sender_to_another_router_has_credit_while_there_is_an_uplink(edge: EdgeCore, address: str) -> None:
    client = edge.connect(ROLE_NORMAL)
    link = edge.produce(client, address)
    assert edge.plane.withheld[link]
    up = edge.uplink()
    assert not edge.plane.withheld[link]
    edge.disconnect(up)
    assert edge.plane.withheld[link]


# --- stand-by


def test_a_second_connection_stands_by(edge: EdgeCore) -> None:
    first = edge.uplink()
    facts = edge.facts(ROLE_EDGE, incoming=False)
    edge.expect(
        events.ConnectionUp(facts),
        SetMesh(edge.mesh),
        SetPeer(facts.connection, PeerKind.EDGE, streams=True),
    )
    assert edge.roles(facts.connection) == []
    assert edge.roles(first) == BASIC


def test_c11_failover_takes_the_stand_by_connection_with_all_proxies(edge: EdgeCore) -> None:
    client = edge.connect(ROLE_NORMAL)
    first, second = edge.uplink(), edge.uplink()
    edge.consume(client, "x")
    edge.produce(client, "y")
    assert edge.roles(second) == []
    edge.disconnect(first)
    assert edge.roles(second) == [*BASIC, ("proxy in", "Mx"), ("proxy out", "My")]
    assert edge.core.edge is not None
    assert edge.core.edge.uplink.active == second


def test_a_stand_by_that_is_lost_changes_nothing(edge: EdgeCore) -> None:
    first, second = edge.uplink(), edge.uplink()
    assert edge.disconnect(second) == []
    assert edge.roles(first) == BASIC


def test_without_any_connection_the_next_one_is_used(edge: EdgeCore) -> None:
    client = edge.connect(ROLE_NORMAL)
    edge.consume(client, "x")
    edge.disconnect(edge.uplink())
    assert edge.links == {}
    third = edge.uplink()
    assert edge.roles(third) == [*BASIC, ("proxy in", "Mx")]


@pytest.mark.parametrize(("ordinals", "expected"), [((0, 0, 0), 1), ((5, 3, 4), 2), ((5, 5, 4), 1)])
def test_of_those_that_stand_by_the_highest_ordinal_is_taken(
    edge: EdgeCore, ordinals: tuple[int, ...], expected: int
) -> None:
    connections = [edge.uplink(ordinal=ordinal) for ordinal in ordinals]
    edge.disconnect(connections[0])
    assert edge.core.edge is not None
    assert edge.core.edge.uplink.active == connections[expected]


# --- newer certificates


def busy(edge: EdgeCore) -> tuple[int, int, int]:
    """A client that receives x and sends to y, reachable over the first connection; and both connections."""
    client = edge.connect(ROLE_NORMAL)
    edge.consume(client, "x")
    sender = edge.produce(client, "y")
    first = edge.uplink(ordinal=1)
    edge.track(first, "y", True)
    assert not edge.plane.withheld[sender]
    return sender, first, edge.uplink(ordinal=2)


def test_c11_a_higher_ordinal_takes_over_with_all_proxies(edge: EdgeCore) -> None:
    _, first, second = busy(edge)
    assert edge.roles(first) == []
    assert edge.roles(second) == [*BASIC, ("proxy in", "Mx"), ("proxy out", "My")]
    detached = [effect.link for effect in edge.seen if isinstance(effect, DetachLink)]
    assert len(detached) == len(set(detached)) == 6


def test_after_a_take_over_senders_wait_for_the_news_of_the_new_connection(edge: EdgeCore) -> None:
    sender, first, second = busy(edge)
    assert edge.plane.withheld[sender]
    assert edge.track(first, "y", True) == []
    edge.track(second, "y", True)
    assert not edge.plane.withheld[sender]


def test_the_old_connection_may_go_after_a_take_over(edge: EdgeCore) -> None:
    _, first, second = busy(edge)
    edge.disconnect(first)
    assert edge.roles(second) == [*BASIC, ("proxy in", "Mx"), ("proxy out", "My")]


def test_a_take_over_leaves_no_trace_of_the_old_links(edge: EdgeCore) -> None:
    busy(edge)
    table = edge.core.table.addresses
    held = {link for address in table.values() for link in address.proxies | address.feeders}
    assert held <= set(edge.plane.links)
    assert set(edge.core.links.by_handle) <= set(edge.plane.links)
    assert len(table["L_edge"].proxies) == 1
    assert len(table[TRACKING].feeders) == 1


@pytest.mark.parametrize("ordinal", [0, 1])
def test_an_ordinal_that_is_not_higher_stands_by(edge: EdgeCore, ordinal: int) -> None:
    first = edge.uplink(ordinal=1)
    assert edge.roles(edge.uplink(ordinal=ordinal)) == []
    assert edge.roles(first) == BASIC


# --- what the interior router does


def test_tracking_messages_of_a_connection_that_is_not_active_are_stale(edge: EdgeCore) -> None:
    client = edge.connect(ROLE_NORMAL)
    edge.produce(client, "y")
    first, second = edge.uplink(), edge.uplink()
    assert edge.track(second, "y", True) == []
    edge.disconnect(first)
    assert edge.track(first, "y", True) == []
    assert edge.core.table.addresses["My"].proxies == set()


@pytest.mark.parametrize("content", [b"", wire.announcement("m"), b"\x00\x53\x77\xa1\x01M"])
def test_an_unreadable_tracking_message_is_logged_and_changes_nothing(edge: EdgeCore, content: bytes) -> None:
    up = edge.uplink()
    found = edge.hear(TRACKING, up, content)
    assert [type(effect).__name__ for effect in found] == ["Log"]
    assert "Ignored a message of I to _$qd.edge_addr_tracking" in str(found[0])


@pytest.mark.parametrize("role", [role for role, _ in BASIC])
def test_an_interior_router_may_end_any_link_and_the_rest_lives_on(edge: EdgeCore, role: str) -> None:
    client = edge.connect(ROLE_NORMAL)
    up = edge.uplink()
    waiting = edge.produce(client, "_topo/0/I/x")
    edge.detach(edge.link(role, up))
    assert edge.roles(up) == [item for item in BASIC if item[0] != role]
    assert edge.plane.withheld[waiting] is (role == "uplink")
    assert edge.core.edge is not None
    edge.peer("E2")
    heard = wire.negotiation(1, "theirs")
    found = edge.hear(NEGOTIATION, next(iter(edge.core.edge.peers._peers)), heard)
    announced = [effect for effect in found if isinstance(effect, SendMessage)]
    assert len(announced) == (0 if role == "discovery" else 1)
    edge.disconnect(up)
    assert edge.roles(edge.uplink()) == BASIC


def test_a_link_that_comes_too_late_belongs_to_nobody(edge: EdgeCore) -> None:
    """Its connection was lost while it was opened."""
    first, second = edge.uplink(), edge.uplink()
    purpose = edge.links[edge.link("uplink", first)].purpose
    edge.disconnect(first)
    edge.expect(events.LinkOpened(77, "late", purpose))
    assert edge.core.table.addresses["L_edge"].proxies == {edge.link("uplink", second)}
    assert 77 not in edge.core.links.by_handle


def test_a_new_mesh_id_is_announced_on_the_connection_that_is_active(edge: EdgeCore) -> None:
    up, other = edge.uplink(), edge.peer("E2")
    link = edge.link("discovery", up)
    found = edge.hear(NEGOTIATION, other, wire.negotiation(1, "theirs"))
    assert found == [SetMesh("theirs"), SendMessage(link, wire.announcement("theirs"))]


def test_an_edge_connection_of_a_client_role_starts_nothing(edge: EdgeCore) -> None:
    facts: ConnectionFacts = edge.facts(ROLE_NORMAL)
    edge.expect(events.ConnectionUp(facts))


def test_local_senders_keep_their_credit_when_only_the_uplink_is_lost(edge: EdgeCore) -> None:
    client = edge.connect(ROLE_NORMAL)
    edge.consume(client, "x")
    sender = edge.produce(client, "x")
    found = edge.disconnect(edge.uplink())
    assert not any(isinstance(effect, AllowCredit) and effect.link == sender for effect in found)
    assert not edge.plane.withheld[sender]
