"""A recording relay between two routers: octets pass unchanged and are kept, by connection and direction.

Belongs here: the relay and the frames in what it kept. Does not: what the frames mean (`captures`).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from skrouter_testing.process import HOST

HEADER = b"AMQP"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame or protocol header that passed. `dialled`: the side that had connected sent it."""

    connection: int
    dialled: bool
    channel: int
    octets: bytes

    @property
    def body(self) -> bytes:
        """What follows the frame header; empty for a keep-alive."""
        return self.octets[self.octets[4] * 4 :]


class Relay:
    """Listens on `port` and connects to `target` for all who come; `keeps` what passes, for `frames`."""

    def __init__(self, port: int, target: int, *, keeps: bool = True) -> None:
        self._keeps = keeps
        self._target = target
        self._kept: dict[tuple[int, bool], bytearray] = defaultdict(bytearray)
        self._sockets: list[socket.socket] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._is_cut = False
        self._listener = socket.create_server((HOST, port))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flowing.set()
        for each in (self._listener, *self._sockets):
            _shut(each)
        for thread in self._threads:
            thread.join(5)
        for each in (self._listener, *self._sockets):
            each.close()

    # --- what cables do

    def cut(self) -> None:
        """End all connections, and take no new ones until `mend`."""
        self._is_cut = True
        for each in self._sockets:
            _shut(each)

    def hold(self) -> None:
        """Pass nothing on and say nothing, until `mend`: what both ends send waits here."""
        self._flowing.clear()

    def mend(self) -> None:
        """Work as before."""
        self._is_cut = False
        self._flowing.set()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                dialled, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._is_cut:
                    raise ConnectionError("cut")
                listening = socket.create_connection((HOST, self._target))
            except OSError:
                dialled.close()
                continue
            self._sockets += [dialled, listening]
            for source, sink, side in ((dialled, listening, True), (listening, dialled, False)):
                thread = threading.Thread(target=self._pass, args=(source, sink, (number, side)), daemon=True)
                self._threads.append(thread)
                thread.start()
            number += 1

    def _pass(self, source: socket.socket, sink: socket.socket, key: tuple[int, bool]) -> None:
        try:
            while octets := source.recv(65536):
                if self._keeps:
                    self._kept[key] += octets
                self._flowing.wait()
                sink.sendall(octets)
        except OSError:
            pass  # one side is gone: the other shall know, and that is all a relay can do
        _shut(sink)

    def frames(self) -> Iterator[Frame]:
        """All whole frames so far, by connection and direction, in order within each."""
        for (connection, dialled), kept in sorted(self._kept.items()):
            yield from split(bytes(kept), connection, dialled)


def split(octets: bytes, connection: int = 0, dialled: bool = False) -> Iterator[Frame]:
    """The whole frames and protocol headers that the octets begin with."""
    at = 0
    while at + 8 <= len(octets):
        size = 8 if octets[at : at + 4] == HEADER else struct.unpack_from(">I", octets, at)[0]
        if at + size > len(octets):
            break
        frame = octets[at : at + size]
        yield Frame(connection, dialled, int.from_bytes(frame[6:8]), frame)
        at += size


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was shut already
