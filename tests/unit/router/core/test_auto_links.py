"""autoLinks: every state with every input, retries, live changes, and what a link means for its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from skrouter.amqp.capabilities import OfferedCapabilities
from skrouter.amqp.events import LinkDetached, LinkEstablished
from skrouter.router.core import events
from skrouter.router.core.auto_links import AutoLinkStatus, State
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.effects import (
    AllowCredit,
    BindConsumer,
    DetachLink,
    Effect,
    LinkKind,
    LocalAddress,
    LocalAddressesChanged,
    OpenLink,
    PeerKind,
    PublishEntry,
    Purpose,
    SetPeer,
    StartTimer,
    Terminus,
    Treatment,
    Use,
    WithdrawEntry,
)
from skrouter.router.core.facts import AutoLink, ConnectionFacts
from skrouter_testing.playbook import Playbook, attached, connection_facts, terminus

BALANCED = Treatment.BALANCED
BROKER, NETWORK = "route-container", "inter-network"
CONNECTION, LINK, NEXT = 3, 100, 101
IN = AutoLink("in", True, "svc", None, "federation")
OUT = AutoLink("out", False, "svc", None, "federation")
REPLIES = AutoLink("replies", True, None, "_xtopo/net-A", "federation")
TIMER_IN = "autoLink in on connection 3"
Book = Playbook[events.Event, Effect]


@pytest.fixture
def core() -> RouterCore:
    numbers: Iterator[int] = iter(range(10**6))
    return RouterCore(CoreConfig("A", True, lambda: f"u{next(numbers)}", network="net-A"))


@pytest.fixture
def book(core: RouterCore) -> Book:
    return Playbook(core.handle)


def facts(connection: int = CONNECTION, role: str = NETWORK, **changes: object) -> ConnectionFacts:
    return connection_facts(connection, role=role, **{"port_name": "federation", **changes})


def purpose(config: AutoLink, connection: int = CONNECTION) -> Purpose:
    key = f"M{config.address}" if config.address else ""
    return Purpose(connection, LinkKind.ENDPOINT, not config.incoming, 4, Use.AUTO, config.name, key)


def opened(config: AutoLink, link: int = LINK, connection: int = CONNECTION) -> events.Event:
    return events.LinkOpened(link, "qdlink.u0", purpose(config, connection))


def established(link: int = LINK, *, refused: bool = False) -> events.Event:
    kind = 0 if refused else 1
    return LinkEstablished(link, terminus(kind=kind), terminus(kind=kind))


def detached(link: int = LINK) -> events.Event:
    return LinkDetached(link, True, "amqp:not-found", "no such queue")


def attaches(effects: list[Effect]) -> list[OpenLink]:
    return [effect for effect in effects if isinstance(effect, OpenLink)]


def status(core: RouterCore, name: str = "in") -> AutoLinkStatus:
    return core.auto_links.status(name)


# --- what is attached


def test_the_links_of_a_side_are_attached_in_the_order_of_their_configuration_on_one_session(
    book: Book,
) -> None:
    book.send(events.AutoLinkAdded(REPLIES))
    book.send(events.AutoLinkAdded(IN))
    book.expect(
        events.ConnectionUp(facts()),
        SetPeer(CONNECTION, PeerKind.INTER_NETWORK, streams=True),
        OpenLink(
            purpose=purpose(REPLIES),
            name="qdlink.u0",
            session=0,
            capacity=250,
            credit=250,
            source=Terminus("_xtopo/net-A"),
        ),
        OpenLink(
            purpose=purpose(IN),
            name="qdlink.u1",
            session=0,
            capacity=250,
            credit=250,
            source=Terminus("svc"),
            key="Msvc",
            address="svc",
            withheld=True,
        ),
    )


def test_an_outgoing_link_names_its_address_in_the_target(book: Book) -> None:
    book.send(events.AutoLinkAdded(OUT))
    _, link = book.send(events.ConnectionUp(facts()))
    assert link == OpenLink(
        purpose=purpose(OUT), name="qdlink.u0", session=0, capacity=250, credit=0, target=Terminus("svc")
    )


@pytest.mark.parametrize("incoming", [True, False])
def test_an_external_address_is_what_the_peer_hears_and_nobody_else(book: Book, incoming: bool) -> None:
    book.send(events.AutoLinkAdded(AutoLink("x", incoming, "here", "there", "federation")))
    (link,) = attaches(book.send(events.ConnectionUp(facts())))
    assert (link.source if incoming else link.target) == Terminus("there")
    assert (link.target if incoming else link.source) == Terminus()
    assert (link.key, link.address, link.purpose.key) == (
        ("Mhere", "here", "Mhere") if incoming else (None, None, "Mhere")
    )


@pytest.mark.parametrize(
    ("role", "strip_inbound", "strip_outbound", "annotated"),
    [
        (NETWORK, False, False, (True, True)),
        (BROKER, True, True, (False, False)),
        (BROKER, False, True, (True, False)),
        (BROKER, True, False, (False, True)),
    ],
)
def test_a_broker_sees_annotations_only_if_they_are_not_stripped(
    book: Book, role: str, strip_inbound: bool, strip_outbound: bool, annotated: tuple[bool, bool]
) -> None:
    for config in (IN, OUT):
        book.send(events.AutoLinkAdded(config))
    up = facts(role=role, strip_inbound=strip_inbound, strip_outbound=strip_outbound)
    found = attaches(book.send(events.ConnectionUp(up)))
    assert tuple(link.annotated for link in found) == annotated


@pytest.mark.parametrize(
    ("config", "matched"),
    [
        (AutoLink("x", True, "svc", port_name="federation"), True),
        (AutoLink("x", True, "svc", port_name="other"), False),
        (AutoLink("x", True, "svc", container="peer"), True),
        (AutoLink("x", True, "svc", container="federation"), False),
        (AutoLink("x", True, "svc"), False),
    ],
)
@pytest.mark.parametrize("first", ["link", "connection"])
def test_a_link_is_for_the_named_port_or_the_named_container(
    book: Book, config: AutoLink, matched: bool, first: str
) -> None:
    both = [events.AutoLinkAdded(config), events.ConnectionUp(facts(role=BROKER))]
    for event in both if first == "link" else reversed(both):
        book.send(event)
    assert len(attaches(book.seen)) == matched


@pytest.mark.parametrize("role", ["normal", "inter-router", "inter-router-data", "edge", "inter-edge"])
def test_other_roles_have_no_auto_links(book: Book, role: str) -> None:
    book.send(events.AutoLinkAdded(IN))
    found = attaches(book.send(events.ConnectionUp(facts(role=role))))
    assert [link for link in found if link.purpose.use is Use.AUTO] == []


def test_only_another_network_is_a_router_to_us_and_streams_if_it_offers_to(book: Book) -> None:
    book.expect(
        events.ConnectionUp(facts(role=BROKER)), SetPeer(CONNECTION, PeerKind.CONTAINER, streams=False)
    )
    plain = facts(4, offered=OfferedCapabilities())
    book.expect(events.ConnectionUp(plain), SetPeer(4, PeerKind.INTER_NETWORK, streams=False))


def test_each_connection_that_matches_has_a_link(book: Book, core: RouterCore) -> None:
    book.send(events.AutoLinkAdded(IN))
    for connection, link in ((3, 100), (4, 101)):
        assert len(attaches(book.send(events.ConnectionUp(facts(connection))))) == 1
        book.send(opened(IN, link, connection))
    book.send(established(101))
    assert status(core) == AutoLinkStatus(State.ACTIVE, 101)
    book.send(events.ConnectionDown(4))
    assert status(core) == AutoLinkStatus(State.ATTACHING, 100)


# --- what a link means for its address


def test_a_configured_address_exists_until_it_is_configured_no_longer(book: Book) -> None:
    book.expect(events.AutoLinkAdded(IN), PublishEntry("Msvc", BALANCED))
    book.expect(events.AutoLinkRemoved("in"), WithdrawEntry("Msvc"))


def test_an_incoming_link_has_credit_when_and_only_when_there_is_a_destination(book: Book) -> None:
    book.send(events.AutoLinkAdded(IN))
    book.send(events.ConnectionUp(facts()))
    book.send(opened(IN))
    book.send(established())
    book.send(events.ConnectionUp(connection_facts(9)))
    allowed = book.send(attached(9, 900, outgoing=True, source=terminus("svc")))
    assert AllowCredit(LINK, True) in allowed
    assert AllowCredit(LINK, False) in book.send(LinkDetached(900, True, "", ""))


def test_an_incoming_link_to_a_served_address_has_credit_at_once(book: Book) -> None:
    book.send(events.ConsumerBound("svc", 50))
    book.send(events.AutoLinkAdded(IN))
    (link,) = attaches(book.send(events.ConnectionUp(facts())))
    assert not link.withheld


def test_an_outgoing_link_consumes_once_the_peer_has_taken_it_and_others_are_told(book: Book) -> None:
    book.expect(events.AutoLinkAdded(OUT), PublishEntry("Msvc", BALANCED))
    book.send(events.ConnectionUp(facts()))
    book.expect(opened(OUT))
    told = LocalAddress("Msvc", BALANCED, 0)
    book.expect(established(), BindConsumer(LINK, "Msvc"), LocalAddressesChanged(added=(told,)))
    book.expect(
        detached(),
        LocalAddressesChanged(removed=("Msvc",)),
        StartTimer("autoLink out on connection 3", 2.0),
    )


def test_the_anonymous_link_belongs_to_no_address(book: Book, core: RouterCore) -> None:
    book.expect(events.AutoLinkAdded(REPLIES))
    book.send(events.ConnectionUp(facts()))
    book.expect(opened(REPLIES))
    book.expect(established())
    assert core.table.addresses == {}
    assert status(core, "replies").state is State.ACTIVE


def test_a_receiver_of_another_network_draws_what_is_addressed_there_and_others_are_told(
    book: Book, core: RouterCore
) -> None:
    book.send(events.ConnectionUp(facts()))
    effects = book.send(attached(CONNECTION, LINK, outgoing=True, source=terminus("_xtopo/net-B")))
    assert LocalAddressesChanged(added=(LocalAddress("Nnet-B", BALANCED, 0),)) in effects
    assert core.table.addresses["Nnet-B"].consumers == {LINK}


def test_an_address_that_names_nothing_is_told_in_the_status(book: Book, core: RouterCore) -> None:
    book.expect(events.AutoLinkAdded(AutoLink("in", True, "/", None, "federation")))
    assert attaches(book.send(events.ConnectionUp(facts()))) == []
    assert status(core) == AutoLinkStatus(last_error="address '/' names nothing")
    book.expect(events.AutoLinkRemoved("in"))


# --- every state and every input


def unconfigured(book: Book) -> None:
    book.send(events.ConnectionUp(facts()))


def inactive(book: Book) -> None:
    book.send(events.AutoLinkAdded(IN))


def attaching(book: Book) -> None:
    inactive(book)
    book.send(events.ConnectionUp(facts()))
    book.send(opened(IN))


def active(book: Book) -> None:
    attaching(book)
    book.send(established())


def failed(book: Book) -> None:
    attaching(book)
    book.send(detached())


def failed_again(book: Book) -> None:
    failed(book)
    book.send(events.TimerFired(TIMER_IN))
    book.send(opened(IN, NEXT))
    book.send(detached(NEXT))


def failed_after_success(book: Book) -> None:
    failed(book)
    book.send(events.TimerFired(TIMER_IN))
    book.send(opened(IN))
    book.send(established())
    book.send(detached())


INPUTS: dict[str, events.Event] = {
    "added": events.AutoLinkAdded(IN),
    "removed": events.AutoLinkRemoved("in"),
    "connection up": events.ConnectionUp(facts(4)),
    "connection down": events.ConnectionDown(CONNECTION),
    "established": established(),
    "refused": established(refused=True),
    "detached": detached(),
    "detached late": detached(999),
    "timer": events.TimerFired(TIMER_IN),
    "timer of another": events.TimerFired("autoLink in on connection 999"),
}
NOTHING, ATTACH, REATTACH, DETACH = "", "attach", "attach again", "detach"
RETRY = f"{TIMER_IN} in 2 s"
STATES: list[tuple[Callable[[Book], None], dict[str, tuple[str, State]]]] = [
    (
        unconfigured,
        {"added": (ATTACH, State.ATTACHING), "connection up": (NOTHING, State.INACTIVE)},
    ),
    (inactive, {"connection up": (ATTACH, State.ATTACHING)}),
    (
        attaching,
        {
            "added": (REATTACH, State.ATTACHING),
            "removed": (DETACH, State.INACTIVE),
            "connection up": (ATTACH, State.ATTACHING),
            "connection down": (NOTHING, State.INACTIVE),
            "established": (NOTHING, State.ACTIVE),
            "detached": (RETRY, State.FAILED),
        },
    ),
    (
        active,
        {
            "added": (REATTACH, State.ATTACHING),
            "removed": (DETACH, State.INACTIVE),
            "connection up": (ATTACH, State.ACTIVE),
            "connection down": (NOTHING, State.INACTIVE),
            "detached": (RETRY, State.FAILED),
        },
    ),
    (
        failed,
        {
            "added": (ATTACH, State.ATTACHING),
            "removed": (NOTHING, State.INACTIVE),
            "connection up": (ATTACH, State.ATTACHING),
            "connection down": (NOTHING, State.INACTIVE),
            "timer": (ATTACH, State.ATTACHING),
        },
    ),
]


def shown(effects: list[Effect]) -> str:
    """What the machine did, in a word."""
    opens, detaches = len(attaches(effects)), sum(isinstance(one, DetachLink) for one in effects)
    timers = [one for one in effects if isinstance(one, StartTimer)]
    assert (opens, detaches, len(timers)) <= (1, 1, 1)
    if timers:
        assert not opens
        assert not detaches
        return f"{timers[0].name} in {timers[0].delay:g} s"
    return {(0, 0): NOTHING, (1, 0): ATTACH, (0, 1): DETACH, (1, 1): REATTACH}[opens, detaches]


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize(("reach", "table"), STATES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_state_answers_every_input(
    core: RouterCore,
    book: Book,
    reach: Callable[[Book], None],
    table: dict[str, tuple[str, State]],
    name: str,
) -> None:
    reach(book)
    before = status(core).state
    expected = table.get(name, (NOTHING, before))
    assert (shown(book.send(INPUTS[name])), status(core).state) == expected


@pytest.mark.parametrize(
    ("reach", "delay"), [(failed, 2.0), (failed_again, 5.0), (failed_after_success, 2.0)]
)
def test_the_first_failure_is_retried_after_two_seconds_and_those_behind_it_after_five(
    core: RouterCore, book: Book, reach: Callable[[Book], None], delay: float
) -> None:
    reach(book)
    timers = [effect for effect in book.seen if isinstance(effect, StartTimer)]
    assert timers[-1] == StartTimer(TIMER_IN, delay)


def test_a_retry_is_the_same_attach_under_another_name(core: RouterCore, book: Book) -> None:
    failed(book)
    book.send(events.TimerFired(TIMER_IN))
    first, second = attaches(book.seen)
    assert (first.name, second.name) == ("qdlink.u0", "qdlink.u1")
    assert (first.purpose, first.source, first.key) == (second.purpose, second.source, second.key)


@pytest.mark.parametrize(
    ("condition", "description", "text"),
    [
        ("amqp:not-found", "no such queue", "amqp:not-found: no such queue"),
        ("amqp:not-found", "", "amqp:not-found"),
        ("", "", "detached by the peer"),
    ],
)
def test_the_last_error_is_kept_until_a_link_is_active(
    core: RouterCore, book: Book, condition: str, description: str, text: str
) -> None:
    attaching(book)
    book.send(LinkDetached(LINK, True, condition, description))
    assert status(core) == AutoLinkStatus(State.FAILED, None, text)
    book.send(events.TimerFired(TIMER_IN))
    book.send(opened(IN, NEXT))
    assert status(core) == AutoLinkStatus(State.ATTACHING, NEXT, text)
    book.send(established(NEXT))
    assert status(core) == AutoLinkStatus(State.ACTIVE, NEXT)


def test_a_removed_link_is_detached_and_leaves_nothing(core: RouterCore, book: Book) -> None:
    active(book)
    book.expect(events.AutoLinkRemoved("in"), DetachLink(LINK), WithdrawEntry("Msvc"))
    book.expect(detached())
    book.expect(events.TimerFired(TIMER_IN))
    assert core.links.by_handle == core.table.addresses == {}


def test_a_timer_of_a_link_that_has_been_replaced_does_not_attach_twice(core: RouterCore, book: Book) -> None:
    failed(book)
    book.send(events.AutoLinkAdded(IN))
    book.send(opened(IN, NEXT))
    book.expect(events.TimerFired(TIMER_IN))


def test_a_link_on_an_edge_router_counts_as_a_sender_of_it() -> None:
    """Its interior router must say whether the address leads anywhere."""
    core = RouterCore(CoreConfig("E", False, lambda: "u"))
    book: Book = Playbook(core.handle)
    book.send(events.AutoLinkAdded(IN))
    book.send(events.ConnectionUp(facts(7, "edge", port_name="up")))
    book.send(events.ConnectionUp(facts(role=BROKER)))
    (proxy,) = attaches(book.send(opened(IN)))
    assert (proxy.purpose.connection, proxy.target) == (7, Terminus("svc"))
