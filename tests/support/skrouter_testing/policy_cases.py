"""The recorded cases of the reference's policy (tests/data/policy), and a client that lives them again.

Belongs here: what was recorded, and octets to and from one router. Does not: whether its answers are right.
"""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from skrouter.amqp import codec

from skrouter_testing.engines import Bench, Node

DATA: Final = Path(__file__).parents[2] / "data" / "policy"
ANONYMOUS: Final = bytes.fromhex(
    "414d5150030100000000002402010000005341c01702a309414e4f4e594d4f5553a009616e6f6e796d6f7573"
)
"""SASL header and init of the recorded client."""
HEADER: Final = bytes.fromhex("414d515000010000")

_STEP = re.compile(r"(client|router) (\d+) (\S+) ([0-9a-f]+)(?:\+(\d+))?")


@dataclass(frozen=True, slots=True)
class Step:
    """One header or frame."""

    by_client: bool
    connection: int
    time: float
    octets: bytes


@dataclass(slots=True)
class Case:
    """One case: its steps, and what this router answered, frame by frame as the recorded one."""

    title: str
    steps: list[Step]
    answers: dict[int, list[bytes]] = field(default_factory=dict)

    def expected(self, connection: int) -> list[bytes]:
        """The recorded router's frames."""
        return [one.octets for one in self.steps if one.connection == connection and not one.by_client]

    @property
    def connections(self) -> list[int]:
        """Numbers of its TCP connections, in order of their beginning."""
        return list(dict.fromkeys(step.connection for step in self.steps))


def cases() -> list[Case]:
    """All recorded cases."""
    found: list[Case] = []
    for line in (DATA / "cases.txt").read_text().split("\n"):
        if line.startswith("### ") and not line.startswith("### ..."):
            found.append(Case(line.removeprefix("### "), []))
        elif matched := _STEP.fullmatch(line):
            who, connection, time, octets, more = matched.groups()
            whole = bytes.fromhex(octets) + b"x" * int(more or 0)
            found[-1].steps.append(Step(who == "client", int(connection), float(time), whole))
    return found


def meaning(octets: bytes) -> str:
    """What a frame says, with its types, but for versions and names that a router makes up."""
    if octets[:4] == b"AMQP":
        return repr(octets)
    text = f"{octets[5]} ch={int.from_bytes(octets[6:8])} {codec.decode_one(octets[8:])!r}"
    text = re.sub(r"('version'\): )'[^']*'", r"\1'#'", text)
    return re.sub(r"temp\.[\w+]+", "temp.#", text)


def log_lines() -> list[str]:
    """The recorded router's log, without time stamps."""
    return (DATA / "log.txt").read_text().split("\n")


def outputs() -> dict[str, str]:
    """What the tools printed after the cases, by command."""
    blocks = re.split(r"(?m)^\$ ", (DATA / "outputs.txt").read_text())[1:]
    return {block.partition("\n")[0]: block.partition("\n")[2].strip("\n") for block in blocks}


class Client:
    """A TCP connection that says what it is told and keeps what it hears."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setblocking(False)
        self._in = bytearray()
        self.ended = False

    def say(self, octets: bytes) -> None:
        """Send; what the router does not want any more is lost."""
        if not self.ended:
            try:
                self._socket.sendall(octets)
            except (BrokenPipeError, ConnectionResetError):
                self.ended = True

    def heard(self) -> list[bytes]:
        """All headers and frames so far."""
        self._read()
        return list(_split(bytes(self._in)))

    def _read(self) -> None:
        while not self.ended:
            try:
                octets = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            except ConnectionResetError:
                octets = b""
            self.ended = not octets
            self._in += octets

    def is_ended(self) -> bool:
        """Whether the router has ended the connection."""
        self._read()
        return self.ended

    def close(self) -> None:
        """End the connection."""
        self.ended = True
        self._socket.close()


def _split(octets: bytes) -> Iterator[bytes]:
    at = 0
    while at + 8 <= len(octets):
        size = 8 if octets[at : at + 4] == b"AMQP" else int.from_bytes(octets[at : at + 4])
        if at + size > len(octets):
            return
        yield octets[at : at + size]
        at += size


class Replay:
    """A router that the cases happen to. `port`: of the listener they use."""

    def __init__(self, bench: Bench, node: Node, port: int) -> None:
        self.bench = bench
        self.node = node
        self.port = port
        self._clients: dict[int, Client] = {}

    def stop(self) -> None:
        """End the clients of a case that did not come to its end."""
        for client in self._clients.values():
            client.close()

    @property
    def current(self) -> int:
        """Connections that the router counts."""
        return self.node.router.policy.rules.totals.current

    def live_through(self, case: Case) -> None:
        """Let the client say what it said then, each time the router has said as much as then."""
        clients: dict[int, Client] = {}
        before = self.current
        self._clients = clients
        heard: dict[int, int] = dict.fromkeys(case.connections, 0)
        last = {step.connection: step for step in case.steps}
        for steps in _turns(case.steps):
            number = steps[0].connection
            if number not in clients:
                clients[number] = Client(self.port)
            client = clients[number]
            if steps[0].by_client:
                client.say(b"".join(step.octets for step in steps))
            else:
                heard[number] += len(steps)
                self._wait(lambda client=client, wanted=heard[number]: self._has(client, wanted), case.title)
            if last[number] is steps[-1]:
                self._wait(client.is_ended, f"{case.title}: the router does not end connection {number}")
                case.answers[number] = client.heard()
                clients.pop(number).close()
                self._wait(lambda: self.current == before + len(clients), "a connection stays")

    @staticmethod
    def _has(client: Client, wanted: int) -> bool:
        return len(client.heard()) >= wanted or client.ended

    def _wait(self, condition: object, what: str) -> None:
        assert callable(condition)
        self.bench.run_until(condition, what)

    def glance(self, port: int) -> None:
        """Connect, and go without a word."""
        processed = self.node.router.policy.rules.totals.processed
        Client(port).close()
        self._wait(lambda: self.node.router.policy.rules.totals.processed > processed, "not accepted")
        self._wait(lambda: self.current == 0, "a connection stays")

    def open(self, port: int, hostname: bytes = b"127.0.0.1") -> Client:
        """Another anonymous client, whose connection is open when this returns."""
        client = Client(port)
        performative = b"\x00\x53\x10\xc0" + bytes((6 + len(hostname), 2)) + b"\xa1\x01c\xa1"
        performative += bytes((len(hostname),)) + hostname
        client.say(ANONYMOUS + HEADER)
        client.say((8 + len(performative)).to_bytes(4) + b"\x02\x00\x00\x00" + performative)
        self._wait(lambda: len(client.heard()) >= 5, "no open")
        return client


def _turns(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """What one side said on one connection at one time."""
    for _, together in itertools.groupby(steps, lambda one: (one.by_client, one.connection, one.time)):
        yield list(together)
