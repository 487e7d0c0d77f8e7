"""What closest and balanced must choose, in the plainest words (spec: routing-protocol §5.5, §5.6).

Belongs here: candidates with their load, and the choice. Does not: routers, links, messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(slots=True, eq=False)
class Consumer:
    """A consumer here. `queue`: whether each delivery that waits is pre-settled, oldest first."""

    capacity: int
    queue: list[bool] = field(default_factory=list)
    unsettled: int = 0
    moved: int = 0

    @property
    def load(self) -> int:
        """Everything that was given to it and is not over."""
        return len(self.queue) + self.unsettled + self.moved

    def take(self, presettled: bool) -> None:
        """One more waits. Beyond the capacity, pre-settled ones between first and newest are dropped."""
        self.queue.append(presettled)
        if presettled and len(self.queue) > self.capacity:
            self.queue[1:-1] = [other for other in self.queue[1:-1] if not other]

    def deliver(self, count: int) -> None:
        """The oldest go out; what is not pre-settled stays unsettled."""
        self.unsettled += self.queue[:count].count(False)
        del self.queue[:count]


@dataclass(slots=True, eq=False)
class Hop:
    """A next hop. `outstanding`: unsettled deliveries to the address that went this way."""

    capacity: int
    outstanding: int = 0


@dataclass(slots=True, eq=False)
class Remote:
    """A router with consumers, behind a next hop."""

    hop: Hop
    cost: int


def _from(items: list[_T], turn: int) -> list[_T]:
    turn %= max(len(items), 1)
    return items[turn:] + items[:turn]


@dataclass(slots=True)
class Choice:
    """An address with its candidates. Each choice may move the turns."""

    consumers: list[Consumer]
    remotes: list[Remote]
    consumer_turn: int = 0
    remote_turn: int = 0

    def closest(self) -> Consumer | Hop | None:
        """Consumers here in turn; else routers of the lowest cost in turn."""
        if self.consumers:
            return self._take_consumer(_from(self.consumers, self.consumer_turn)[0])
        if not self.remotes:
            return None
        lowest = min(remote.cost for remote in self.remotes)
        return self._take_remote(
            next(item for item in _from(self.remotes, self.remote_turn) if item.cost == lowest)
        )

    def balanced(self) -> Consumer | Hop | None:
        """An idle consumer here at once; else the least loaded with room; else the least loaded."""
        here = _from(self.consumers, self.consumer_turn)
        for consumer in here:
            if consumer.load == 0 and consumer.capacity > 0:
                return self._take_consumer(consumer)
        away = _from(self.remotes, self.remote_turn)
        room: list[tuple[int, Consumer | Remote]] = [
            (item.load, item) for item in here if item.load < item.capacity
        ]
        room += [
            (item.hop.outstanding + item.cost, item)
            for item in away
            if item.hop.outstanding < item.hop.capacity
        ]
        if room:
            return self._take(min(room, key=lambda pair: pair[0])[1])
        full: list[tuple[int, Consumer | Remote]] = [(item.load, item) for item in reversed(here)]
        full += [(item.hop.outstanding + item.cost, item) for item in away]
        return self._take(min(full, key=lambda pair: pair[0])[1]) if full else None

    def _take(self, found: Consumer | Remote) -> Consumer | Hop:
        return self._take_remote(found) if isinstance(found, Remote) else found

    def _take_consumer(self, consumer: Consumer) -> Consumer:
        self.consumer_turn = self.consumers.index(consumer) + 1
        return consumer

    def _take_remote(self, remote: Remote) -> Hop:
        self.remote_turn = self.remotes.index(remote) + 1
        return remote.hop
