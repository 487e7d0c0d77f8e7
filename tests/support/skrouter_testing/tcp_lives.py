"""Random lives of TCP connections: each end sends, pauses, half-closes, resets; every octet is checked.

The octets of a direction are a fixed pattern, behind the eight octets that name a client's life, so that each
end can check without knowing the other. The law (`broken_laws`): what arrives is a prefix of what was sent;
an end that sees the end of the stream has all of it; ends that both half-close see no error; nothing hangs.
"""

from __future__ import annotations

import random
import selectors
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from skrouter_testing.process import HOST
from skrouter_testing.tcp_peers import reset
from skrouter_testing.traffic import log_uniform

NAME: Final = struct.Struct("!Q")
PATTERN_SIZE: Final = 1 << 20
LARGEST: Final = 1 << 20
LIFE_TIME: Final = 30.0
"""Seconds after which a life that has not ended hangs."""
ENDS: Final = ("half-close", "half-close", "half-close", "reset", "close")
_PATTERN: Final = random.Random(20).randbytes(PATTERN_SIZE)
_UNROLLED: Final = memoryview(_PATTERN + _PATTERN)


@dataclass(frozen=True, slots=True)
class Script:
    """What one end does: octets to send, and a pause after each; how it ends; how it reads."""

    sends: tuple[tuple[int, float], ...]
    end: str
    read_size: int
    read_pause: float


def make_script(source: random.Random, end: str | None = None) -> Script:
    """A script as the source has it; many are short, some send a megabyte."""
    sends = []
    for _ in range(source.randrange(6)):
        pause = source.random() * 0.05 if source.random() < 0.3 else 0.0
        sends.append((log_uniform(source, LARGEST), pause))
    slow = source.random() < 0.2
    return Script(
        tuple(sends),
        end or source.choice(ENDS),
        65536 if slow else 300 + log_uniform(source, 65536),
        source.random() * 0.02 if slow else 0.0,
    )


@dataclass(slots=True)
class End:
    """One end of a connection while it lives. `seen`: how the other one's stream ended here, '' so far."""

    connection: socket.socket
    script: Script
    deadline: float
    head: bytes = b""
    sent: int = 0
    received: int = 0
    first: bytearray = field(default_factory=bytearray)
    seen: str = ""
    finished: bool = False
    """It has ended its own output as its script says."""
    broken: str = ""
    awaits_name: bool = False
    resume_at: float = 0.0
    read_at: float = 0.0
    step: int = 0
    left: int = 0

    def __post_init__(self) -> None:
        self.connection.setblocking(False)
        self._begin_step()

    @property
    def over(self) -> bool:
        """Nothing more will happen here."""
        return self.connection.fileno() < 0

    def _begin_step(self) -> None:
        if self.step < len(self.script.sends):
            self.left = self.script.sends[self.step][0]

    def interest(self, now: float) -> int:
        """What to wait for."""
        wanted = 0
        if not self.seen and now >= self.read_at:
            wanted |= selectors.EVENT_READ
        if not self.finished and not self.awaits_name and now >= self.resume_at:
            wanted |= selectors.EVENT_WRITE
        return wanted

    def follow(self, script: Script) -> None:
        """Now it is known whose life this is."""
        self.script, self.step, self.awaits_name = script, 0, False
        self._begin_step()

    # --- writing

    def write(self, now: float) -> None:
        """One call of send, or the end."""
        if self.head and self.sent < len(self.head):
            self._send(self.head[self.sent :])
        elif self.step < len(self.script.sends):
            start = (self.sent - len(self.head)) % PATTERN_SIZE
            self.left -= self._send(_PATTERN[start : start + min(self.left, 1 << 16)])
            if self.left <= 0:
                self.resume_at = now + self.script.sends[self.step][1]
                self.step += 1
                self._begin_step()
        else:
            self._end_output()

    def _send(self, octets: bytes) -> int:
        try:
            count = self.connection.send(octets)
        except BlockingIOError:
            return 0
        except OSError:
            self._note_end("reset")
            self.finished = True
            return 0
        self.sent += count
        return count

    def _end_output(self) -> None:
        self.finished = True
        try:
            if self.script.end == "half-close":
                self.connection.shutdown(socket.SHUT_WR)
            elif self.script.end == "reset":
                reset(self.connection)
            else:
                self.connection.close()
        except OSError:
            self._note_end("reset")

    # --- reading

    def read(self, now: float) -> None:
        """One call of recv."""
        try:
            octets = self.connection.recv(self.script.read_size)
        except BlockingIOError:
            return
        except OSError:
            self._note_end("reset")
            return
        if not octets:
            self._note_end("end")
            return
        if self.script.read_pause:
            self.read_at = now + self.script.read_pause
        self._check(octets)

    def _check(self, octets: bytes) -> None:
        named = NAME.size if self.head == b"" else 0  # the client's stream begins with its name
        missing = max(0, named - self.received)
        self.first += octets[:missing]
        place = max(0, self.received - named) % PATTERN_SIZE
        rest = octets[missing:]
        if rest != _UNROLLED[place : place + len(rest)] and not self.broken:
            self.broken = f"octets from {self.received} on are not those that were sent"
        self.received += len(octets)

    def _note_end(self, how: str) -> None:
        self.seen = self.seen or how

    def close_if_done(self) -> None:
        """When both directions have ended, or nothing can be sent or heard any more."""
        if not self.over and self.seen and (self.finished or self.seen == "reset"):
            self.finished = True
            self.connection.close()


