"""Endpoints, adaptors, watches and remote routers; and what the loss of a connection means."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from skrouter.amqp.events import LinkDetached
from skrouter.router.core import events
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.effects import (
    AllowCredit,
    BindConsumer,
    BindEndpoint,
    Effect,
    ForgetRouter,
    LocalAddress,
    LocalAddressesChanged,
    PublishEntry,
    SetEntryRouters,
    SetRadius,
    SetRouter,
    Treatment,
    UnbindConsumer,
    WatchChanged,
    WithdrawEntry,
)
from skrouter_testing.playbook import Playbook, attached, connection_facts, terminus

BALANCED, CLOSEST, FLOOD, MULTICAST = (
    Treatment.BALANCED,
    Treatment.CLOSEST,
    Treatment.FLOOD,
    Treatment.MULTICAST,
)
Book = Playbook[events.Event, Effect]


@pytest.fixture
def core() -> RouterCore:
    numbers: Iterator[int] = iter(range(10**6))
    return RouterCore(CoreConfig("A", True, lambda: f"u{next(numbers)}"))


@pytest.fixture
def book(core: RouterCore) -> Book:
    return Playbook(core.handle)


def sender(connection: int, link: int, address: str) -> events.Event:
    return attached(connection, link, outgoing=False, target=terminus(address, kind=2))


def receiver(connection: int, link: int, address: str) -> events.Event:
    return attached(connection, link, outgoing=True, source=terminus(address))


# --- in this process


def test_an_endpoint_is_bound_behind_its_entry(book: Book) -> None:
    book.expect(
        events.EndpointAdded("Lqdhello", control_only=True),
        PublishEntry("Lqdhello", CLOSEST, control_only=True),
        BindEndpoint("Lqdhello"),
    )


def test_a_shared_endpoint_is_told_to_others_and_an_unshared_is_not(book: Book) -> None:
    book.expect(events.EndpointAdded("Mx"), PublishEntry("Mx", CLOSEST), BindEndpoint("Mx"))
    book.expect(
        events.EndpointAdded("My", shared=True),
        PublishEntry("My", CLOSEST),
        BindEndpoint("My"),
        LocalAddressesChanged(added=(LocalAddress("My", CLOSEST, 0),)),
    )


def test_an_endpoint_is_a_destination_for_senders_that_wait(book: Book) -> None:
    book.send(events.ConnectionUp(connection_facts(3)))
    book.send(sender(3, 100, "_local/x"))
    book.expect(events.EndpointAdded("Lx", treatment=BALANCED), BindEndpoint("Lx"), AllowCredit(100, True))


def test_a_flooded_address_leads_to_every_router_known_before_and_after(book: Book) -> None:
    book.send(events.EndpointAdded("Tq", control_only=True, treatment=FLOOD, everywhere=True))
    book.expect(
        events.RouterKnown(1, "B"),
        PublishEntry("RB", CLOSEST),
        SetEntryRouters("RB", (1,)),
        SetEntryRouters("Tq", (1,)),
    )
    assert SetEntryRouters("Tq", (1, 2)) in book.send(events.RouterKnown(2, "C"))
    book.expect(
        events.RouterForgotten(1),
        SetEntryRouters("RB", ()),
        WithdrawEntry("RB"),
        SetEntryRouters("Tq", (2,)),
        ForgetRouter(1),
    )


# --- adaptors


def test_an_adaptors_consumer_is_bound_told_and_unbound(book: Book, core: RouterCore) -> None:
    book.expect(
        events.ConsumerBound("svc", 50),
        PublishEntry("Msvc", BALANCED),
        BindConsumer(50, "Msvc"),
        LocalAddressesChanged(added=(LocalAddress("Msvc", BALANCED, 0),)),
    )
    book.expect(
        events.ConsumerUnbound(50),
        UnbindConsumer(50),
        LocalAddressesChanged(removed=("Msvc",)),
        WithdrawEntry("Msvc"),
    )
    assert core.table.addresses == {}


def test_unbinding_a_consumer_that_was_never_bound_changes_no_address(book: Book) -> None:
    book.expect(events.ConsumerUnbound(50), UnbindConsumer(50))


# --- watches


def test_a_watch_says_what_is_there_and_then_every_change(book: Book) -> None:
    book.expect(events.WatchAdded("x"), PublishEntry("Mx", BALANCED), WatchChanged("x", 0, 0, 0, 0))
    book.send(events.ConnectionUp(connection_facts(3)))
    assert WatchChanged("x", 1, 0, 0, 0) in book.send(receiver(3, 100, "x"))
    assert WatchChanged("x", 1, 0, 0, 1) in book.send(sender(3, 101, "x"))
    book.send(events.RouterKnown(1, "B"))
    changed = events.RemoteAddressesChanged(1, (events.RemoteAddress("Mx"),))
    assert WatchChanged("x", 1, 0, 1, 1) in book.send(changed)
    assert WatchChanged("x", 0, 0, 1, 0) in book.send(events.ConnectionDown(3))
    book.expect(events.WatchRemoved("x"))
    book.expect(events.RemoteAddressesFlushed(1), SetEntryRouters("Mx", ()), WithdrawEntry("Mx"))


def test_two_watches_keep_an_address_until_both_are_gone(book: Book) -> None:
    book.send(events.WatchAdded("x"))
    book.expect(events.WatchAdded("x"), WatchChanged("x", 0, 0, 0, 0))
    book.expect(events.WatchRemoved("x"))
    book.expect(events.WatchRemoved("x"), WithdrawEntry("Mx"))


# --- remote routers


def test_remote_addresses_come_and_go_by_router(book: Book) -> None:
    for index, name in ((1, "B"), (2, "C")):
        book.send(events.RouterKnown(index, name))
    book.expect(
        events.RemoteAddressesChanged(2, (events.RemoteAddress("Mx", 1), events.RemoteAddress("My"))),
        PublishEntry("Mx", MULTICAST),
        SetEntryRouters("Mx", (2,)),
        PublishEntry("My", BALANCED),
        SetEntryRouters("My", (2,)),
    )
    book.expect(
        events.RemoteAddressesChanged(1, (events.RemoteAddress("Mx"),)), SetEntryRouters("Mx", (1, 2))
    )
    book.expect(events.RemoteAddressesChanged(2, (), ("Mx", "Munknown")), SetEntryRouters("Mx", (1,)))
    book.expect(
        events.RouterForgotten(2),
        SetEntryRouters("My", ()),
        WithdrawEntry("My"),
        SetEntryRouters("RC", ()),
        WithdrawEntry("RC"),
        ForgetRouter(2),
    )


def test_a_flushed_router_keeps_its_own_address_and_may_tell_anew(book: Book, core: RouterCore) -> None:
    book.send(events.RouterKnown(1, "B"))
    told = events.RemoteAddressesChanged(1, (events.RemoteAddress("Mx"),))
    first = book.send(told)
    book.expect(events.RemoteAddressesFlushed(1), SetEntryRouters("Mx", ()), WithdrawEntry("Mx"))
    assert list(core.table.addresses) == ["RB"]
    assert book.send(told) == first


def test_a_remote_consumer_allows_credit_to_local_senders(book: Book) -> None:
    book.send(events.ConnectionUp(connection_facts(3)))
    book.send(sender(3, 100, "x"))
    book.send(events.RouterKnown(1, "B"))
    told = events.RemoteAddressesChanged(1, (events.RemoteAddress("Mx"),))
    book.expect(told, SetEntryRouters("Mx", (1,)), AllowCredit(100, True))
    book.expect(events.RemoteAddressesFlushed(1), SetEntryRouters("Mx", ()), AllowCredit(100, False))


@pytest.mark.parametrize(("neighbor", "slot"), [(None, -1), (0, 0), (4, 4)])
def test_a_route_is_passed_on(book: Book, neighbor: int | None, slot: int) -> None:
    book.expect(
        events.RouteChanged(3, neighbor, 7, frozenset((1, 2))), SetRouter(3, slot, 7, frozenset((1, 2)))
    )


def test_the_radius_is_passed_on(book: Book) -> None:
    book.expect(events.RadiusChanged(4), SetRadius(4))


def test_what_is_no_event_is_refused(core: RouterCore) -> None:
    with pytest.raises(TypeError, match="not an event of the core"):
        core.handle("hello", 0.0)  # type: ignore[arg-type]


# --- loss


def test_a_lost_connection_takes_all_its_links_and_nothing_else(book: Book, core: RouterCore) -> None:
    for connection in (3, 4):
        book.send(events.ConnectionUp(connection_facts(connection)))
        book.send(receiver(connection, connection * 100, "x"))
        book.send(sender(connection, connection * 100 + 1, "x"))
        book.send(sender(connection, connection * 100 + 2, f"only-{connection}"))
    found = book.send(events.ConnectionDown(3))
    assert WithdrawEntry("Monly-3") in found
    assert set(core.links.by_handle) == {400, 401, 402}
    assert core.table.addresses["Mx"].consumers == {400}
    assert core.table.addresses["Mx"].producers == {401}
    book.expect(LinkDetached(300, True, "", ""))
    book.send(events.ConnectionDown(4))
    assert core.table.addresses == core.links.by_handle == core.connections.by_handle == {}
