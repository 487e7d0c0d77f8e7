"""Proxies stand for an address on the other side: when they come, go, and lead anywhere."""

from __future__ import annotations

import pytest
from skrouter.router.core import events
from skrouter.router.core.edge import wire
from skrouter.router.core.effects import (
    AllowCredit,
    BindConsumer,
    DetachLink,
    OpenLink,
    Terminus,
    UnbindConsumer,
    WatchChanged,
)
from skrouter.router.core.facts import ROLE_NORMAL
from skrouter_testing.edge_books import EdgeCore

IN, OUT = "proxy in", "proxy out"


@pytest.fixture
def edge() -> EdgeCore:
    return EdgeCore()


def proxies(edge: EdgeCore, connection: int) -> list[tuple[str, str]]:
    return [item for item in edge.roles(connection) if item[1]]


def wires(edge: EdgeCore, after: int = 0) -> list[tuple[bool, str]]:
    """Attaches of proxies: whether outgoing, and the address."""
    return [
        (effect.purpose.outgoing, effect.purpose.key)
        for effect in edge.seen[after:]
        if isinstance(effect, OpenLink) and effect.purpose.key
    ]


# --- incoming


def test_an_incoming_proxy_is_there_from_the_first_consumer_to_the_last(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    first = edge.consume(client, "x")
    assert proxies(edge, up) == [(IN, "Mx")]
    second = edge.consume(client, "x")
    assert proxies(edge, up) == [(IN, "Mx")]
    assert edge.detach(first) == []
    proxy = edge.link(IN, up, "Mx")
    assert DetachLink(proxy) in edge.detach(second)
    assert edge.links.keys() & {proxy} == set()
    assert "Mx" not in edge.core.table.addresses
    assert wires(edge) == [(False, "Mx")]


def test_an_incoming_proxy_has_credit_the_address_as_source_and_delivers_to_it(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    edge.consume(client, "x")
    opened = edge.links[edge.link(IN, up, "Mx")]
    assert (opened.source, opened.target) == (Terminus("x"), Terminus())
    assert (opened.key, opened.credit, opened.session, opened.annotated) == ("Mx", 250, 1, True)


def test_consumers_of_adaptors_and_shared_endpoints_count_and_unshared_do_not(edge: EdgeCore) -> None:
    up = edge.uplink()
    edge.plane.links[5] = -1
    edge.send(events.ConsumerBound("svc", 5))
    edge.send(events.EndpointAdded("Mshared", shared=True))
    edge.send(events.EndpointAdded("Mprivate"))
    assert proxies(edge, up) == [(IN, "Msvc"), (IN, "Mshared")]
    edge.send(events.ConsumerUnbound(5))
    assert proxies(edge, up) == [(IN, "Mshared")]


@pytest.mark.parametrize("address", ["_local/x", "_edge/E1/x", "_topo/0/E1/x"])
def test_only_mobile_addresses_have_proxies(edge: EdgeCore, address: str) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    edge.consume(client, address)
    edge.produce(client, address)
    assert proxies(edge, up) == []


def test_a_consumer_behind_another_edge_router_is_not_ours_to_draw_to(edge: EdgeCore) -> None:
    up, other = edge.uplink(), edge.peer("E2")
    edge.consume(other, "x")
    assert proxies(edge, up) == []


# --- outgoing


def test_an_outgoing_proxy_is_there_from_the_first_producer_to_the_last(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    first, second = edge.produce(client, "x"), edge.produce(client, "x")
    assert proxies(edge, up) == [(OUT, "Mx")]
    edge.detach(first)
    proxy = edge.link(OUT, up, "Mx")
    assert DetachLink(proxy) in edge.detach(second)
    assert wires(edge) == [(True, "Mx")]
    assert "Mx" not in edge.core.table.addresses


def test_an_outgoing_proxy_has_the_address_as_target_and_no_credit_of_ours(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    edge.produce(client, "x")
    opened = edge.links[edge.link(OUT, up, "Mx")]
    assert (opened.source, opened.target) == (Terminus(), Terminus("x"))
    assert (opened.key, opened.credit, opened.session) == (None, 0, 1)


def test_an_anonymous_sender_needs_no_proxy(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    edge.produce(client, None)
    assert proxies(edge, up) == []


def test_c15_a_watch_opens_an_outgoing_proxy_and_hears_what_the_interior_says(edge: EdgeCore) -> None:
    up = edge.uplink()
    assert edge.send(events.WatchAdded("svc"))[-1] == WatchChanged("svc", 0, 0, 0, 0)
    assert proxies(edge, up) == [(OUT, "Msvc")]
    assert WatchChanged("svc", 0, 0, 1, 0) in edge.track(up, "svc", True)
    assert WatchChanged("svc", 0, 0, 0, 0) in edge.track(up, "svc", False)
    edge.send(events.WatchRemoved("svc"))
    assert proxies(edge, up) == []


def test_c15_a_watch_hears_that_the_uplink_is_lost_and_that_it_is_back(edge: EdgeCore) -> None:
    edge.send(events.WatchAdded("svc"))
    up = edge.uplink()
    edge.track(up, "svc", True)
    assert WatchChanged("svc", 0, 0, 0, 0) in edge.disconnect(up)
    again = edge.uplink()
    assert WatchChanged("svc", 0, 0, 1, 0) in edge.track(again, "svc", True)


def test_the_proxy_stays_while_a_watch_or_a_producer_does(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    edge.send(events.WatchAdded("x"))
    sender = edge.produce(client, "x")
    edge.send(events.WatchRemoved("x"))
    assert proxies(edge, up) == [(OUT, "Mx")]
    edge.detach(sender)
    assert proxies(edge, up) == []


# --- tracking


def test_a_proxy_is_used_only_while_the_interior_says_it_leads_anywhere(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    sender = edge.produce(client, "x")
    proxy = edge.link(OUT, up, "Mx")
    assert edge.plane.withheld[sender]
    assert edge.track(up, "x", True) == [BindConsumer(proxy, "Mx", proxy=True), AllowCredit(sender, True)]
    assert edge.track(up, "x", True) == []
    assert edge.track(up, "x", False) == [UnbindConsumer(proxy), AllowCredit(sender, False)]
    assert edge.track(up, "x", False) == []


@pytest.mark.parametrize("reachable", [True, False])
@pytest.mark.parametrize("address", ["unknown", "consumed"])
def test_news_of_an_address_without_outgoing_proxy_change_nothing(
    edge: EdgeCore, address: str, reachable: bool
) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    edge.consume(client, "consumed")
    assert edge.track(up, address, reachable) == []


def test_a_new_producer_after_the_last_waits_for_news_again(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    sender = edge.produce(client, "x")
    edge.track(up, "x", True)
    edge.detach(sender)
    again = edge.produce(client, "x")
    assert edge.plane.withheld[again]
    edge.track(up, "x", True)
    assert not edge.plane.withheld[again]


def test_the_last_producer_goes_from_an_address_that_is_reachable(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    consumer, sender = edge.consume(client, "x"), edge.produce(client, "x")
    edge.track(up, "x", True)
    edge.detach(sender)
    assert proxies(edge, up) == [(IN, "Mx")]
    edge.detach(consumer)
    assert proxies(edge, up) == []
    assert "Mx" not in edge.core.table.addresses


# --- ends


@pytest.mark.parametrize("role", [IN, OUT])
def test_a_refused_proxy_is_not_attached_again_and_again(edge: EdgeCore, role: str) -> None:
    """An interior router for which the address is unavailable, say."""
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    link = edge.consume(client, "x") if role == IN else edge.produce(client, "x")
    mark = len(edge.seen)
    edge.detach(edge.link(role, up, "Mx"))
    edge.consume(client, "other")
    assert wires(edge, mark) == [(False, "Mother")]
    edge.detach(link)
    assert not any(isinstance(effect, DetachLink) for effect in edge.seen[mark:])


@pytest.mark.parametrize("role", [IN, OUT])
def test_a_refused_proxy_is_tried_again_when_its_address_is_wanted_anew(edge: EdgeCore, role: str) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    want = edge.consume if role == IN else edge.produce
    link = want(client, "x")
    edge.detach(edge.link(role, up, "Mx"))
    edge.detach(link)
    want(client, "x")
    assert edge.link(role, up, "Mx")


def test_a_proxy_that_the_interior_ends_leads_nowhere_any_more(edge: EdgeCore) -> None:
    up, client = edge.uplink(), edge.connect(ROLE_NORMAL)
    sender = edge.produce(client, "x")
    edge.track(up, "x", True)
    assert AllowCredit(sender, False) in edge.detach(edge.link(OUT, up, "Mx"))
    assert edge.track(up, "x", True) == []


def test_consumers_that_come_and_go_leave_nothing_behind(edge: EdgeCore) -> None:
    edge.uplink()
    client = edge.connect(ROLE_NORMAL)
    before = set(edge.core.links.by_handle)
    for number in range(20):
        edge.detach(edge.consume(client, f"in-{number}"))
        edge.detach(edge.produce(client, f"out-{number}"))
    assert set(edge.core.links.by_handle) == before


def test_what_only_routers_use_is_never_drawn_to_an_edge(edge: EdgeCore) -> None:
    up = edge.uplink()
    edge.send(events.EndpointAdded("M" + wire.DISCOVERY, shared=True))
    edge.send(events.WatchAdded(wire.TRACKING))
    assert proxies(edge, up) == []
