"""Edge routers connected to each other: their links, whose id the mesh takes, whom they draw from."""

from __future__ import annotations

import pytest
from skrouter.router.core import events
from skrouter.router.core.edge import wire
from skrouter.router.core.effects import (
    AcceptLink,
    BindConsumer,
    LinkKind,
    OpenLink,
    PeerKind,
    SendMessage,
    SetMesh,
    SetPeer,
    Terminus,
)
from skrouter.router.core.facts import ROLE_INTER_EDGE, ROLE_NORMAL
from skrouter_testing.edge_books import NEGOTIATION, TRACKING, EdgeCore, inter_edge_link

IN = "proxy in"
BASIC = [("peer", ""), ("negotiation", "")]
INTER_EDGE = Terminus(None, "qd.router-inter-edge")


@pytest.fixture
def edge() -> EdgeCore:
    return EdgeCore()


def opened(edge: EdgeCore) -> list[OpenLink]:
    return [effect for effect in edge.seen if isinstance(effect, OpenLink)]


def sent(edge: EdgeCore) -> list[tuple[int, bytes]]:
    return edge.plane.sent


# --- links


@pytest.mark.parametrize("incoming", [False, True])
def test_both_sides_attach_the_recorded_links_each_in_a_session_of_its_own(
    edge: EdgeCore, incoming: bool
) -> None:
    other = edge.peer(incoming=incoming)
    assert [
        (link.session, link.purpose.outgoing, link.source, link.target, link.credit) for link in opened(edge)
    ] == [
        (0, True, INTER_EDGE, INTER_EDGE, 0),
        (1, True, Terminus(), Terminus("_$qd.mesh_id_negotiation"), 0),
    ]
    assert opened(edge)[0].purpose.kind is LinkKind.INTER_EDGE
    assert edge.plane.peers[other] == SetPeer(other, PeerKind.INTER_EDGE, streams=True)


def test_the_senders_link_is_bound_to_the_address_of_the_router_there(edge: EdgeCore) -> None:
    other = edge.peer("E2")
    bound = [effect for effect in edge.seen if isinstance(effect, BindConsumer)]
    assert bound == [BindConsumer(edge.link("peer", other), "HE2", proxy=False)]
    assert edge.core.parser.key("_edge/E2/temp.x") == "HE2"
    assert edge.core.parser.key("_edge/E3/temp.x") == "L_edge"
    edge.disconnect(other)
    assert edge.core.parser.key("_edge/E2/temp.x") == "L_edge"
    assert "HE2" not in edge.core.table.addresses


def test_a_peer_may_send_what_is_addressed_to_us_and_negotiate(edge: EdgeCore) -> None:
    other = edge.peer()
    inter_edge_link(edge, other)
    assert AcceptLink(edge.handle() - 1, LinkKind.INTER_EDGE, 250, 250, annotated=True) in edge.seen
    edge.attach(other, outgoing=False, target=wire.NEGOTIATION)
    accepted = [effect for effect in edge.seen if isinstance(effect, AcceptLink)][-1]
    assert (accepted.capacity, accepted.credit, accepted.key, accepted.swapped) == (3, 3, NEGOTIATION, True)


@pytest.mark.parametrize(
    ("outgoing", "address"),
    [(True, wire.NEGOTIATION), (False, wire.TRACKING), (True, wire.TRACKING), (False, wire.DISCOVERY)],
)
def test_a_peer_has_no_business_at_the_other_endpoints(edge: EdgeCore, outgoing: bool, address: str) -> None:
    other = edge.peer()
    link = edge.attach(other, outgoing=outgoing, **{"source" if outgoing else "target": address})
    assert edge.refused(link)


@pytest.mark.parametrize("form", ["{}", "/{}", "amqp://host/{}", "amqp:/{}", "{}/", "{}."])
@pytest.mark.parametrize("name", [wire.DISCOVERY, wire.TRACKING, wire.NEGOTIATION])
@pytest.mark.parametrize("outgoing", [False, True])
def test_a_client_is_refused_at_what_routers_use_however_it_is_written(
    edge: EdgeCore, outgoing: bool, name: str, form: str
) -> None:
    client = edge.connect(ROLE_NORMAL)
    text = form.format(name)
    link = edge.attach(client, outgoing=outgoing, **{"source" if outgoing else "target": text})
    assert edge.refused(link)


@pytest.mark.parametrize("role", ["peer", "negotiation"])
def test_a_peer_may_end_our_links(edge: EdgeCore, role: str) -> None:
    other = edge.peer("E2")
    edge.detach(edge.link(role, other))
    assert edge.roles(other) == [item for item in BASIC if item[0] != role]
    assert ("HE2" in edge.core.table.addresses) is (role != "peer")
    edge.hear(NEGOTIATION, other, wire.negotiation(100, "equal"))
    edge.disconnect(other)
    assert edge.links == {}


