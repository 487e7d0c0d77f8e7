"""A recorder that keeps what it is told, in place of a router's telemetry."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from skrouter.router.vanflow.attributes import Attribute, RecordType, Value
from skrouter.router.vanflow.events import Given


class KeptRecords:
    """Records by number: type and attributes; `ended` has the numbers of those that are gone."""

    def __init__(self) -> None:
        self.kinds: dict[int, RecordType] = {}
        self.attributes: dict[int, dict[Attribute, Value]] = {}
        self.ended: list[int] = []
        self.polls: list[Callable[[], None]] = []
        self._numbers = itertools.count(1)

    def reserve(self) -> int:
        """Numbers are 1, 2, …"""
        return next(self._numbers)

    def identity(self, number: int) -> str:
        """Of this source."""
        return f"kept0:{number}"

    def begin(self, kind: RecordType, attributes: Given, number: int | None = None) -> int:
        """A record of a number that is reserved, or of the next one."""
        number = self.reserve() if number is None else number
        self.kinds[number] = kind
        self.attributes[number] = {}
        self.change(number, attributes)
        return number

    def change(self, number: int, attributes: Given) -> None:
        """None changes nothing."""
        known = {name: value for name, value in attributes.items() if value is not None}
        self.attributes[number].update(known)

    def end(self, number: int) -> None:
        """Twice is a mistake."""
        assert number not in self.ended
        self.ended.append(number)
