"""Connections of one connector by the age of their certificates: upgrade, refusal, and what is left over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from skrouter.amqp.capabilities import OpenProperties
from skrouter.amqp.events import LinkDetached, LinkEstablished
from skrouter.router.core import events
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.effects import (
    AddDataConnection,
    DetachLink,
    DropConnection,
    Effect,
    Log,
    MoveStreams,
    NeighborDown,
    NeighborUp,
    OpenLink,
    SetNeighbor,
    SetNeighborLink,
)
from skrouter.router.core.facts import ConnectionFacts
from skrouter_testing.playbook import Playbook, attached, connection_facts, terminus

CONTROL, DATA = "qd.router", "qd.router-data"
Book = Playbook[events.Event, Effect]


@pytest.fixture
def core() -> RouterCore:
    numbers: Iterator[int] = iter(range(10**6))
    return RouterCore(CoreConfig("A", True, lambda: f"u{next(numbers)}"))


@pytest.fixture
def book(core: RouterCore) -> Book:
    return Playbook(core.handle)


def facts(
    connection: int, ordinal: int, *, incoming: bool, data: bool = False, connector: str = "g"
) -> ConnectionFacts:
    """One end of a connection that a connector has made with certificates of this age."""
    return connection_facts(
        connection,
        role="inter-router-data" if data else "inter-router",
        incoming=incoming,
        container="B",
        port_name=f"to-{connector}",
        properties=OpenProperties(correlator=connector or None) if incoming else OpenProperties(),
        ordinal=ordinal,
    )


def sender_of(connection: int) -> int:
    """Our sending control link of a connection; the receiving one is the number before."""
    return connection * 1000 + 1


def be_attached(book: Book, connection: int, link: int, capability: str, *, outgoing: bool) -> list[Effect]:
    both = terminus(capability=capability)
    return book.send(attached(connection, link, outgoing=outgoing, source=both, target=both))


def listen(
    book: Book, connection: int, ordinal: int, connector: str = "g"
) -> tuple[list[Effect], list[Effect]]:
    """A peer's control connection and links: what follows from its open, and from its second control link."""
    up = book.send(events.ConnectionUp(facts(connection, ordinal, incoming=True, connector=connector)))
    be_attached(book, connection, sender_of(connection) - 1, CONTROL, outgoing=False)
    return up, be_attached(book, connection, sender_of(connection), CONTROL, outgoing=True)[1:]


def connect(book: Book, connection: int, ordinal: int) -> tuple[list[Effect], list[Effect]]:
    """A control connection of ours: what follows from its open, and from its second control link."""
    up = book.send(events.ConnectionUp(facts(connection, ordinal, incoming=False)))
    opens = [effect for effect in up if isinstance(effect, OpenLink)]
    for number, effect in enumerate(opens):
        book.expect(events.LinkOpened(connection * 1000 + number, effect.name, effect.purpose))
    if not opens:
        return up, []
    book.send(LinkEstablished(sender_of(connection) - 1, terminus(), terminus()))
    return up, book.send(LinkEstablished(sender_of(connection), terminus(), terminus()))


def upgrading(old: int, new: int) -> Log:
    return Log("ROUTER_CORE", "info", f"Upgrading connection [C{old}] to [C{new}]")


def dropped(found: list[Effect]) -> list[int]:
    return [effect.connection for effect in found if isinstance(effect, DropConnection)]


# --- upgrade


def test_the_listener_says_so_at_the_open_and_switches_at_the_second_control_link(book: Book) -> None:
    assert listen(book, 3, 0) == ([], [SetNeighbor(0, 3, 3001), NeighborUp(0, 1)])
    assert listen(book, 7, 1) == ([upgrading(3, 7)], [SetNeighbor(0, 7, 7001, same=True), MoveStreams(0)])


def test_the_connector_ends_the_control_links_of_the_old_connection_and_nothing_else(book: Book) -> None:
    connect(book, 3, 0)
    up, switch = connect(book, 7, 1)
    assert (up[0], len(up)) == (upgrading(3, 7), 23)
    assert switch == [
        SetNeighbor(0, 7, 7001, same=True),
        MoveStreams(0),
        DetachLink(3000),
        DetachLink(3001),
    ]


