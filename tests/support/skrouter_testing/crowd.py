"""Many TCP connections at once: services that hold what they accept, and clients that stay."""

from __future__ import annotations

import selectors
import socket
import threading
from types import TracebackType

from skrouter_testing.process import HOST, PATIENCE


class Holders:
    """Services by name, on one thread: each says its name, echoes what it hears, closes after its client."""

    def __init__(self, names: str) -> None:
        self.held = dict.fromkeys(names, 0)
        self.ports: dict[str, int] = {}
        self._selector = selectors.DefaultSelector()
        self._stopped = False
        for name in names:
            listening = socket.create_server((HOST, 0), backlog=4096)
            listening.setblocking(False)
            self.ports[name] = listening.getsockname()[1]
            self._selector.register(listening, selectors.EVENT_READ, name)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Holders:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _run(self) -> None:
        while not self._stopped:
            for key, _ in self._selector.select(0.1):
                if key.data is not None:
                    self._accept(key.fileobj, key.data)
                else:
                    self._answer(key.fileobj)

    def _accept(self, listening: object, name: str) -> None:
        assert isinstance(listening, socket.socket)
        for _ in range(100):
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return
            self.held[name] += 1
            connection.setblocking(False)
            connection.send(name.encode())
            self._selector.register(connection, selectors.EVENT_READ)

    def _answer(self, connection: object) -> None:
        assert isinstance(connection, socket.socket)
        try:
            octets = connection.recv(4096)
            if octets:
                connection.send(octets)
                return
        except OSError:
            pass
        self._selector.unregister(connection)
        connection.close()


def gather(port: int, count: int) -> list[socket.socket]:
    """So many clients, each of which has heard its service's name."""
    clients = [socket.create_connection((HOST, port), PATIENCE) for _ in range(count)]
    for client in clients:
        assert client.recv(1), "closed before it was served"
    return clients


def ask(client: socket.socket, octets: bytes = b"ping") -> None:
    """One question and its echo."""
    client.sendall(octets)
    answer = b""
    while len(answer) < len(octets):
        part = client.recv(4096)
        assert part, "closed before the answer"
        answer += part
    assert answer == octets
