"""Edge routers as an interior router sees them: what each is told is reachable, and whose mesh is whose."""

from __future__ import annotations

import pytest
from skrouter.router.core import events
from skrouter.router.core.edge import wire
from skrouter.router.core.effects import (
    AcceptLink,
    LinkKind,
    LocalAddress,
    LocalAddressesChanged,
    PeerKind,
    SetPeer,
    Treatment,
)
from skrouter.router.core.facts import ROLE_EDGE, ROLE_INTER_ROUTER, ROLE_NORMAL
from skrouter_testing.edge_books import DISCOVERY, InteriorCore, downlink, inter_edge_link

BALANCED = Treatment.BALANCED
M1, M2 = "mesh-1", "mesh-2"


@pytest.fixture
def interior() -> InteriorCore:
    return InteriorCore()


def meshes(interior: InteriorCore, key: str) -> str | None:
    told = interior.core.table.addresses[key].told
    assert told is not None
    return told.mesh


# --- connections and links


def test_an_edge_is_a_peer_whose_mesh_is_known_once_it_says_so(interior: InteriorCore) -> None:
    one = interior.edge("E1", None)
    assert interior.plane.peers[one] == SetPeer(one, PeerKind.EDGE, "", streams=True)
    interior.announce(one, M1)
    assert interior.plane.peers[one] == SetPeer(one, PeerKind.EDGE, M1, streams=True)
    assert interior.announce(one, M1) == []
    interior.announce(one, M2)
    assert interior.plane.peers[one].mesh == M2


def test_the_discovery_link_has_three_credits_and_its_address_in_our_source(interior: InteriorCore) -> None:
    one = interior.connect(ROLE_EDGE)
    link = interior.attach(one, outgoing=False, target=wire.DISCOVERY)
    expected = AcceptLink(link, LinkKind.ENDPOINT, 3, 3, key=DISCOVERY, annotated=True, swapped=True)
    assert interior.seen[-1] == expected


def test_c11_a_downlink_is_the_consumer_of_what_is_addressed_to_its_edge(interior: InteriorCore) -> None:
    one = interior.edge("E1", M1)
    link = downlink(interior, one, "E1")
    assert interior.core.table.addresses["HE1"].consumers == {link}
    assert interior.core.table.addresses["HE1"].treatment is BALANCED
    told = LocalAddressesChanged(added=(LocalAddress("HE1", BALANCED, 0, M1),))
    assert told in interior.seen
    assert LocalAddressesChanged(removed=("HE1",)) in interior.disconnect(one)


@pytest.mark.parametrize("role", [ROLE_NORMAL, ROLE_INTER_ROUTER, "inter-edge"])
def test_only_an_edge_has_a_downlink(interior: InteriorCore, role: str) -> None:
    link = downlink(interior, interior.connect(role), "E1")
    assert interior.refused(link)
    assert "HE1" not in interior.core.table.addresses


def test_a_downlink_must_name_its_router(interior: InteriorCore) -> None:
    assert interior.refused(downlink(interior, interior.edge(), ""))


@pytest.mark.parametrize("outgoing", [False, True])
@pytest.mark.parametrize("form", ["{}", "/{}", "amqp://host/{}", "{}."])
@pytest.mark.parametrize("name", [wire.DISCOVERY, wire.TRACKING, wire.NEGOTIATION])
def test_a_client_is_refused_at_what_routers_use_however_it_is_written(
    interior: InteriorCore, name: str, form: str, outgoing: bool
) -> None:
    client, text = interior.connect(ROLE_NORMAL), form.format(name)
    link = interior.attach(client, outgoing=outgoing, **{"source" if outgoing else "target": text})
    assert interior.refused(link)


def test_an_edge_has_no_business_at_the_negotiation_or_the_wrong_way_round(interior: InteriorCore) -> None:
    one = interior.edge("E1", M1)
    assert interior.refused(interior.attach(one, outgoing=False, target=wire.NEGOTIATION))
    assert interior.refused(interior.attach(one, outgoing=False, target=wire.TRACKING))
    assert interior.refused(interior.attach(one, outgoing=True, source=wire.DISCOVERY))
    assert interior.refused(inter_edge_link(interior, one))