# --- proxies


def test_every_peer_has_a_proxy_for_an_address_from_its_first_consumer_to_its_last(edge: EdgeCore) -> None:
    client = edge.connect(ROLE_NORMAL)
    first = edge.consume(client, "x")
    one, other = edge.peer("E2"), edge.peer("E3")
    assert edge.roles(one) == edge.roles(other) == [*BASIC, (IN, "Mx")]
    second = edge.consume(client, "x")
    edge.detach(first)
    assert edge.roles(one) == [*BASIC, (IN, "Mx")]
    edge.detach(second)
    assert edge.roles(one) == edge.roles(other) == BASIC


def test_proxies_share_the_session_of_the_peers_link(edge: EdgeCore) -> None:
    edge.consume(edge.connect(ROLE_NORMAL), "x")
    edge.peer()
    assert [link.session for link in opened(edge) if link.purpose.key] == [0]


def test_producers_and_watches_open_nothing_on_an_inter_edge_connection(edge: EdgeCore) -> None:
    other = edge.peer()
    edge.produce(edge.connect(ROLE_NORMAL), "x")
    edge.send(events.WatchAdded("y"))
    assert edge.roles(other) == BASIC


def test_c15_consumers_behind_a_peer_are_a_destination_and_seen_by_watches(edge: EdgeCore) -> None:
    other, client = edge.peer(), edge.connect(ROLE_NORMAL)
    edge.send(events.WatchAdded("x"))
    sender = edge.produce(client, "x")
    assert edge.plane.withheld[sender]
    link = edge.consume(other, "x")
    assert not edge.plane.withheld[sender]
    accepted = [effect for effect in edge.seen if isinstance(effect, AcceptLink)][-1]
    assert (accepted.proxy, accepted.annotated, accepted.link) == (True, True, link)
    assert edge.core.table.addresses["Mx"].as_watch().remote == 1
    edge.disconnect(other)
    assert edge.plane.withheld[sender]


def test_what_a_peer_draws_is_not_passed_on_to_other_peers(edge: EdgeCore) -> None:
    one, other = edge.peer("E2"), edge.peer("E3")
    edge.consume(one, "x")
    assert edge.roles(other) == BASIC


# --- two connections to one router


def test_of_two_connections_to_one_router_one_is_bound_and_draws(edge: EdgeCore) -> None:
    """Proxies on both would bring each multicast twice."""
    edge.consume(edge.connect(ROLE_NORMAL), "x")
    one, other = edge.peer("E2"), edge.peer("E2", incoming=True)
    assert edge.core.table.addresses["HE2"].proxies == {edge.link("peer", one)}
    assert edge.roles(one) == [*BASIC, (IN, "Mx")]
    assert edge.roles(other) == BASIC
    edge.consume(edge.connect(ROLE_NORMAL), "y")
    assert edge.roles(other) == BASIC


def test_the_second_connection_takes_over_when_the_first_is_lost(edge: EdgeCore) -> None:
    edge.consume(edge.connect(ROLE_NORMAL), "x")
    one, other = edge.peer("E2"), edge.peer("E2")
    edge.disconnect(one)
    assert edge.core.table.addresses["HE2"].proxies == {edge.link("peer", other)}
    assert edge.roles(other) == [*BASIC, (IN, "Mx")]
    assert edge.core.parser.key("_edge/E2/a") == "HE2"


def test_the_second_connection_takes_over_when_the_peer_ends_our_link_on_the_first(edge: EdgeCore) -> None:
    one, other = edge.peer("E2"), edge.peer("E2")
    edge.detach(edge.link("peer", one))
    assert edge.core.table.addresses["HE2"].proxies == {edge.link("peer", other)}


def test_loss_of_the_second_connection_changes_nothing(edge: EdgeCore) -> None:
    edge.consume(edge.connect(ROLE_NORMAL), "x")
    one, other = edge.peer("E2"), edge.peer("E2")
    assert edge.disconnect(other) == []
    assert edge.roles(one) == [*BASIC, (IN, "Mx")]
    assert edge.core.parser.key("_edge/E2/a") == "HE2"


# --- whose id


def test_c12_each_peer_is_sent_ordinal_and_id(edge: EdgeCore) -> None:
    one = edge.peer("E2")
    assert sent(edge) == [(edge.link("negotiation", one), wire.negotiation(100, edge.mesh))]


def test_c12_the_lower_ordinal_wins_and_is_not_negotiated_any_more(edge: EdgeCore) -> None:
    one = edge.peer("E2")
    mark = len(sent(edge))
    assert edge.hear(NEGOTIATION, one, wire.negotiation(99, "theirs")) == [SetMesh("theirs")]
    assert edge.mesh == "theirs"
    assert edge.hear(NEGOTIATION, one, wire.negotiation(99, "theirs")) == []
    assert sent(edge)[mark:] == []


