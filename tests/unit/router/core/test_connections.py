"""Connections between routers: their links, neighbors and slots."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from skrouter.amqp.capabilities import OfferedCapabilities, OpenProperties
from skrouter.amqp.events import LinkDetached, LinkEstablished, StreamingLinkWanted
from skrouter.router.core import events
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.effects import (
    AcceptLink,
    AddDataConnection,
    Effect,
    LinkKind,
    NeighborDown,
    NeighborUp,
    OpenLink,
    Purpose,
    RejectLink,
    SetNeighbor,
    SetNeighborLink,
    Terminus,
)
from skrouter.router.core.facts import ConnectionFacts
from skrouter_testing.playbook import Playbook, attached, connection_facts, terminus

CONTROL, DATA = "qd.router", "qd.router-data"
PRIORITIES = range(10)
Book = Playbook[events.Event, Effect]


@pytest.fixture
def core() -> RouterCore:
    numbers: Iterator[int] = iter(range(10**6))
    return RouterCore(CoreConfig("A", True, lambda: f"u{next(numbers)}"))


@pytest.fixture
def book(core: RouterCore) -> Book:
    return Playbook(core.handle)


def between(connection: int, *, incoming: bool, **changes: object) -> ConnectionFacts:
    return connection_facts(connection, role="inter-router", incoming=incoming, **changes)


def attach(book: Book, connection: int, link: int, capability: str, *, outgoing: bool) -> list[Effect]:
    """The peer attaches a router link."""
    both = terminus(capability=capability)
    return book.send(attached(connection, link, outgoing=outgoing, source=both, target=both))


def become_neighbor(book: Book, connection: int, **changes: object) -> list[Effect]:
    """An incoming connection with both control links; handles are 1000 times the connection's and behind."""
    book.send(events.ConnectionUp(between(connection, incoming=True, **changes)))
    attach(book, connection, connection * 1000, CONTROL, outgoing=False)
    return attach(book, connection, connection * 1000 + 1, CONTROL, outgoing=True)


# --- the connector's side


def test_the_connector_opens_twenty_two_links_in_the_order_that_gives_them_their_meaning(book: Book) -> None:
    book.expect(
        events.ConnectionUp(between(7, incoming=False)),
        *(
            OpenLink(
                Purpose(7, kind, outgoing, priority),
                name=f"qdlink.u{number}",
                session=session,
                capacity=250,
                credit=0 if outgoing else 250,
                source=Terminus(capability=capability),
                target=Terminus(capability=capability),
            )
            for number, (kind, outgoing, session, priority, capability) in enumerate(
                [(LinkKind.CONTROL, outgoing, 0, 9, CONTROL) for outgoing in (False, True)]
                + [
                    (LinkKind.ROUTER, outgoing, priority + 1, priority, DATA)
                    for priority in PRIORITIES
                    for outgoing in (False, True)
                ]
            )
        ),
    )


@pytest.mark.parametrize("role", ["normal", "inter-router-data"])
def test_a_connection_of_another_role_opens_no_links(book: Book, role: str) -> None:
    book.expect(events.ConnectionUp(connection_facts(7, role=role, incoming=False)))


def opened(book: Book, connection: int) -> list[tuple[int, Purpose]]:
    """A connector's connection whose 22 links exist under handles of our choice."""
    links = []
    for number, effect in enumerate(book.send(events.ConnectionUp(between(connection, incoming=False)))):
        assert isinstance(effect, OpenLink)
        handle = connection * 1000 + number
        book.expect(events.LinkOpened(handle, effect.name, effect.purpose))
        links.append((handle, effect.purpose))
    return links


def test_the_connector_is_a_neighbor_when_both_control_links_are_answered(book: Book) -> None:
    links = opened(book, 7)
    (one, _), (other, purpose) = links[:2]
    assert purpose.outgoing
    book.expect(LinkEstablished(one, terminus(), terminus()))
    book.expect(LinkEstablished(other, terminus(), terminus()), SetNeighbor(0, 7, other), NeighborUp(0, 1))
    for handle, purpose in links[2:]:
        expected = [SetNeighborLink(0, purpose.priority, handle)] if purpose.outgoing else []
        book.expect(LinkEstablished(handle, terminus(), terminus()), *expected)


