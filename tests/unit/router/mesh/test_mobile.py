"""Mobile addresses: told step by step, copied step by step or whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.mesh.messages import AddressDescriptor, MobileAddressDifference, MobileAddressList
from skrouter.router.mesh.mobile import AddressChange, OwnAddresses, RemoteAddresses

FOO, BAR = AddressDescriptor("Mfoo", 3), AddressDescriptor("Mbar", 1)
NEW_FOO = AddressDescriptor("Mfoo", 3, in_links=2)


def test_nothing_pending_is_no_step() -> None:
    own = OwnAddresses()
    own.remove(["Mfoo"])
    assert own.advance() is None
    assert own.sequence == 0


def test_addresses_of_one_tick_are_one_step() -> None:
    own = OwnAddresses()
    own.add([FOO, BAR])
    assert own.advance() == AddressChange((FOO, BAR), ())
    own.remove(["Mbar"])
    own.add([NEW_FOO])
    assert own.advance() == AddressChange((NEW_FOO,), ("Mbar",))
    assert (own.sequence, own.listing()) == (2, (NEW_FOO,))


def test_address_that_came_and_went_between_ticks_is_not_told() -> None:
    own = OwnAddresses()
    own.add([FOO])
    own.remove(["Mfoo"])
    assert own.advance() is None
    own.add([FOO])
    own.advance()
    own.remove(["Mfoo"])
    own.add([FOO])
    assert own.advance() is None


def test_listing_has_only_what_its_number_covers() -> None:
    own = OwnAddresses()
    own.add([FOO])
    own.advance()
    own.add([BAR])
    assert (own.sequence, own.listing()) == (1, (FOO,))


@pytest.fixture
def copy() -> RemoteAddresses:
    """A copy at number 4 that holds foo."""
    remote = RemoteAddresses()
    remote.apply_list(MobileAddressList("B", 4, (FOO,)))
    return remote


def difference(number: int) -> MobileAddressDifference:
    """Bar comes, foo goes."""
    return MobileAddressDifference("B", number, (BAR,), ("Mfoo",))


@pytest.mark.parametrize(
    ("number", "change", "have", "behind"),
    [
        (3, AddressChange((), ()), 4, False),
        (4, AddressChange((), ()), 4, False),
        (5, AddressChange((BAR,), ("Mfoo",)), 5, False),
        (6, None, 4, True),
    ],
)
def test_only_the_next_step_is_made(
    copy: RemoteAddresses, number: int, change: AddressChange | None, have: int, behind: bool
) -> None:
    assert copy.apply_difference(difference(number)) == change
    assert (copy.sequence.have, copy.sequence.behind) == (have, behind)


@pytest.mark.parametrize(
    ("number", "change", "have"),
    [
        (3, AddressChange((), ()), 4),
        (4, AddressChange((BAR, NEW_FOO), ()), 4),
        (9, AddressChange((BAR, NEW_FOO), ()), 9),
    ],
)
def test_list_replaces_the_copy_unless_it_is_earlier(
    copy: RemoteAddresses, number: int, change: AddressChange, have: int
) -> None:
    assert copy.apply_list(MobileAddressList("B", number, (BAR, NEW_FOO))) == change
    assert copy.sequence.have == have


def test_list_tells_what_is_gone(copy: RemoteAddresses) -> None:
    assert copy.apply_list(MobileAddressList("B", 5, ())) == AddressChange((), ("Mfoo",))


def test_cleared_copy_is_behind_what_was_advertised(copy: RemoteAddresses) -> None:
    assert copy.clear()
    assert (copy.known, copy.sequence.have, copy.sequence.behind) == ({}, 0, True)
    assert not copy.clear()


KEYS = st.sampled_from(["Ma", "Mb", "Hc", "Nd"])
STEPS = st.lists(st.lists(st.tuples(KEYS, st.none() | st.integers(0, 4)), max_size=4), max_size=8)


@given(STEPS, st.sets(st.integers(0, 7)))
def test_copy_that_missed_steps_is_equal_after_a_list(
    steps: list[list[tuple[str, int | None]]], missed: set[int]
) -> None:
    own, remote, effect = OwnAddresses(), RemoteAddresses(), {}
    for number, step in enumerate(steps):
        for key, treatment in step:
            if treatment is None:
                own.remove([key])
            else:
                own.add([AddressDescriptor(key, treatment)])
        told = own.advance()
        if told is None or number in missed:
            continue
        message = MobileAddressDifference("B", own.sequence, told.added, told.removed)
        change = remote.apply_difference(message)
        if change is None:
            change = remote.apply_list(MobileAddressList("B", own.sequence, own.listing()))
        effect.update({address.key: address for address in change.added})
        for key in change.removed:
            del effect[key]
        assert effect == remote.known == {address.key: address for address in own.listing()}


def test_difference_tells_only_what_it_changes() -> None:
    addresses = RemoteAddresses()
    addresses.apply_list(MobileAddressList("B", 1, (AddressDescriptor("Ma"), AddressDescriptor("Mb"))))
    both = MobileAddressDifference(
        "B", 2, (AddressDescriptor("Ma"), AddressDescriptor("Mc", 2)), ("Mb", "Mb", "Munknown", "Mc")
    )
    change = addresses.apply_difference(both)
    assert change == AddressChange((AddressDescriptor("Mc", 2),), ("Mb",))
    assert addresses.known == {"Ma": AddressDescriptor("Ma"), "Mc": AddressDescriptor("Mc", 2)}
    assert addresses.sequence.have == 2
