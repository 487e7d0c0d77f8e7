"""What a client's attach is answered: by address class, direction, treatment, and kind of terminus."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from skrouter.amqp.events import LinkDetached, RawTerminus
from skrouter.router.core import events
from skrouter.router.core.address_table import AddressRule
from skrouter.router.core.core import CoreConfig, RouterCore
from skrouter.router.core.effects import (
    AcceptLink,
    AllowCredit,
    Effect,
    LinkKind,
    LocalAddress,
    LocalAddressesChanged,
    PublishEntry,
    RejectLink,
    Treatment,
    WithdrawEntry,
)
from skrouter.router.core.links import capabilities_of
from skrouter_testing.playbook import Playbook, attached, connection_facts, terminus

BALANCED, CLOSEST, MULTICAST = Treatment.BALANCED, Treatment.CLOSEST, Treatment.MULTICAST
RULES = {"mc": AddressRule(MULTICAST), "none": AddressRule(Treatment.UNAVAILABLE)}
CLIENT, LINK = 3, 100
Book = Playbook[events.Event, Effect]
NOT_FOUND = RejectLink(LINK, "amqp:not-found", "Node not found")
NO_ROUTE = RejectLink(LINK, "qd:no-route-to-dest", "No route to the destination node")


def make_core(*, interior: bool = True, tenant: str | None = None) -> RouterCore:
    numbers: Iterator[int] = iter(range(10**6))
    return RouterCore(CoreConfig("A", interior, lambda: f"u{next(numbers)}", RULES.get, BALANCED, tenant))


@pytest.fixture
def core() -> RouterCore:
    return make_core()


@pytest.fixture
def book(core: RouterCore) -> Book:
    book: Book = Playbook(core.handle)
    book.send(events.ConnectionUp(connection_facts(CLIENT)))
    return book


def accept(**changes: object) -> AcceptLink:
    return AcceptLink(LINK, LinkKind.ENDPOINT, 250, **changes)  # type: ignore[arg-type]


RECEIVERS = [
    ("x", "Mx", BALANCED),
    ("/x", "Mx", BALANCED),
    ("mc", "Mmc", MULTICAST),
    ("_local/x", "Lx", BALANCED),
    ("_topo/0/A/x", "Lx", BALANCED),
    ("_topo/0/all/x", "Tx", BALANCED),
    ("_edge/E/x", "HE", BALANCED),
    ("_topo/1/B/x", "A1", BALANCED),
]


@pytest.mark.parametrize(("address", "key", "treatment"), RECEIVERS)
def test_a_receiver_becomes_a_consumer_of_its_address(
    book: Book, core: RouterCore, address: str, key: str, treatment: Treatment
) -> None:
    told = [LocalAddressesChanged(added=(LocalAddress(key, treatment, 0),))] if key[0] in "MH" else []
    book.expect(
        attached(CLIENT, LINK, outgoing=True, source=terminus(address)),
        PublishEntry(key, treatment),
        accept(key=key),
        *told,
    )
    assert core.table.addresses[key].consumers == {LINK}
    gone = [LocalAddressesChanged(removed=(key,))] if told else []
    book.expect(LinkDetached(LINK, True, "", ""), *gone, WithdrawEntry(key))


@pytest.mark.parametrize(("address", "key", "treatment"), RECEIVERS)
def test_a_sender_without_a_destination_is_accepted_and_its_credit_withheld(
    book: Book, core: RouterCore, address: str, key: str, treatment: Treatment
) -> None:
    book.expect(
        attached(CLIENT, LINK, outgoing=False, target=terminus(address, kind=2)),
        PublishEntry(key, treatment),
        accept(credit=250, key=key, withheld=True),
    )
    assert core.table.addresses[key].producers == {LINK}
    book.expect(LinkDetached(LINK, True, "", ""), WithdrawEntry(key))


@pytest.mark.parametrize(
    ("address", "answer"),
    [(None, NO_ROUTE), ("", NO_ROUTE), ("/", NO_ROUTE), ("_topo/0/B/x", NO_ROUTE), ("none", NOT_FOUND)],
)
def test_a_receiver_that_cannot_be_served_is_refused(
    book: Book, core: RouterCore, address: str | None, answer: RejectLink
) -> None:
    book.expect(attached(CLIENT, LINK, outgoing=True, source=terminus(address)), answer)
    assert core.table.addresses == core.links.by_handle == {}


@pytest.mark.parametrize("address", ["", "/", "none"])
def test_a_sender_to_nothing_or_to_an_unavailable_address_is_refused(
    book: Book, core: RouterCore, address: str
) -> None:
    book.expect(attached(CLIENT, LINK, outgoing=False, target=terminus(address, kind=2)), NOT_FOUND)
    assert core.table.addresses == core.links.by_handle == {}


def test_a_sender_may_send_to_another_router_that_is_known(book: Book) -> None:
    book.send(events.RouterKnown(1, "B"))
    book.expect(
        attached(CLIENT, LINK, outgoing=False, target=terminus("_topo/0/B/x", kind=2)),
        accept(credit=250, key="RB"),
    )


def test_an_anonymous_sender_has_credit_and_no_entry(book: Book, core: RouterCore) -> None:
    book.expect(attached(CLIENT, LINK, outgoing=False), accept(credit=250))
    assert core.table.addresses == {}
    book.expect(LinkDetached(LINK, True, "", ""))


def test_a_coordinator_is_refused(book: Book) -> None:
    (found,) = book.send(attached(CLIENT, LINK, outgoing=False, target=RawTerminus(3, *terminus_fields())))
    assert isinstance(found, RejectLink)
    assert found.condition == "amqp:not-implemented"


def terminus_fields() -> tuple[None, int, int, int, bool, int, bytes, bytes, bytes]:
    return (None, 0, 0, 0, False, 0, b"", b"", b"")


@pytest.mark.parametrize(
    ("interior", "tenant", "address", "key"),
    [
        (True, None, "amqp:/_topo/0/A/temp.u0", "Ltemp.u0"),
        (True, "van", "amqp:/_topo/0/A/van/temp.u0", "Lvan/temp.u0"),
        (False, None, "amqp:/_edge/A/temp.u1", "Ltemp.u1"),
    ],
)
def test_a_dynamic_source_gets_an_address_of_this_router(
    interior: bool, tenant: str | None, address: str, key: str
) -> None:
    book: Book = Playbook(make_core(interior=interior, tenant=tenant).handle)
    book.send(events.ConnectionUp(connection_facts(CLIENT)))
    book.expect(
        attached(CLIENT, LINK, outgoing=True, source=terminus(dynamic=True)),
        PublishEntry(key, BALANCED),
        accept(key=key, source_address=address),
    )


def test_a_dynamic_target_gets_a_mobile_address(book: Book) -> None:
    book.expect(
        attached(CLIENT, LINK, outgoing=False, target=terminus(kind=2, dynamic=True)),
        PublishEntry("M_$temp.u0", BALANCED),
        accept(credit=250, key="M_$temp.u0", target_address="amqp:/_$temp.u0", withheld=True),
    )


def test_two_dynamic_sources_have_different_addresses(book: Book) -> None:
    keys = set()
    for link in (1, 2, 3):
        for effect in book.send(attached(CLIENT, link, outgoing=True, source=terminus(dynamic=True))):
            if isinstance(effect, AcceptLink):
                keys.add(effect.key)
    assert len(keys) == 3


@pytest.mark.parametrize("strip", [False, True])
def test_b17_annotations_go_to_a_client_whose_connection_does_not_strip_them(
    core: RouterCore, strip: bool
) -> None:
    book: Book = Playbook(core.handle)
    book.send(events.ConnectionUp(connection_facts(CLIENT, strip_outbound=strip)))
    found = book.send(attached(CLIENT, LINK, outgoing=True, source=terminus("x")))
    assert accept(key="Mx", annotated=not strip) in found


def test_credit_follows_the_destinations(book: Book) -> None:
    def sender(link: int) -> object:
        return attached(CLIENT, link, outgoing=False, target=terminus("_local/x", kind=2))

    def receiver(link: int) -> object:
        return attached(CLIENT, link, outgoing=True, source=terminus("_local/x"))

    book.send(sender(1))  # type: ignore[arg-type]
    assert AllowCredit(1, True) in book.send(receiver(2))  # type: ignore[arg-type]
    (answer,) = book.send(sender(3))  # type: ignore[arg-type]
    assert isinstance(answer, AcceptLink)
    assert not answer.withheld
    book.expect(LinkDetached(2, True, "", ""), AllowCredit(1, False), AllowCredit(3, False))


def test_the_entry_is_published_before_the_link_is_accepted_and_credit_comes_behind_it(book: Book) -> None:
    book.send(attached(CLIENT, 1, outgoing=False, target=terminus("_local/x", kind=2)))
    book.expect(
        attached(CLIENT, LINK, outgoing=True, source=terminus("_local/x")),
        accept(key="Lx"),
        AllowCredit(1, True),
    )


def test_an_attach_on_a_connection_that_is_gone_is_not_answered(book: Book) -> None:
    book.expect(attached(99, LINK, outgoing=True, source=terminus("x")))


def test_a_detach_of_a_link_that_was_refused_means_nothing(book: Book) -> None:
    book.send(attached(CLIENT, LINK, outgoing=True, source=terminus("none")))
    book.expect(LinkDetached(LINK, True, "", ""))


@pytest.mark.parametrize(
    ("octets", "names"),
    [
        (b"", ()),
        (b"\xa3\x09qd.router", ("qd.router",)),
        (b"\xe0\x0c\x02\xa3\x04this\x04that", ("this", "that")),
        (b"\xa3\xff", ()),
        (b"\x42", ()),
    ],
)
def test_capabilities_that_cannot_be_read_count_as_none(octets: bytes, names: tuple[str, ...]) -> None:
    assert capabilities_of(RawTerminus(1, None, 0, 0, 0, False, 0, octets, b"", b"")) == names