def test_nothing_switches_while_one_control_link_is_missing(book: Book, core: RouterCore) -> None:
    listen(book, 3, 0)
    book.send(events.ConnectionUp(facts(7, 1, incoming=True)))
    assert be_attached(book, 7, 7001, CONTROL, outgoing=True)[1:] == []
    assert core.connections.neighbors[0].facts.connection == 3
    book.expect(events.ConnectionDown(7))
    assert core.connections.neighbors[0].facts.connection == 3


def test_priority_links_of_the_new_connection_take_the_place_of_the_old_ones(book: Book) -> None:
    listen(book, 3, 0)
    be_attached(book, 3, 3100, DATA, outgoing=True)
    book.send(events.ConnectionUp(facts(7, 1, incoming=True)))
    be_attached(book, 7, 7100, DATA, outgoing=True)
    be_attached(book, 7, 7000, CONTROL, outgoing=False)
    assert be_attached(book, 7, 7001, CONTROL, outgoing=True)[1:] == [
        SetNeighbor(0, 7, 7001, same=True),
        SetNeighborLink(0, 0, 7100),
        MoveStreams(0),
    ]
    assert be_attached(book, 7, 7101, DATA, outgoing=True)[1:] == [SetNeighborLink(0, 1, 7101)]


def test_priority_links_that_the_old_connection_still_gets_do_not_come_back_into_use(book: Book) -> None:
    listen(book, 3, 0)
    listen(book, 7, 1)
    assert be_attached(book, 3, 3100, DATA, outgoing=True)[1:] == []


@pytest.mark.parametrize("incoming", [True, False])
def test_b14_streams_go_to_data_connections_of_the_same_age_only(book: Book, incoming: bool) -> None:
    make = listen if incoming else connect
    book.expect(events.ConnectionUp(facts(2, 0, incoming=incoming, data=True)))
    assert make(book, 3, 0)[1] == [SetNeighbor(0, 3, 3001), AddDataConnection(0, 2), NeighborUp(0, 1)]
    book.expect(events.ConnectionUp(facts(8, 1, incoming=incoming, data=True)))
    switch = make(book, 7, 1)[1]
    assert switch[:3] == [SetNeighbor(0, 7, 7001, same=True), AddDataConnection(0, 8), MoveStreams(0)]
    book.expect(events.ConnectionUp(facts(9, 0, incoming=incoming, data=True)))
    book.expect(events.ConnectionUp(facts(10, 1, incoming=incoming, data=True)), AddDataConnection(0, 10))


def test_control_messages_on_the_old_connection_count_until_its_control_links_end(
    book: Book, core: RouterCore
) -> None:
    listen(book, 3, 0)
    listen(book, 7, 1)
    old = core.connections.by_handle[3]
    assert old.slot == 0
    book.expect(LinkDetached(3000, True, "", ""))
    assert old.slot is None
    book.expect(LinkDetached(3001, True, "", ""))


@pytest.mark.parametrize("incoming", [True, False])
def test_the_end_of_the_old_connection_is_nobody_s_loss(book: Book, core: RouterCore, incoming: bool) -> None:
    make = listen if incoming else connect
    make(book, 3, 0)
    make(book, 7, 1)
    book.expect(events.ConnectionDown(3))
    assert core.connections.neighbors[0].facts.connection == 7
    book.expect(events.ConnectionDown(7), NeighborDown(0))
    assert core.links.by_handle == {}


def test_an_old_connection_does_not_speak_for_the_next_router_in_its_slot(
    book: Book, core: RouterCore
) -> None:
    listen(book, 3, 0)
    listen(book, 7, 1)
    book.expect(events.ConnectionDown(7), NeighborDown(0))
    assert core.connections.by_handle[3].slot is None
    assert listen(book, 9, 0, connector="other")[1][-1] == NeighborUp(0, 1)
    book.expect(events.ConnectionDown(3))
    assert core.connections.neighbors[0].facts.connection == 9


@pytest.mark.parametrize("incoming", [True, False])
def test_a_new_connection_after_the_loss_of_both_is_no_upgrade(book: Book, incoming: bool) -> None:
    make = listen if incoming else connect
    make(book, 3, 0)
    make(book, 7, 1)
    book.send(events.ConnectionDown(7))
    up, ready = make(book, 8, 1)
    assert not any(isinstance(effect, Log) for effect in up)
    assert ready == [SetNeighbor(0, 8, 8001), NeighborUp(0, 1)]