def test_c12_a_higher_ordinal_loses_in_silence(edge: EdgeCore) -> None:
    one, mesh = edge.peer("E2"), edge.mesh
    assert edge.hear(NEGOTIATION, one, wire.negotiation(101, "theirs")) == []
    assert edge.mesh == mesh


def test_c12_the_adopted_id_stays_when_its_owner_is_gone_and_is_proposed_to_others(edge: EdgeCore) -> None:
    one = edge.peer("E2")
    edge.hear(NEGOTIATION, one, wire.negotiation(99, "theirs"))
    edge.disconnect(one)
    assert edge.mesh == "theirs"
    other = edge.peer("E3")
    assert sent(edge)[-1] == (edge.link("negotiation", other), wire.negotiation(99, "theirs"))


def test_c12_of_two_equal_ordinals_neither_wins_and_all_peers_are_sent_new_ones(edge: EdgeCore) -> None:
    one, other = edge.peer("E2"), edge.peer("E3")
    up = edge.uplink()
    old = edge.mesh
    mark = len(sent(edge))
    found = edge.hear(NEGOTIATION, one, wire.negotiation(100, "theirs"))
    assert edge.mesh not in (old, "theirs")
    assert found == [
        SetMesh(edge.mesh),
        SendMessage(edge.link("negotiation", one), wire.negotiation(101, edge.mesh)),
        SendMessage(edge.link("negotiation", other), wire.negotiation(101, edge.mesh)),
        SendMessage(edge.link("discovery", up), wire.announcement(edge.mesh)),
    ]
    assert len(sent(edge)) - mark == 3


def test_c12_equal_ordinals_of_one_id_are_agreement(edge: EdgeCore) -> None:
    one = edge.peer("E2")
    assert edge.hear(NEGOTIATION, one, wire.negotiation(100, edge.mesh)) == []


def test_c12_two_edges_of_equal_ordinals_agree() -> None:
    """Both draw again, from different sources."""
    left, right = EdgeCore("E1", 100), EdgeCore("E2", 100)
    ordinals = iter(range(7, 99))
    assert right.core.edge is not None
    right.core.edge.peers._propose = lambda: (next(ordinals), "again")
    at_left, at_right = left.peer("E2"), right.peer("E1")
    said_left, said_right = 0, 0
    for _ in range(10):
        left_says, right_says = left.plane.sent[said_left:], right.plane.sent[said_right:]
        said_left, said_right = len(left.plane.sent), len(right.plane.sent)
        for _, content in left_says:
            right.hear(NEGOTIATION, at_right, content)
        for _, content in right_says:
            left.hear(NEGOTIATION, at_left, content)
        if not left_says and not right_says:
            break
    assert left.mesh == right.mesh == "again"


@pytest.mark.parametrize("role", [ROLE_NORMAL, "edge"])
def test_c12_a_proposal_of_anybody_but_a_peer_is_none(edge: EdgeCore, role: str) -> None:
    """An anonymous sender can name the endpoint in its message."""
    client, mesh = edge.connect(role), edge.mesh
    assert edge.hear(NEGOTIATION, client, wire.negotiation(0, "evil")) == []
    assert edge.hear(NEGOTIATION, 4711, wire.negotiation(0, "evil")) == []
    assert edge.mesh == mesh


@pytest.mark.parametrize("content", [b"", wire.announcement("m"), wire.reachability("Mx", True)])
def test_c12_an_unreadable_proposal_is_logged_and_changes_nothing(edge: EdgeCore, content: bytes) -> None:
    one, mesh = edge.peer("E2"), edge.mesh
    found = edge.hear(NEGOTIATION, one, content)
    assert "Ignored a message of E2 to _$qd.mesh_id_negotiation" in str(found)
    assert edge.mesh == mesh


def test_tracking_messages_of_a_peer_change_nothing(edge: EdgeCore) -> None:
    up, other = edge.uplink(), edge.peer()
    edge.produce(edge.connect(ROLE_NORMAL), "x")
    assert edge.hear(TRACKING, other, wire.reachability("Mx", True)) == []
    assert edge.link("proxy out", up, "Mx") not in edge.core.table.addresses["Mx"].proxies


def test_an_inter_edge_connection_is_a_peer_only_for_an_edge_router() -> None:
    edge = EdgeCore()
    link = inter_edge_link(edge, edge.connect(ROLE_NORMAL))
    assert edge.refused(link)
    assert not edge.refused(inter_edge_link(edge, edge.connect(ROLE_INTER_EDGE, container="E2")))
