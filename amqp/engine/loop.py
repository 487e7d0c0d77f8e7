"""The poller as asyncio's selector: one wait for native descriptors and for Python's.

asyncio calls `select`; the engine does its native work in there and comes back when a descriptor of
Python's is ready, when control events are waiting, or when the time is up. Waiting events look to asyncio
like a readable descriptor, so a reader registered on `EngineSelector.events_fd` is called whenever there
are any.
"""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from skrouter.amqp import events
from skrouter.amqp.engine.poller import Engine

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

_IN, _OUT, _TROUBLE = 1, 4, 8 | 16
"""epoll's EPOLLIN, EPOLLOUT, EPOLLERR | EPOLLHUP."""


def _interest(mask: int) -> int:
    return (_IN if mask & selectors.EVENT_READ else 0) | (_OUT if mask & selectors.EVENT_WRITE else 0)


def _mask(found: int) -> int:
    mask = 0
    if found & (_IN | _TROUBLE):
        mask |= selectors.EVENT_READ
    if found & (_OUT | _TROUBLE):
        mask |= selectors.EVENT_WRITE
    return mask


class EngineSelector(selectors.BaseSelector):
    """A selector over an engine. Closing it closes the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._keys: dict[int, selectors.SelectorKey] = {}
        self.events_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        """Watch a descriptor of Python's."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if fd in self._keys:
            raise KeyError(f"descriptor {fd} is registered already")
        self._keys[fd] = key = selectors.SelectorKey(fileobj, fd, events, data)
        if fd != self.events_fd:
            self.engine.watch(fd, _interest(events))
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Watch it no longer."""
        fd = self._lookup(fileobj)
        key = self._keys.pop(fd)
        if fd != self.events_fd:
            self.engine.unwatch(fd)
        return key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        """Watch it for something else."""
        fd = self._lookup(fileobj)
        self._keys[fd] = key = selectors.SelectorKey(fileobj, fd, events, data)
        if fd != self.events_fd:
            self.engine.change(fd, _interest(events))
        return key

    def _lookup(self, fileobj: FileDescriptorLike) -> int:
        if isinstance(fileobj, int):
            return fileobj
        fd = fileobj.fileno()
        if fd >= 0:
            return fd
        for key in self._keys.values():
            if key.fileobj is fileobj:
                return key.fd
        raise KeyError(f"{fileobj!r} is not registered")

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """The key of a registered descriptor, by number or by object."""
        return self._keys[self._lookup(fileobj)]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Native work, then what is ready for Python."""
        ready = []
        for fd, found in self.engine.run(timeout):
            key = self._keys.get(fd)
            if key is not None and (mask := _mask(found) & key.events):
                ready.append((key, mask))
        if self.engine.pending and (key := self._keys.get(self.events_fd)) is not None:
            ready.append((key, selectors.EVENT_READ))
        return ready

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """The registered descriptors."""
        return self._keys  # type: ignore[return-value]  # ours are found by number only, as asyncio does

    def close(self) -> None:
        """Close the engine; what it watches belongs to others."""
        self._keys.clear()
        os.close(self.events_fd)
        self.engine.close()


class EngineLoop(asyncio.SelectorEventLoop):
    """asyncio on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine_selector = EngineSelector(engine)
        super().__init__(self._engine_selector)

    def handle_events(self, handler: Callable[[list[events.Event]], None]) -> None:
        """Call `handler` with the engine's events whenever there are any."""
        engine = self._engine_selector.engine

        def drain() -> None:
            handler([events.from_native(record) for record in engine.take_events()])

        self.add_reader(self._engine_selector.events_fd, drain)
