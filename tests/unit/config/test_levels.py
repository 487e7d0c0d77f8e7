"""The enable attribute of a log section."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.config.levels import LEVELS, InvalidLevelError, parse_enable


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("info+", {"info", "warning", "error", "critical"}),
        ("debug+", set(LEVELS)),
        ("critical+", {"critical"}),
        ("debug", {"debug"}),
        ("debug,error", {"debug", "error"}),
        ("debug error", {"debug", "error"}),
        ("debug;error", {"debug", "error"}),
        ("debug:error", {"debug", "error"}),
        (" info , error+ ", {"info", "error", "critical"}),
        ("INFO+", {"info", "warning", "error", "critical"}),
        ("warn+", {"warning", "error", "critical"}),
        ("trace", {"debug"}),
        ("trace+", set(LEVELS)),
        ("none", set()),
        ("none,error", {"error"}),
    ],
)
def test_a8_names_enable_their_levels_and_a_plus_those_above(text: str, levels: set[str]) -> None:
    assert parse_enable(text) == frozenset(levels)


@pytest.mark.parametrize("text", ["default", "DEFAULT", " default "])
def test_default_leaves_the_levels_to_the_default_module(text: str) -> None:
    assert parse_enable(text) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [("foo", "foo"), ("info+,bar", "bar"), ("", ""), (",", ","), ("+", "+"), ("notice", "notice")],
)
def test_a8_another_word_is_refused_in_the_words_of_the_reference(text: str, word: str) -> None:
    with pytest.raises(InvalidLevelError) as caught:
        parse_enable(text)
    assert str(caught.value) == (
        f"'{word}' is not a valid log level. "
        "Should be one of {none, debug, info, warning, error, critical}."
    )


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_known_levels_or_is_refused(text: str) -> None:
    try:
        levels = parse_enable(text)
    except InvalidLevelError:
        return
    assert levels is None or levels <= set(LEVELS)
