"""Lists and patterns of allowed addresses (spec: router-config.md §9: sources, targets and their patterns).

A list names addresses; `*` stands for any end, alone for every address; `${user}` for the user's name.
Patterns are those of config.patterns, with `${user}` as first or last token. A user's name is never read as
a wildcard.
"""

from collections.abc import Callable
from dataclasses import dataclass

from skrouter.config.patterns import HASH, STAR, pattern_tokens, tokens

USER = "${user}"
WILDCARD = "*"


def split(text: str | None) -> tuple[str, ...]:
    """The elements of a list separated by commas or spaces."""
    return tuple((text or "").replace(",", " ").split())


@dataclass(frozen=True, slots=True)
class _Name:
    """One element of a list, its wildcard cut off."""

    text: str
    open_end: bool
    of_user: bool

    def matches(self, address: str, user: str) -> bool:
        if self.of_user and not user:
            return False
        text = self.text.replace(USER, user) if self.of_user else self.text
        return address.startswith(text) if self.open_end else address == text


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One pattern by its tokens; `${user}` stands for all tokens of the user's name."""

    tokens: tuple[str, ...]

    def matches(self, address: str, user: str) -> bool:
        if USER in self.tokens and not user:
            return False
        return _walk(_steps(self.tokens, user), tokens(address))


@dataclass(frozen=True, slots=True)
class Allowed:
    """The addresses that a group may use. `everything`: whatever the address."""

    everything: bool
    _rules: tuple[_Name | _Pattern, ...]

    def __call__(self, address: str, user: str) -> bool:
        """Whether this user may use this address."""
        return self.everything or any(rule.matches(address, user) for rule in self._rules)


def allowed(names: str | None, patterns: str | None) -> Allowed:
    """What a list, or patterns in its place, allow; neither: nothing. ValueError for a bad pattern."""
    listed = split(names)
    if listed:
        return Allowed(WILDCARD in listed, tuple(_name(one) for one in listed))
    found = tuple(_Pattern(_pattern_tokens(one)) for one in split(patterns))
    return Allowed(any(one.tokens == (HASH,) for one in found), found)


def _name(text: str) -> _Name:
    open_end = text.endswith(WILDCARD)
    return _Name(text.removesuffix(WILDCARD), open_end, USER in text)


def _pattern_tokens(pattern: str) -> tuple[str, ...]:
    found = pattern_tokens(pattern)
    inner = found[1:-1]
    if pattern.count(USER) > 1 or USER in inner or any((USER in one) != (one == USER) for one in found):
        raise ValueError(f"pattern '{pattern}' may have {USER} as its first or its last token only")
    return found


_Step = tuple[bool, Callable[[str], bool]]
"""Whether it stands for any number of tokens, and whether it takes this token."""


def _steps(pattern: tuple[str, ...], user: str) -> list[_Step]:
    steps: list[_Step] = []
    for token in pattern:
        if token == USER:
            steps += [(False, part.__eq__) for part in tokens(user)]
        elif token in (STAR, HASH):
            steps.append((token == HASH, lambda _: True))
        else:
            steps.append((False, token.__eq__))
    return steps


def _walk(steps: list[_Step], address: tuple[str, ...]) -> bool:
    """Whether the steps lead from the first to behind the last token of the address."""
    places = {0}
    for repeats, takes in steps:
        if repeats:
            places = set(range(min(places), len(address) + 1))
        else:
            places = {place + 1 for place in places if place < len(address) and takes(address[place])}
        if not places:
            return False
    return len(address) in places
