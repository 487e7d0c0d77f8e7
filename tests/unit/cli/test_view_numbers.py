"""Numbers stay with their key and are never used again."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from skrouter.cli.view_numbers import Numbers


def test_new_keys_are_numbered_in_their_order() -> None:
    numbers: Numbers[str] = Numbers()
    assert numbers.of(["b", "a"]) == {"b": 1, "a": 2}
    assert numbers.of(["a", "c"]) == {"a": 2, "c": 3}


def test_a_key_that_was_missing_once_gets_a_new_number() -> None:
    numbers: Numbers[str] = Numbers()
    numbers.of(["a"])
    numbers.of([])
    assert numbers.of(["a"]) == {"a": 2}


def test_two_kinds_with_one_count_have_no_number_in_common() -> None:
    count = itertools.count(5)
    first: Numbers[str] = Numbers(count)
    second: Numbers[str] = Numbers(count)
    assert first.of(["a"]) == {"a": 5}
    assert second.of(["a"]) == {"a": 6}


def test_a_number_leads_back_to_its_key_while_that_is_shown() -> None:
    numbers: Numbers[str] = Numbers()
    numbers.of(["a", "b"])
    assert numbers.key_of(2) == "b"
    numbers.of(["a"])
    assert numbers.key_of(2) is None


@given(st.lists(st.sets(st.integers(0, 9))))
def test_a_number_is_only_ever_one_key_s(listings: list[set[int]]) -> None:
    numbers: Numbers[int] = Numbers()
    owners: dict[int, int] = {}
    before: dict[int, int] = {}
    for listing in listings:
        shown = numbers.of(listing)
        assert shown.keys() == listing
        assert all(shown[key] == number for key, number in before.items() if key in shown)
        for key, number in shown.items():
            assert owners.setdefault(number, key) == key
        before = shown
