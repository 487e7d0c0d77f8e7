"""What follows when an address's holders change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from skrouter.router.core.address_table import Address, AddressRule, AddressTable
from skrouter.router.core.effects import (
    AllowCredit,
    Effect,
    LocalAddress,
    LocalAddressesChanged,
    PublishEntry,
    SetEntryRouters,
    Treatment,
    WatchChanged,
    WithdrawEntry,
)

MULTICAST, CLOSEST, BALANCED, UNAVAILABLE = (
    Treatment.MULTICAST,
    Treatment.CLOSEST,
    Treatment.BALANCED,
    Treatment.UNAVAILABLE,
)
RULES = {"mc": AddressRule(MULTICAST), "high": AddressRule(BALANCED, 9), "none": AddressRule(UNAVAILABLE)}


def table(default: Treatment = BALANCED) -> AddressTable:
    return AddressTable(RULES.get, default)


def change(addresses: AddressTable, key: str, action: Callable[[Address], None]) -> list[Effect]:
    effects: list[Effect] = []
    with addresses.change(key, effects) as address:
        action(address)
    return effects


TREATMENTS = [
    ("Mx", None, BALANCED, AddressRule(BALANCED)),
    ("Mx", None, UNAVAILABLE, AddressRule(UNAVAILABLE)),
    ("Mx", 1, BALANCED, AddressRule(MULTICAST)),
    ("Mx", 2, UNAVAILABLE, AddressRule(CLOSEST)),
    ("Mx", 4, UNAVAILABLE, AddressRule(BALANCED)),
    ("Mx", 77, BALANCED, AddressRule(BALANCED)),
    ("Mmc", None, BALANCED, AddressRule(MULTICAST)),
    ("Mmc", 2, BALANCED, AddressRule(MULTICAST)),
    ("Mhigh", None, CLOSEST, AddressRule(BALANCED, 9)),
    ("Lmc", None, BALANCED, AddressRule(BALANCED)),
    ("HE", None, CLOSEST, AddressRule(BALANCED)),
    ("HE", None, MULTICAST, AddressRule(BALANCED)),
    ("L_edge", None, BALANCED, AddressRule(CLOSEST)),
    ("L_edge", None, MULTICAST, AddressRule(CLOSEST)),
    ("Lmc", None, UNAVAILABLE, AddressRule(BALANCED)),
    ("RB", None, UNAVAILABLE, AddressRule(CLOSEST)),
]


@pytest.mark.parametrize(("key", "hint", "default", "rule"), TREATMENTS)
def test_the_rule_goes_before_the_hint_and_the_hint_before_the_default(
    key: str, hint: int | None, default: Treatment, rule: AddressRule
) -> None:
    assert table(default).treatment_of(key, hint) == rule


def test_an_entry_is_published_once_and_withdrawn_with_its_last_holder() -> None:
    addresses = table()
    assert change(addresses, "Lx", lambda a: a.consumers.add(1)) == [PublishEntry("Lx", BALANCED)]
    assert change(addresses, "Lx", lambda a: a.consumers.add(2)) == []
    assert change(addresses, "Lx", lambda a: a.consumers.discard(1)) == []
    assert change(addresses, "Lx", lambda a: a.consumers.discard(2)) == [WithdrawEntry("Lx")]
    assert addresses.addresses == {}


def test_d3_a_rule_gives_the_entry_its_priority() -> None:
    assert change(table(), "Mhigh", lambda a: a.producers.add(1)) == [PublishEntry("Mhigh", BALANCED, 9)]


def test_credit_is_allowed_with_the_first_destination_and_kept_back_after_the_last() -> None:
    addresses = table()
    change(addresses, "Lx", lambda a: a.producers.update((7, 5)))
    assert change(addresses, "Lx", lambda a: a.consumers.add(1)) == [
        AllowCredit(5, True),
        AllowCredit(7, True),
    ]
    assert change(addresses, "Lx", lambda a: a.remotes.add(3)) == [SetEntryRouters("Lx", (3,))]
    assert change(addresses, "Lx", lambda a: a.consumers.discard(1)) == []
    assert change(addresses, "Lx", lambda a: a.remotes.discard(3)) == [
        SetEntryRouters("Lx", ()),
        AllowCredit(5, False),
        AllowCredit(7, False),
    ]


@pytest.mark.parametrize("key", ["Mx", "HE", "Nnet"])
def test_other_routers_hear_of_a_shared_address_at_its_first_and_last_consumer(key: str) -> None:
    addresses = table(BALANCED)
    local = LocalAddress(key, BALANCED, 0)
    assert change(addresses, key, lambda a: a.consumers.add(1)) == [
        PublishEntry(key, BALANCED),
        LocalAddressesChanged(added=(local,)),
    ]
    assert change(addresses, key, lambda a: a.consumers.add(2)) == []
    assert change(addresses, key, lambda a: a.producers.add(3)) == [
        LocalAddressesChanged(changed=(LocalAddress(key, BALANCED, 1),))
    ]
    assert change(addresses, key, lambda a: a.consumers.discard(2)) == []
    assert change(addresses, key, lambda a: a.consumers.discard(1)) == [
        AllowCredit(3, False),
        LocalAddressesChanged(removed=(key,)),
    ]


@pytest.mark.parametrize("key", ["Lx", "Tx", "RB", "A7"])
def test_other_routers_hear_nothing_of_an_address_that_is_not_shared(key: str) -> None:
    found = change(table(), key, lambda a: a.consumers.add(1))
    assert [effect for effect in found if isinstance(effect, LocalAddressesChanged)] == []


def test_a_remote_consumer_is_not_told_to_others() -> None:
    found = change(table(), "Mx", lambda a: a.remotes.add(1))
    assert found == [PublishEntry("Mx", BALANCED), SetEntryRouters("Mx", (1,))]


def test_a_watcher_hears_of_every_change_of_numbers_and_of_nothing_else() -> None:
    addresses = table()
    change(addresses, "Lx", lambda a: setattr(a, "watches", 1))
    assert change(addresses, "Lx", lambda a: a.consumers.add(1)) == [WatchChanged("x", 1, 0, 0, 0)]
    assert change(addresses, "Lx", lambda a: a.consumers.add(1)) == []
    assert change(addresses, "Lx", lambda a: a.producers.add(2))[-1] == WatchChanged("x", 1, 0, 0, 1)
    assert change(addresses, "Lx", lambda a: setattr(a, "endpoints", 2)) == [WatchChanged("x", 1, 2, 0, 1)]
    assert change(addresses, "Lx", lambda a: a.remotes.update((1, 2)))[-1] == WatchChanged("x", 1, 2, 2, 1)
    change(addresses, "Lx", lambda a: setattr(a, "watches", 0))
    assert change(addresses, "Lx", lambda a: a.consumers.clear()) == []


def test_a_permanent_address_stays_without_holders() -> None:
    addresses = table()
    change(addresses, "Lx", lambda a: setattr(a, "permanent", True))
    change(addresses, "Lx", lambda a: a.consumers.add(1))
    assert change(addresses, "Lx", lambda a: a.consumers.clear()) == []
    assert list(addresses.addresses) == ["Lx"]


def test_an_entry_that_is_treated_otherwise_from_now_on_is_published_again() -> None:
    addresses = table()
    change(addresses, "Mx", lambda a: a.producers.add(1))

    def add_endpoint(address: Address) -> None:
        address.endpoints += 1
        address.treatment = CLOSEST

    found = change(addresses, "Mx", add_endpoint)
    assert PublishEntry("Mx", CLOSEST) in found
