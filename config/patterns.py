"""Address patterns (spec: router-config.md §4): which of many stands for an address. Treatment is elsewhere.

An address and a pattern are tokens separated by `.` or `/`. In a pattern, `*` stands for any one token and
`#` for any number, none included. The best of several matching patterns is found token by token: an exact
token goes before `*`, that before the end of the pattern, and that before `#`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

STAR, HASH = "*", "#"
MAX_TOKENS = 128
"""Tokens of one pattern; deeper ones would exhaust the stack of the search."""
_SEPARATORS = re.compile(r"[./]+")
_EXACT, _ONE, _END, _ANY = range(4)


def tokens(text: str) -> tuple[str, ...]:
    """The tokens of an address or pattern; separators at its ends do not count."""
    return tuple(token for token in _SEPARATORS.split(text) if token)


def pattern_tokens(pattern: str) -> tuple[str, ...]:
    """The tokens of a pattern, a run of `#` as one; ValueError if there are none or too many."""
    path = tokens(pattern)
    if not 0 < len(path) <= MAX_TOKENS:
        raise ValueError(f"pattern {pattern!r} has {len(path)} tokens, 1 to {MAX_TOKENS} are allowed")
    return tuple(
        token for index, token in enumerate(path) if token != HASH or path[index - 1 : index] != (HASH,)
    )


def prefix_pattern(prefix: str) -> str | None:
    """The pattern that a prefix stands for: `P/#`; None if the prefix has no tokens."""
    return "/".join((*tokens(prefix), HASH)) if tokens(prefix) else None


@dataclass(slots=True)
class _Node(Generic[T]):
    """What may follow the tokens that lead here; `entries` holds a value if a pattern ends here."""

    exact: dict[str, "_Node[T]"] = field(default_factory=dict)
    one: "_Node[T] | None" = None
    any: "_Node[T] | None" = None
    entries: list[T] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.exact or self.one or self.any or self.entries)


@dataclass(frozen=True, slots=True)
class _Found(Generic[T]):
    """A matching pattern's rank, tokens (to decide between equal ranks) and value."""

    rank: tuple[int, ...]
    path: tuple[str, ...]
    value: T

    def after(self, rank: int, token: str) -> "_Found[T]":
        return _Found((rank, *self.rank), (token, *self.path), self.value)


class PatternTable(Generic[T]):
    """Values by address pattern; the tree of tokens keeps `match` independent of the number of patterns."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, pattern: str, value: T) -> None:
        """Adds a pattern; ValueError if it has no tokens or is there already."""
        path = pattern_tokens(pattern)
        node = self._root
        for token in path:
            node = _child_or_new(node, token)
        if node.entries:
            raise ValueError(f"pattern {pattern!r} is already in the table")
        node.entries.append(value)
        self._size += 1

    def remove(self, pattern: str) -> T:
        """Removes a pattern and gives its value; KeyError if it is not there."""
        nodes = [self._root]
        path = pattern_tokens(pattern)
        for token in path:
            child = _child(nodes[-1], token)
            if child is None:
                raise KeyError(pattern)
            nodes.append(child)
        if not nodes[-1].entries:
            raise KeyError(pattern)
        value = nodes[-1].entries.pop()
        self._size -= 1
        _prune(nodes, path)
        return value

    def match(self, address: str) -> T | None:
        """The value of the best pattern for this address, None if no pattern matches."""
        found = _best(self._root, tokens(address), frozenset((0,)))
        return found.value if found else None


def _best(node: _Node[T], address: tuple[str, ...], positions: frozenset[int]) -> _Found[T] | None:
    """The best pattern below `node` for the rest of the address from any of these positions on.

    All positions that a `#` leaves open are followed together, so each node is looked at once.
    """
    exact = _best_exact(node, address, positions)
    if exact:
        return exact
    if node.one is not None:
        after_one = frozenset(position + 1 for position in positions if position < len(address))
        found = _best(node.one, address, after_one) if after_one else None
        if found:
            return found.after(_ONE, STAR)
    if node.entries and len(address) in positions:
        return _Found((_END,), (), node.entries[0])
    if node.any is not None:
        found = _best(node.any, address, frozenset(range(min(positions), len(address) + 1)))
        return found.after(_ANY, HASH) if found else None
    return None


def _best_exact(node: _Node[T], address: tuple[str, ...], positions: frozenset[int]) -> _Found[T] | None:
    following: dict[str, set[int]] = {}
    for position in positions:
        if position < len(address) and address[position] in node.exact:
            following.setdefault(address[position], set()).add(position + 1)
    found = [one.after(_EXACT, token) for token, one in _followed(node, address, following)]
    return min(found, key=lambda one: (one.rank, one.path), default=None)


def _followed(
    node: _Node[T], address: tuple[str, ...], following: dict[str, set[int]]
) -> Iterator[tuple[str, _Found[T]]]:
    for token, positions in following.items():
        found = _best(node.exact[token], address, frozenset(positions))
        if found:
            yield token, found


def _child(node: _Node[T], token: str) -> _Node[T] | None:
    if token == STAR:
        return node.one
    return node.any if token == HASH else node.exact.get(token)


def _child_or_new(node: _Node[T], token: str) -> _Node[T]:
    child = _child(node, token)
    if child is None:
        child = _Node()
        if token == STAR:
            node.one = child
        elif token == HASH:
            node.any = child
        else:
            node.exact[token] = child
    return child


def _prune(nodes: list[_Node[T]], path: tuple[str, ...]) -> None:
    """Takes out nodes that lead nowhere any more, from the end of the path."""
    for node, token, child in zip(reversed(nodes[:-1]), reversed(path), reversed(nodes), strict=False):
        if not child.is_empty:
            return
        if token == STAR:
            node.one = None
        elif token == HASH:
            node.any = None
        else:
            del node.exact[token]