def test_one_upgrade_may_follow_another(book: Book) -> None:
    listen(book, 3, 0)
    listen(book, 7, 1)
    up, switch = listen(book, 9, 5)
    assert up == [upgrading(7, 9)]
    assert switch == [SetNeighbor(0, 9, 9001, same=True), MoveStreams(0)]
    book.expect(events.ConnectionDown(3))
    book.expect(events.ConnectionDown(7))
    book.expect(events.ConnectionDown(9), NeighborDown(0))


# --- refusal


@pytest.mark.parametrize(
    ("there", "other", "incoming"),
    [(0, 0, False), (1, 1, False), (2, 1, False), (2, 1, True), (2, 0, False), (2, 0, True)],
)
def test_another_control_connection_that_is_not_newer_is_dropped_with_a_reason(
    book: Book, core: RouterCore, there: int, other: int, incoming: bool
) -> None:
    make = listen if incoming else connect
    make(book, 3, there)
    up = book.send(events.ConnectionUp(facts(7, other, incoming=incoming)))
    assert dropped(up) == [7]
    (log,) = (effect for effect in up if isinstance(effect, Log))
    assert log.text.startswith("[C7] Connection dropped: [C3] of the same connector")
    assert core.connections.neighbors[0].facts.connection == 3
    assert be_attached(book, 7, 7000, CONTROL, outgoing=False) == []
    book.expect(events.ConnectionDown(7))


@pytest.mark.parametrize("ordinal", [0, 1])
def test_a_connector_that_comes_again_takes_the_place_of_its_own_dead_connection(
    book: Book, core: RouterCore, ordinal: int
) -> None:
    listen(book, 3, ordinal)
    up = book.send(events.ConnectionUp(facts(7, ordinal, incoming=True)))
    assert dropped(up) == [3]
    effects = be_attached(book, 7, 7000, CONTROL, outgoing=False)
    effects += be_attached(book, 7, 7001, CONTROL, outgoing=True)
    assert not any(isinstance(effect, NeighborUp | NeighborDown) for effect in effects)
    assert core.connections.neighbors[0].facts.connection == 7
    book.expect(events.ConnectionDown(3))
    book.expect(events.ConnectionDown(7), NeighborDown(0))


@pytest.mark.parametrize("connector", ["other", ""])
def test_connections_of_another_or_an_unknown_connector_are_neighbors_of_their_own(
    book: Book, connector: str
) -> None:
    listen(book, 3, 1, connector=connector)
    assert listen(book, 7, 1)[1][-1] == NeighborUp(1, 1)
    assert listen(book, 8, 0, connector="" if connector == "" else "third")[1][-1] == NeighborUp(2, 1)


def test_of_two_that_wait_the_one_that_is_ready_serves_until_the_newer_one_is(book: Book) -> None:
    for connection, ordinal in ((3, 0), (7, 1)):
        book.expect(events.ConnectionUp(facts(connection, ordinal, incoming=True)))
        be_attached(book, connection, connection * 1000, CONTROL, outgoing=False)
    assert be_attached(book, 3, 3001, CONTROL, outgoing=True)[1:] == [
        SetNeighbor(0, 3, 3001),
        NeighborUp(0, 1),
    ]
    assert be_attached(book, 7, 7001, CONTROL, outgoing=True)[1:] == [
        SetNeighbor(0, 7, 7001, same=True),
        MoveStreams(0),
    ]


def test_one_that_waits_is_dropped_when_a_newer_one_was_ready_first(book: Book) -> None:
    for connection, ordinal in ((3, 0), (7, 1)):
        book.expect(events.ConnectionUp(facts(connection, ordinal, incoming=True)))
        be_attached(book, connection, connection * 1000, CONTROL, outgoing=False)
    assert be_attached(book, 7, 7001, CONTROL, outgoing=True)[-1] == NeighborUp(0, 1)
    assert dropped(be_attached(book, 3, 3001, CONTROL, outgoing=True)) == [3]
