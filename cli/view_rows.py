"""Rows that are made when they are looked at: a page of a long table costs what the page costs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload

Key = TypeVar("Key")
Facts = TypeVar("Facts")


class LazyRows(Sequence[Facts], Generic[Key, Facts]):
    """The rows of these keys, in their order. `key_of` gives the key of an identity, or None."""

    def __init__(
        self,
        keys: Sequence[Key],
        row: Callable[[Key], Facts],
        key_of: Callable[[str], Key | None] | None = None,
    ) -> None:
        self._keys = keys
        self._row = row
        self._key_of = key_of

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, place: int) -> Facts: ...
    @overload
    def __getitem__(self, place: slice) -> list[Facts]: ...
    def __getitem__(self, place: int | slice) -> Facts | list[Facts]:
        if isinstance(place, slice):
            return [self._row(key) for key in self._keys[place]]
        return self._row(self._keys[place])

    def __iter__(self) -> Iterator[Facts]:
        return map(self._row, self._keys)

    def find(self, identity: str) -> Sequence[Facts]:
        """The row of this identity, if there is one; all rows where it cannot be told from the identity."""
        if self._key_of is None:
            return self
        key = self._key_of(identity)
        return [] if key is None else [self._row(key)]