def test_data_links_that_are_answered_first_are_set_when_the_neighbor_is_there(book: Book) -> None:
    links = opened(book, 7)
    for handle, _ in reversed(links[2:]):
        book.expect(LinkEstablished(handle, terminus(), terminus()))
    book.expect(LinkEstablished(links[0][0], terminus(), terminus()))
    book.expect(
        LinkEstablished(links[1][0], terminus(), terminus()),
        SetNeighbor(0, 7, links[1][0]),
        *(SetNeighborLink(0, item.priority, handle) for handle, item in links[2:] if item.outgoing),
        NeighborUp(0, 1),
    )


# --- the listener's side


def test_the_listener_numbers_priorities_by_the_order_of_attaches_in_each_direction(book: Book) -> None:
    book.send(events.ConnectionUp(between(3, incoming=True, cost=5)))
    assert attach(book, 3, 100, CONTROL, outgoing=True) == [
        AcceptLink(100, LinkKind.CONTROL, 250, 0, annotated=True, priority=9)
    ]
    assert attach(book, 3, 101, CONTROL, outgoing=False) == [
        AcceptLink(101, LinkKind.CONTROL, 250, 250, annotated=True, priority=9),
        SetNeighbor(0, 3, 100),
        NeighborUp(0, 5),
    ]
    for priority in PRIORITIES:
        link = 200 + priority
        assert attach(book, 3, link, DATA, outgoing=False) == [
            AcceptLink(link, LinkKind.ROUTER, 250, 250, annotated=True, priority=priority)
        ]
    for priority in PRIORITIES:
        link = 300 + priority
        assert attach(book, 3, link, DATA, outgoing=True) == [
            AcceptLink(link, LinkKind.ROUTER, 250, 0, annotated=True, priority=priority),
            SetNeighborLink(0, priority, link),
        ]


def test_d12_data_links_beyond_the_ten_are_for_streams(book: Book) -> None:
    become_neighbor(book, 3)
    for number in PRIORITIES:
        attach(book, 3, 200 + number, DATA, outgoing=False)
    for number in (1, 2, 3):
        assert attach(book, 3, 300 + number, DATA, outgoing=False) == [
            AcceptLink(300 + number, LinkKind.STREAMING, 250, 250, annotated=True, priority=4)
        ]


@pytest.mark.parametrize("capability", [CONTROL, DATA])
@pytest.mark.parametrize("role", ["normal", "route-container", "inter-router-data"])
def test_router_links_are_forbidden_on_other_connections(book: Book, capability: str, role: str) -> None:
    book.send(events.ConnectionUp(connection_facts(3, role=role)))
    assert attach(book, 3, 100, capability, outgoing=False) == [
        RejectLink(100, "qd:forbidden", "Connectivity to the node is forbidden")
    ]


def test_a_client_link_is_refused_on_a_connection_between_routers(book: Book) -> None:
    book.send(events.ConnectionUp(between(3, incoming=True)))
    book.expect(
        attached(3, 100, outgoing=False, target=terminus("x", kind=2)),
        RejectLink(100, "qd:connection-role", "Link attach forbidden on inter-router connection"),
    )


# --- slots


def test_slots_are_given_from_the_lowest_and_used_again(book: Book) -> None:
    for slot, connection in enumerate((11, 12, 13, 14)):
        assert become_neighbor(book, connection)[-1] == NeighborUp(slot, 1)
    book.expect(events.ConnectionDown(13), NeighborDown(2))
    book.expect(events.ConnectionDown(11), NeighborDown(0))
    assert become_neighbor(book, 15)[-1] == NeighborUp(0, 1)
    assert become_neighbor(book, 16)[-1] == NeighborUp(2, 1)
    assert become_neighbor(book, 17)[-1] == NeighborUp(4, 1)