@pytest.mark.parametrize("content", [b"", wire.announcement("m" * 16), wire.announcement("ä" * 8)])
def test_an_unreadable_announcement_is_logged_and_changes_nothing(
    interior: InteriorCore, content: bytes
) -> None:
    one = interior.edge("E1", M1)
    assert "Ignored a message of E1 to _$qd.mesh_discovery" in str(interior.hear(DISCOVERY, one, content))
    assert interior.plane.peers[one].mesh == M1


@pytest.mark.parametrize("role", [ROLE_NORMAL, ROLE_INTER_ROUTER])
def test_an_announcement_of_anybody_but_an_edge_is_none(interior: InteriorCore, role: str) -> None:
    assert interior.announce(interior.connect(role), M1) == []


# --- tracking


def test_c11_an_edge_is_told_when_what_it_sends_to_becomes_reachable_and_when_not(
    interior: InteriorCore,
) -> None:
    one = interior.edge("E1", M1)
    tracking = interior.tracking(one)
    interior.produce(one, "x")
    assert interior.told(tracking) == []
    client = interior.connect(ROLE_NORMAL)
    first = interior.consume(client, "x")
    second = interior.consume(client, "x")
    interior.detach(first)
    assert interior.told(tracking) == [("Mx", True)]
    interior.detach(second)
    assert interior.told(tracking) == [("Mx", True), ("Mx", False)]


def test_an_edge_is_told_at_its_attach_of_what_is_reachable(interior: InteriorCore) -> None:
    interior.consume(interior.connect(ROLE_NORMAL), "x")
    one = interior.edge("E1", M1)
    interior.produce(one, "x")
    interior.produce(one, "y")
    assert interior.told(interior.tracking(one)) == [("Mx", True)]


def test_a_tracking_link_that_comes_last_is_told_everything(interior: InteriorCore) -> None:
    interior.consume(interior.connect(ROLE_NORMAL), "x")
    one = interior.edge("E1", M1, tracking=False)
    for address in ("x", "y", None):
        interior.produce(one, address)
    link = interior.attach(one, outgoing=True, source=wire.TRACKING)
    assert interior.told(link) == [("Mx", True)]


def test_a_new_tracking_link_is_told_everything_again_and_an_old_one_nothing(interior: InteriorCore) -> None:
    client = interior.connect(ROLE_NORMAL)
    consumer = interior.consume(client, "x")
    one = interior.edge("E1", M1)
    interior.produce(one, "x")
    old = interior.tracking(one)
    new = interior.attach(one, outgoing=True, source=wire.TRACKING)
    assert interior.told(new) == [("Mx", True)]
    interior.detach(consumer)
    assert interior.told(old) == [("Mx", True)]
    assert interior.told(new) == [("Mx", True), ("Mx", False)]


def test_nothing_is_sent_on_a_tracking_link_that_the_edge_has_ended(interior: InteriorCore) -> None:
    one = interior.edge("E1", M1)
    interior.produce(one, "x")
    interior.detach(interior.tracking(one))
    consumer = interior.consume(interior.connect(ROLE_NORMAL), "x")
    interior.detach(consumer)
    assert interior.plane.sent == []
    again = interior.attach(one, outgoing=True, source=wire.TRACKING)
    interior.consume(interior.connect(ROLE_NORMAL), "x")
    assert interior.told(again) == [("Mx", True)]


def test_an_edge_that_ends_its_proxy_and_attaches_it_again_is_told_again(interior: InteriorCore) -> None:
    interior.consume(interior.connect(ROLE_NORMAL), "x")
    one = interior.edge("E1", M1)
    interior.detach(interior.produce(one, "x"))
    interior.produce(one, "x")
    assert interior.told(interior.tracking(one)) == [("Mx", True)] * 2


