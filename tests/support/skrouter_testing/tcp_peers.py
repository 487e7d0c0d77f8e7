"""The two ends of a TCP connection through routers: a service behind a tcpConnector, and its clients."""

from __future__ import annotations

import hashlib
import random
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType

from skrouter_testing.process import HOST, PATIENCE, free_port

BLOCK = 1 << 20


class Service:
    """A listening socket whose connections the test takes and drives itself."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self._socket = socket.create_server((HOST, self.port), backlog=200)
        self._socket.settimeout(PATIENCE)

    def accept(self) -> socket.socket:
        """The next connection."""
        connection, _ = self._socket.accept()
        connection.settimeout(PATIENCE)
        return connection

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def connect(port: int) -> socket.socket:
    """A client's connection."""
    connection = socket.create_connection((HOST, port), PATIENCE)
    connection.settimeout(PATIENCE)
    return connection


def is_open(port: int) -> bool:
    """Whether someone listens; a connection that is taken is closed at once."""
    try:
        socket.create_connection((HOST, port), 1).close()
    except OSError:
        return False
    return True


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_all(connection: socket.socket) -> bytes:
    """Everything until the peer half-closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def wait_end(connection: socket.socket) -> str:
    """How the peer ended it: "closed" or "reset"; what comes before is thrown away."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        return "reset"
    return "closed"


@cache
def _material() -> bytes:
    return random.Random(9).randbytes(BLOCK)


@dataclass
class Pump:
    """Sends so many octets on a socket and reads until the peer's half-close, both at once, in one thread."""

    connection: socket.socket
    to_send: int
    seed: int
    sent: str = ""
    received: str = ""
    received_octets: int = 0
    seconds: float = 0.0
    failure: str = ""
    _sent_hash: hashlib._Hash = field(default_factory=hashlib.sha1)
    _received_hash: hashlib._Hash = field(default_factory=hashlib.sha1)

    def run(self) -> None:
        """Until both directions are at their end."""
        started = time.monotonic()
        try:
            self._run()
        except OSError as error:
            self.failure = str(error) or type(error).__name__
        self.seconds = time.monotonic() - started
        self.sent, self.received = self._sent_hash.hexdigest(), self._received_hash.hexdigest()

    def _run(self) -> None:
        self.connection.setblocking(False)
        position = self.seed
        unsent, reading = memoryview(b""), True
        while reading or self.to_send or unsent:
            writing = [self.connection] if self.to_send or unsent else []
            able = select.select([self.connection] if reading else [], writing, [], PATIENCE)
            if able == ([], [], []):
                raise TimeoutError(f"no octet moved for {PATIENCE:.0f} s")
            if able[0]:
                reading = self._read()
            if able[1]:
                if not unsent:
                    unsent, position = self._next(position)
                unsent = unsent[self.connection.send(unsent) :]
                if not unsent and not self.to_send:
                    self.connection.shutdown(socket.SHUT_WR)

    def _read(self) -> bool:
        octets = self.connection.recv(BLOCK)
        self._received_hash.update(octets)
        self.received_octets += len(octets)
        return bool(octets)

    def _next(self, position: int) -> tuple[memoryview, int]:
        start = position * 7919 % (BLOCK // 2)
        block = memoryview(_material())[start : start + min(BLOCK // 2, self.to_send)]
        self._sent_hash.update(block)
        self.to_send -= len(block)
        return block, position + 1


def exchange(client: socket.socket, server: socket.socket, octets: int, timeout: float) -> tuple[Pump, Pump]:
    """Both ends send `octets` at once and half-close; AssertionError unless each got what the other sent."""
    ends = Pump(client, octets, 1), Pump(server, octets, 2)
    threads = [threading.Thread(target=end.run, daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), (
            f"not through in {timeout:.0f} s: {[end.received_octets for end in ends]}"
        )
    for one, other in (ends, ends[::-1]):
        assert not one.failure, one.failure
        assert one.received_octets == octets, f"{one.received_octets} of {octets} octets arrived"
        assert one.received == other.sent, "octets were changed on the way"
    return ends
