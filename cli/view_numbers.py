"""Small numbers for people in the place of long handles: pure."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Numbers(Generic[Key]):
    """A number for each key, the same for as long as the key is seen, never used again.

    `count` gives new numbers; shared by several kinds of things it makes them differ from each other.
    """

    def __init__(self, count: Iterator[int] | None = None) -> None:
        self._count = itertools.count(1) if count is None else count
        self._known: dict[Key, int] = {}

    def of(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The numbers of exactly these keys, new ones in their order; keys that are missing are forgotten."""
        known = self._known
        self._known = {key: known[key] if key in known else next(self._count) for key in keys}
        return dict(self._known)

    def key_of(self, number: int) -> Key | None:
        """The key that was last shown with this number; None if there is none."""
        return next((key for key, known in self._known.items() if known == number), None)