def test_a_proxy_that_comes_before_the_one_it_replaces_has_gone_is_told_too(interior: InteriorCore) -> None:
    """An edge whose last sender leaves while the next one comes sends both in one go, attach first."""
    interior.consume(interior.connect(ROLE_NORMAL), "x")
    one = interior.edge("E1", M1)
    old = interior.produce(one, "x")
    interior.produce(one, "x")
    interior.detach(old)
    assert interior.told(interior.tracking(one)) == [("Mx", True)] * 2


def test_only_edges_that_send_to_an_address_are_told_of_it(interior: InteriorCore) -> None:
    one, other = interior.edge("E1", M1), interior.edge("E2", M2)
    interior.produce(one, "x")
    interior.consume(interior.connect(ROLE_NORMAL), "x")
    assert interior.told(interior.tracking(one)) == [("Mx", True)]
    assert interior.told(interior.tracking(other)) == []


def test_a_consumer_at_the_edge_itself_does_not_make_an_address_reachable_for_it(
    interior: InteriorCore,
) -> None:
    one = interior.edge("E1", M1)
    interior.produce(one, "x")
    interior.consume(one, "x")
    assert interior.told(interior.tracking(one)) == []


@pytest.mark.parametrize(("mesh", "told"), [(M1, []), (M2, [("Mx", True)]), (None, [("Mx", True)])])
def test_c12_a_consumer_at_an_edge_counts_unless_both_are_in_one_mesh(
    interior: InteriorCore, mesh: str | None, told: list[tuple[str, bool]]
) -> None:
    one, other = interior.edge("E1", M1), interior.edge("E2", mesh)
    interior.produce(one, "x")
    interior.consume(other, "x")
    assert interior.told(interior.tracking(one)) == told


def test_c12_edges_without_a_known_mesh_are_in_none_together(interior: InteriorCore) -> None:
    one, other = interior.edge("E1", None), interior.edge("E2", None)
    interior.produce(one, "x")
    interior.consume(other, "x")
    assert interior.told(interior.tracking(one)) == [("Mx", True)]


def test_c12_a_mesh_that_is_announced_late_changes_what_is_reachable(interior: InteriorCore) -> None:
    one, other = interior.edge("E1", M1), interior.edge("E2", M2)
    tracking = interior.tracking(one)
    interior.produce(one, "x")
    interior.consume(other, "x")
    interior.announce(other, M1)
    assert interior.told(tracking) == [("Mx", True), ("Mx", False)]
    interior.announce(one, M2)
    assert interior.told(tracking) == [("Mx", True), ("Mx", False), ("Mx", True)]


@pytest.mark.parametrize(("mesh", "told"), [(None, True), (M2, True), (M1, False)])
def test_c12_consumers_of_another_router_count_unless_all_are_in_the_edges_mesh(
    interior: InteriorCore, mesh: str | None, told: bool
) -> None:
    interior.plane.routers.add(1)
    interior.send(events.RouterKnown(1, "B"))
    one = interior.edge("E1", M1)
    interior.produce(one, "x")
    interior.send(events.RemoteAddressesChanged(1, (events.RemoteAddress("Mx", 3, mesh),)))
    assert interior.told(interior.tracking(one)) == ([("Mx", True)] if told else [])


def test_c12_a_remote_router_changes_the_mesh_of_its_consumers(interior: InteriorCore) -> None:
    interior.plane.routers.add(1)
    interior.send(events.RouterKnown(1, "B"))
    one = interior.edge("E1", M1)
    interior.produce(one, "x")
    for mesh in (M1, M2, None, M1):
        interior.send(events.RemoteAddressesChanged(1, (events.RemoteAddress("Mx", 3, mesh),)))
    assert interior.told(interior.tracking(one)) == [("Mx", True), ("Mx", False)]
    interior.send(events.RemoteAddressesFlushed(1))
    assert interior.told(interior.tracking(one)) == [("Mx", True), ("Mx", False)]


