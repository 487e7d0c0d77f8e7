"""Address patterns against a search that tries every pattern and every way to match it."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.config.patterns import MAX_TOKENS, PatternTable, prefix_pattern, tokens

RANK = {"*": 1, "#": 3}
END = 2


def _matches(pattern: tuple[str, ...], address: tuple[str, ...]) -> bool:
    """By the definition: `#` takes any number of tokens."""
    if not pattern:
        return not address
    if pattern[0] == "#":
        return any(_matches(pattern[1:], address[taken:]) for taken in range(len(address) + 1))
    return bool(address) and pattern[0] in ("*", address[0]) and _matches(pattern[1:], address[1:])


def _best(patterns: list[str], address: str) -> str | None:
    """The pattern with the smallest list of ranks among all that match."""
    matching = [one for one in patterns if _matches(tokens(one), tokens(address))]
    return min(matching, key=_order, default=None)


def _order(pattern: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    return (*(RANK.get(token, 0) for token in tokens(pattern)), END), tokens(pattern)


def _table(patterns: list[str]) -> PatternTable[str]:
    table = PatternTable[str]()
    for pattern in patterns:
        table.add(pattern, pattern)
    return table


def _normal(path: list[str]) -> Iterator[str]:
    for index, token in enumerate(path):
        if token != "#" or index == 0 or path[index - 1] != "#":
            yield token


PATTERNS = st.lists(st.sampled_from("ab*#"), min_size=1, max_size=5).map(lambda path: "/".join(_normal(path)))
ADDRESSES = st.lists(st.sampled_from("abc"), max_size=6).map("/".join)


@pytest.mark.parametrize(
    ("patterns", "address", "best"),
    [
        (["a/b", "a/*", "a/#"], "a/b", "a/b"),
        (["a/*", "a/#"], "a/b", "a/*"),
        (["a/#"], "a/b", "a/#"),
        (["a/#"], "a", "a/#"),
        (["a", "a/#"], "a", "a"),
        (["a/#", "#"], "a/x/y", "a/#"),
        (["*/b", "a/#"], "a/b", "a/#"),
        (["a.b"], "a/b", "a.b"),
        (["a/b"], "/a.b/", "a/b"),
        (["a/*"], "a", None),
        (["a/*"], "a/b/c", None),
        (["#/b/#/c"], "a/b/b/x/c", "#/b/#/c"),
        (["a/b"], "A/b", None),
        (["#"], "", "#"),
        ([], "a", None),
        (["foo*"], "foo*", "foo*"),
        (["foo*"], "foobar", None),
    ],
)
def test_d2_the_most_exact_pattern_wins_token_by_token(
    patterns: list[str], address: str, best: str | None
) -> None:
    assert _table(patterns).match(address) == best
    assert _best(patterns, address) == best


@settings(deadline=None)
@given(patterns=st.lists(PATTERNS, unique=True, max_size=12), address=ADDRESSES)
def test_the_table_agrees_with_a_search_through_all_patterns(patterns: list[str], address: str) -> None:
    assert _table(patterns).match(address) == _best(patterns, address)


@settings(deadline=None)
@given(patterns=st.lists(PATTERNS, unique=True, min_size=1, max_size=12), address=ADDRESSES, data=st.data())
def test_a_removed_pattern_is_as_if_it_had_never_been_added(
    patterns: list[str], address: str, data: st.DataObject
) -> None:
    gone = data.draw(st.lists(st.sampled_from(patterns), unique=True))
    table = _table(patterns)
    for pattern in gone:
        assert table.remove(pattern) == pattern
    left = [one for one in patterns if one not in gone]
    assert table.match(address) == _best(left, address)
    assert len(table) == len(left)
    for pattern in left:
        table.remove(pattern)
    assert table.match(address) is None


def test_a_pattern_is_in_the_table_once_whatever_its_separators() -> None:
    table = _table(["a/#"])
    for again in ("a/#", "a.#", "/a/#/#"):
        with pytest.raises(ValueError, match="already"):
            table.add(again, again)


@pytest.mark.parametrize("pattern", ["", "/", "./.", "/".join("a" * (MAX_TOKENS + 1))])
def test_a_pattern_without_tokens_or_with_too_many_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="tokens"):
        _table([]).add(pattern, "")


@pytest.mark.parametrize("pattern", ["a", "a/b", "a/b/c/d", "#", "*"])
def test_removing_what_is_not_there_is_an_error(pattern: str) -> None:
    with pytest.raises(KeyError):
        _table(["a/b/c"]).remove(pattern)


def test_the_longest_pattern_and_a_long_address_are_matched() -> None:
    pattern = "/".join(["#", "a"] * (MAX_TOKENS // 2))
    assert _table([pattern]).match("/".join("a" * 1000)) == pattern


@pytest.mark.parametrize(
    ("prefix", "pattern"), [("a", "a/#"), ("/a.b/", "a/b/#"), ("", None), ("/", None), ("..", None)]
)
def test_a_prefix_stands_for_its_tokens_and_all_below(prefix: str, pattern: str | None) -> None:
    assert prefix_pattern(prefix) == pattern