@dataclass(slots=True)
class Life:
    """A client, its script and its service's; `server` is None until the service has seen the name."""

    name: int
    client: End
    server_script: Script
    server: End | None = None


def broken_laws(life: Life) -> list[str]:
    """What is wrong with a life that has ended."""
    ends = [("client", life.client, life.server)]
    if life.server is not None:
        ends.append(("server", life.server, life.client))
    wrong = [f"{name}: {end.broken}" for name, end, _ in ends if end.broken]
    for name, end, other in ends:
        if other is None:
            continue
        if end.received > other.sent:
            wrong.append(f"{name} got {end.received} of {other.sent} octets")
        if end.seen == "end" and end.received != other.sent:
            wrong.append(f"{name} saw the end after {end.received} of {other.sent} octets")
        if end.seen == "end" and other.script.end == "reset":
            wrong.append(f"{name} saw an end, but the other end has reset")
        if {end.script.end, other.script.end} == {"half-close"} and end.seen != "end":
            wrong.append(f"{name} saw '{end.seen}', but both ends half-closed")
    if life.server is None and life.client.script.end == "half-close":
        wrong.append(f"the service never saw this client, which saw '{life.client.seen}'")
    return wrong


class Lives:
    """Runs lives against ports of a tcpListener; `service` listens for the tcpConnector."""

    def __init__(self, service: socket.socket, ports: list[int], source: random.Random) -> None:
        self._service = service
        self._ports = ports
        self._source = source
        self._selector = selectors.DefaultSelector()
        self._lives: dict[int, Life] = {}
        self._nameless: list[End] = []
        self._live: list[End] = []
        self.failures: list[str] = []

    def run(self, count: int, together: int) -> None:
        """Live `count` lives; what went wrong is in `failures`."""
        self._service.setblocking(False)
        self._selector.register(self._service, selectors.EVENT_READ)
        names = deque(range(count))
        try:
            while names or self._live:
                while names and sum(not life.client.over for life in self._lives.values()) < together:
                    self._begin(names.popleft())
                self._turn()
                self._bury()
        finally:
            for end in self._live:
                end.connection.close()
            self._selector.close()
        for life in self._lives.values():
            self.failures += [f"life {life.name}: {law}; {self._tell(life)}" for law in broken_laws(life)]

    def _begin(self, name: int) -> None:
        port = self._ports[name % len(self._ports)]
        client_script, server_script = make_script(self._source), make_script(self._source)
        connection = socket.create_connection((HOST, port), LIFE_TIME)
        end = End(connection, client_script, time.monotonic() + LIFE_TIME, head=NAME.pack(name))
        self._lives[name] = Life(name, end, server_script)
        self._live.append(end)

    def _accept(self) -> None:
        try:
            connection, _ = self._service.accept()
        except BlockingIOError:
            return
        greeting = Script((), "half-close", 65536, 0.0)
        end = End(connection, greeting, time.monotonic() + LIFE_TIME)
        end.awaits_name = True
        self._nameless.append(end)
        self._live.append(end)

    def _turn(self) -> None:
        now = time.monotonic()
        for end in self._live:
            self._watch(end, now)
        for key, events in self._selector.select(0.005):
            if key.data is None:
                self._accept()
                continue
            if events & selectors.EVENT_READ:
                key.data.read(now)
            if events & selectors.EVENT_WRITE and not key.data.over and key.data.seen != "reset":
                self._selector.unregister(key.fileobj)
                key.data.write(now)
        self._name_the_nameless()

    def _watch(self, end: End, now: float) -> None:
        """Have the selector wait for what this end wants now."""
        if end.over:
            return
        wanted = end.interest(now)
        key = self._selector.get_map().get(end.connection)
        if key is not None and wanted:
            if key.events != wanted:
                self._selector.modify(end.connection, wanted, end)
        elif key is not None:
            self._selector.unregister(end.connection)
        elif wanted:
            self._selector.register(end.connection, wanted, end)

    def _name_the_nameless(self) -> None:
        for end in list(self._nameless):
            if len(end.first) == NAME.size:
                life = self._lives[NAME.unpack(end.first)[0]]
                life.server = end
                end.follow(life.server_script)
                self._nameless.remove(end)
            elif end.seen:
                end.awaits_name = False
                self._nameless.remove(end)

    def _bury(self) -> None:
        now = time.monotonic()
        for end in self._live:
            if end.seen:
                self._forget(end)
                end.close_if_done()
            if not end.over and now > end.deadline:
                self.failures.append(f"hangs: {self._describe(end)}")
                self._forget(end)
                end.connection.close()
        self._live = [end for end in self._live if not end.over]

    def _forget(self, end: End) -> None:
        if not end.over and end.connection.fileno() in self._selector.get_map():
            self._selector.unregister(end.connection)

    def _tell(self, life: Life) -> str:
        return f"client {life.client.script}, service {life.server_script}"

    def _describe(self, end: End) -> str:
        role = "client" if end.head else "service"
        return (
            f"{role} sent {end.sent}, received {end.received}, finished {end.finished}, saw '{end.seen}', "
            f"{end.script}"
        )