def test_a_consumer_in_this_process_is_reachable_for_every_edge(interior: InteriorCore) -> None:
    one = interior.edge("E1", M1)
    interior.produce(one, "svc")
    interior.send(events.EndpointAdded("Msvc", shared=True))
    assert interior.told(interior.tracking(one)) == [("Msvc", True)]


def test_a_lost_edge_is_told_nothing_more_and_others_are_told_what_it_means(interior: InteriorCore) -> None:
    one, other = interior.edge("E1", M1), interior.edge("E2", M2)
    first, second = interior.tracking(one), interior.tracking(other)
    interior.produce(other, "x")
    interior.consume(one, "x")
    interior.produce(one, "y")
    interior.disconnect(one)
    assert interior.told(second) == [("Mx", True), ("Mx", False)]
    interior.consume(other, "y")
    assert interior.told(first) == []


def test_nothing_is_remembered_of_edges_that_are_gone(interior: InteriorCore) -> None:
    client = interior.connect(ROLE_NORMAL)
    for number in range(3):
        one = interior.edge("E1", M1)
        for name in "xyz":
            interior.produce(one, f"{name}-{number}")
            interior.consume(client, f"{name}-{number}")
        interior.disconnect(one)
    interior.disconnect(client)
    assert interior.core.links.edges._told == {}
    assert set(interior.core.table.addresses) == {DISCOVERY}


# --- what the mesh is told


def test_c12_other_routers_hear_which_mesh_all_consumers_are_in(interior: InteriorCore) -> None:
    one, two = interior.edge("E1", M1), interior.edge("E2", M1)
    interior.consume(one, "x")
    assert interior.seen[-1] == LocalAddressesChanged(added=(LocalAddress("Mx", BALANCED, 0, M1),))
    mark = len(interior.seen)
    interior.consume(two, "x")
    assert not any(isinstance(effect, LocalAddressesChanged) for effect in interior.seen[mark:])
    other = interior.consume(interior.edge("E3", M2), "x")
    assert interior.seen[-1] == LocalAddressesChanged(changed=(LocalAddress("Mx", BALANCED, 0, None),))
    interior.detach(other)
    assert interior.seen[-1] == LocalAddressesChanged(changed=(LocalAddress("Mx", BALANCED, 0, M1),))


@pytest.mark.parametrize("kind", ["client", "unknown mesh", "adaptor", "endpoint"])
def test_c12_no_mesh_has_an_address_that_others_consume_too(interior: InteriorCore, kind: str) -> None:
    interior.consume(interior.edge("E1", M1), "x")
    assert meshes(interior, "Mx") == M1
    if kind == "client":
        interior.consume(interior.connect(ROLE_NORMAL), "x")
    elif kind == "unknown mesh":
        interior.consume(interior.edge("E2", None), "x")
    elif kind == "adaptor":
        interior.plane.links[5] = -1
        interior.send(events.ConsumerBound("x", 5))
    else:
        interior.send(events.EndpointAdded("Mx", shared=True))
    assert meshes(interior, "Mx") is None


def test_c12_an_edge_that_adopts_another_mesh_changes_what_others_are_told(interior: InteriorCore) -> None:
    one, two = interior.edge("E1", M1), interior.edge("E2", M2)
    interior.consume(one, "x")
    interior.consume(two, "x")
    interior.consume(two, "y")
    downlink(interior, two, "E2")
    assert (meshes(interior, "Mx"), meshes(interior, "My")) == (None, M2)
    found = interior.announce(two, M1)
    changed = {one for effect in found if isinstance(effect, LocalAddressesChanged) for one in effect.changed}
    assert changed == {LocalAddress(key, BALANCED, 0, M1) for key in ("Mx", "My", "HE2")}


def test_c12_a_mesh_that_no_consumer_is_in_changes_nothing_that_others_are_told(
    interior: InteriorCore,
) -> None:
    one = interior.edge("E1", M1)
    interior.produce(one, "x")
    interior.consume(interior.connect(ROLE_NORMAL), "x")
    found = interior.announce(one, M2)
    assert not any(isinstance(effect, LocalAddressesChanged) for effect in found)
