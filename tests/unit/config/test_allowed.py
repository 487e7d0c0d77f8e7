"""Which addresses a list or a pattern allows to which user."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.config.allowed import USER, allowed

NAMES = st.text(alphabet="ab.*#/$-", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("names", "address", "user", "is_allowed"),
    [
        ("ok,okay*", "ok", "u", True),
        ("ok,okay*", "okay", "u", True),
        ("ok,okay*", "okay1", "u", True),
        ("ok,okay*", "ok1", "u", False),
        ("ok okay*", "forbidden", "u", False),
        ("*", "anything", "", True),
        ("", "anything", "u", False),
        (None, "", "u", False),
        ("a*b", "axb", "u", False),
        ("a*b", "a*b", "u", True),
        ("${user}", "bob", "bob", True),
        ("${user}", "bobby", "bob", False),
        ("${user}", "${user}", "bob", False),
        ("${user}-in", "bob-in", "bob", True),
        ("to-${user}", "to-bob", "bob", True),
        ("a-${user}-z", "a-bob-z", "bob", True),
        ("a-${user}-z", "a-eve-z", "bob", False),
        ("${user}*", "bob/x", "bob", True),
        ("tmp_${user}*", "tmp_bob9", "bob", True),
        ("${user}", "", "", False),
        ("${user}*", "anything", "", False),
        ("${user}", "anything", "*", False),
        ("x${user}", "xanything", "*", False),
        ("${user}", "*", "*", True),
    ],
)
def test_f3_a_list_allows(names: str | None, address: str, user: str, is_allowed: bool) -> None:
    assert allowed(names, None)(address, user) is is_allowed


@pytest.mark.parametrize(
    ("patterns", "address", "user", "is_allowed"),
    [
        ("#", "a/b/c", "", True),
        ("a.*", "a/b", "u", True),
        ("a.*", "a", "u", False),
        ("a/#", "a", "u", True),
        ("a/#/z", "a/b/c/z", "u", True),
        ("a/#/z", "a/b/c", "u", False),
        ("x, a/#", "a/b", "u", True),
        ("${user}/#", "bob/in", "bob", True),
        ("${user}/#", "eve/in", "bob", False),
        ("a/${user}", "a/bob", "bob", True),
        ("a/${user}", "a/bob/c", "bob", False),
        ("${user}/#", "bob@corp.example/in", "bob@corp.example", True),
        ("${user}/#", "bob@corp/in", "bob@corp.example", False),
        ("${user}", "anything", "*", False),
        ("${user}", "any/thing", "#", False),
        ("${user}", "", "", False),
        ("${user}/#", "", "", False),
        ("", "", "u", False),
        (None, "x", "u", False),
    ],
)
def test_f3_a_pattern_allows(patterns: str | None, address: str, user: str, is_allowed: bool) -> None:
    assert allowed(None, patterns)(address, user) is is_allowed


@pytest.mark.parametrize("pattern", ["a/${user}/b", "x${user}", "${user}/${user}", "a/${user}x", "/"])
def test_a_pattern_with_the_user_elsewhere_or_without_tokens_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        allowed(None, pattern)


@pytest.mark.parametrize(("names", "patterns"), [("a,*", None), (None, "a,#")])
def test_what_allows_everything_says_so(names: str | None, patterns: str | None) -> None:
    assert allowed(names, patterns).everything
    assert not allowed("a", None).everything


@given(st.lists(NAMES, max_size=4), NAMES)
def test_a_list_is_what_its_elements_say_one_by_one(names: list[str], address: str) -> None:
    def says(name: str) -> bool:
        return (
            re.fullmatch(re.escape(name.removesuffix("*")) + (".*" if name[-1] == "*" else ""), address)
            is not None
        )

    assert allowed(",".join(names), None)(address, "u") == any(says(name) for name in names)


@given(st.sampled_from([USER, f"{USER}/#", f"a/{USER}", f"{USER}/*"]), NAMES, NAMES)
def test_f3_a_user_is_never_a_wildcard_in_a_pattern(pattern: str, user: str, address: str) -> None:
    """As if the user's tokens were quoted."""
    parts = [one for one in re.split(r"[./]+", user) if one]
    expected = []
    for token in pattern.split("/"):
        if token == USER:
            expected += [re.escape(part) for part in parts]
        else:
            expected.append({"#": "(?:[^/]+/)*", "*": "[^/]+"}.get(token, token))
    form = "".join(one if one.endswith(")*") else f"{one}/" for one in expected)
    tokens = "".join(f"{one}/" for one in re.split(r"[./]+", address) if one)
    assert allowed(None, pattern)(address, user) == (re.fullmatch(form, tokens) is not None)