@pytest.mark.parametrize("lost", [3000, 3001])
def test_a_lost_control_link_ends_the_neighbor_once(book: Book, core: RouterCore, lost: int) -> None:
    become_neighbor(book, 3)
    book.expect(LinkDetached(lost, True, "", ""), NeighborDown(0))
    book.expect(events.ConnectionDown(3))
    assert core.connections.neighbors == {}
    assert core.links.by_handle == {}


def test_a_connection_lost_before_it_was_open_means_nothing(book: Book) -> None:
    book.expect(events.ConnectionDown(99))


# --- data connections

TRUNKING = OfferedCapabilities(streaming_links=True, connection_trunking=True)
PLAIN = OfferedCapabilities(streaming_links=True)


def data(connection: int, correlator: str, container: str = "B") -> events.ConnectionUp:
    return events.ConnectionUp(
        connection_facts(
            connection,
            role="inter-router-data",
            container=container,
            properties=OpenProperties(correlator=correlator, data_connection=True),
        )
    )


def test_b14_data_connections_join_their_group_before_and_after_its_control_connection(book: Book) -> None:
    same = {"container": "B", "properties": OpenProperties(correlator="g")}
    book.expect(data(21, "g"))
    book.expect(data(22, "other"))
    book.expect(data(23, "g", "C"))
    found = become_neighbor(book, 3, **same)
    assert found[1:] == [SetNeighbor(0, 3, 3001), AddDataConnection(0, 21), NeighborUp(0, 1)]
    book.expect(data(24, "g"), AddDataConnection(0, 24))
    book.expect(data(25, "other"))
    book.expect(events.ConnectionDown(21))


def test_a_peer_that_offers_no_trunking_gets_no_data_connections(book: Book) -> None:
    become_neighbor(book, 3, container="B", properties=OpenProperties(correlator="g"), offered=PLAIN)
    book.expect(data(21, "g"))


def test_an_outgoing_group_is_known_by_its_connector(book: Book) -> None:
    links = opened_with(book, 7, port_name="c1", container="B")
    for handle in links[:2]:
        book.send(LinkEstablished(handle, terminus(), terminus()))
    for connection, name in ((31, "c1"), (32, "c2")):
        facts = connection_facts(
            connection, role="inter-router-data", incoming=False, port_name=name, container="B"
        )
        expected = [AddDataConnection(0, connection)] if name == "c1" else []
        book.expect(events.ConnectionUp(facts), *expected)


def opened_with(book: Book, connection: int, **changes: object) -> list[int]:
    effects = book.send(events.ConnectionUp(between(connection, incoming=False, **changes)))
    handles = []
    for number, effect in enumerate(effects):
        assert isinstance(effect, OpenLink)
        book.send(events.LinkOpened(connection * 1000 + number, effect.name, effect.purpose))
        handles.append(connection * 1000 + number)
    return handles


def test_streams_on_a_data_connection_are_accepted_in_and_refused_out(book: Book) -> None:
    book.send(data(21, "g"))
    book.expect(
        attached(21, 100, outgoing=False), AcceptLink(100, LinkKind.STREAMING, 250, 250, annotated=True)
    )
    book.expect(
        attached(21, 101, outgoing=True),
        RejectLink(101, "qd:forbidden", "Connectivity to the node is forbidden"),
    )


@pytest.mark.parametrize(("role", "capability"), [("inter-router", DATA), ("inter-router-data", "")])
def test_a_wanted_streaming_link_is_opened_on_the_shared_session(
    book: Book, role: str, capability: str
) -> None:
    book.send(events.ConnectionUp(connection_facts(3, role=role)))
    (found,) = book.send(StreamingLinkWanted(3))
    assert isinstance(found, OpenLink)
    assert found.purpose == Purpose(3, LinkKind.STREAMING, outgoing=True, priority=4)
    assert (found.session, found.source, found.credit) == (11, Terminus(capability=capability), 0)
    assert found.target == found.source


def test_a_streaming_link_wanted_where_the_connection_is_gone_is_not_opened(book: Book) -> None:
    book.expect(StreamingLinkWanted(3))
