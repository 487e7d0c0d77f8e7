"""Levels written back as text mean the same levels."""

from itertools import chain, combinations

import pytest
from skrouter.cli.view_settled import enable_text
from skrouter.config.levels import LEVELS, parse_enable

SUBSETS = list(chain.from_iterable(combinations(LEVELS, size) for size in range(len(LEVELS) + 1)))


@pytest.mark.parametrize("levels", SUBSETS)
def test_the_text_enables_the_same_levels(levels: tuple[str, ...]) -> None:
    assert parse_enable(enable_text(frozenset(levels))) == frozenset(levels)


def test_all_from_a_level_on_is_written_short() -> None:
    assert enable_text(frozenset(LEVELS[1:])) == "info+"
