"""Many messages from one router to another through proton's own library, each checked: volume with proof.

Every message carries its number and a checksum of its body; the receiver must see exactly the encoded octets
of message 0, 1, 2, … Both ends live in one reactor, so what is under way can be bounded: pre-settled messages
may be dropped by a congested router, and must not be congested by the test.
"""

from __future__ import annotations

import math
import random
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from proton import Delivery
from proton.reactor import Container

MAX_SIZE = 10_000_000
MAX_UNDER_WAY = 120
"""Messages: less than half of the credit that a router gives."""
MAX_OCTETS_UNDER_WAY = 16_000_000
MAX_BUFFERED = 262_144
PULSE = 0.1
"""Seconds between looks at the clock."""

_PROPERTIES = b"\x00\x53\x73\xc0\x10\x02\x80"
_BINARY = b"\x00\x53\x75\xb0"


class TrafficError(AssertionError):
    """Something was lost, duplicated, reordered, changed or not accepted."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What went through, and in how many seconds."""

    messages: int
    octets: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.octets / 1e6:.0f} MB in {self.seconds:.1f} s: "
            f"{self.messages / self.seconds:.0f}/s, {self.octets / self.seconds / 1e6:.0f} MB/s"
        )


def log_uniform(source: random.Random, largest: int) -> int:
    """A size from 1 to `largest`, each order of magnitude as likely as the next."""
    return max(1, min(largest, round(math.exp(source.uniform(0, math.log(largest))))))


def sizes(source: random.Random, total: int, messages: int, largest_ones: int) -> list[int]:
    """Sizes of about `total` octets, in random order.

    `largest_ones` of MAX_SIZE, log-uniform ones up to it while there is room, small ones to fill the number.
    """
    chosen = [MAX_SIZE] * largest_ones
    octets, small = sum(chosen), 20_000
    reserve = 2_000 * messages
    while octets < total - reserve and len(chosen) < messages:
        chosen.append(log_uniform(source, MAX_SIZE))
        octets += chosen[-1]
    chosen += [log_uniform(source, small) for _ in range(messages - len(chosen))]
    source.shuffle(chosen)
    return chosen


@cache
def _material() -> memoryview:
    return memoryview(random.Random(2).randbytes(2 * MAX_SIZE))


def body(number: int, size: int) -> memoryview:
    """The body of a message: octets that differ from message to message."""
    start = number * 7919 % MAX_SIZE
    return _material()[start : start + size]


def head(number: int, size: int, checksum: int) -> bytes:
    """Properties with message-id and, as user-id, the checksum; then the start of one data section."""
    return (
        _PROPERTIES + struct.pack("!Q", number) + b"\xa0\x04" + struct.pack("!I", checksum) + _BINARY
    ) + struct.pack("!I", size)


HEAD_SIZE = len(head(0, 0, 0))


class _Exchange:
    """One sender and one receiver until all is through, or something is wrong."""

    def __init__(
        self,
        ports: tuple[int, int],
        address: str,
        plan: Sequence[int],
        settled: bool,
        known: Callable[[], None],
    ) -> None:
        self._known = known
        self.handlers: list[Any] = []
        self.ports, self.address, self.plan, self.settled = ports, address, plan, settled
        self.sent = self.received = self.accepted = 0
        self.octets_sent = self.octets_received = 0
        self.failure = ""
        self.deadline = math.inf
        self._content = bytearray()
        self._unsent = memoryview(b"")
        self._sender: Any = None
        self._connections: list[Any] = []
        self._container: Any = None

    def on_unhandled(self, name: str, event: Any) -> None:
        """Most events mean nothing here."""

    def on_reactor_init(self, event: Any) -> None:
        self._container = event.container
        receiver = self._session(self.ports[1]).receiver("traffic-in")
        receiver.source.address = self.address
        receiver.open()
        receiver.flow(1000)

    def _session(self, port: int) -> Any:
        connection = self._container.connect(f"amqp://127.0.0.1:{port}", reconnect=False)
        self._connections.append(connection)
        session = connection.session()
        session.open()
        return session

    def on_link_remote_open(self, event: Any) -> None:
        if event.link.is_receiver:
            self._known()
            self._sender = self._session(self.ports[0]).sender("traffic-out")
            self._sender.target.address = self.address
            self._sender.open()
            self._container.schedule(PULSE, self)

    def on_timer_task(self, _event: Any) -> None:
        if self.failure or self._done():
            return
        if time.monotonic() > self.deadline:
            self._fail("time is up")
            return
        self._send()
        self._container.schedule(PULSE, self)

    def on_link_flow(self, _event: Any) -> None:
        self._send()

    def on_selectable_writable(self, _event: Any) -> None:
        self._send()

    def _send(self) -> None:
        """Feed proton as much as a socket takes: it copies all that waits for every write."""
        sender = self._sender
        while sender is not None and sender.session.outgoing_bytes < MAX_BUFFERED:
            if self._unsent:
                sender.stream(bytes(self._unsent[:MAX_BUFFERED]))
                self._unsent = self._unsent[MAX_BUFFERED:]
                if not self._unsent:
                    self._finish(sender)
            elif sender.credit > 0 and self._may_send():
                self._begin(sender)
            else:
                return

    def _begin(self, sender: Any) -> None:
        size = self.plan[self.sent]
        self._unsent = body(self.sent, size)
        sender.delivery(str(self.sent))
        sender.stream(head(self.sent, size, zlib.crc32(self._unsent)))
        self.octets_sent += size

    def _finish(self, sender: Any) -> None:
        if self.settled:
            sender.current.settle()
        else:
            sender.advance()
        self.sent += 1

    def _may_send(self) -> bool:
        return (
            self.sent < len(self.plan)
            and not self.failure
            and self.sent - self.received < MAX_UNDER_WAY
            and self.octets_sent - self.octets_received < MAX_OCTETS_UNDER_WAY
        )

    def on_delivery(self, event: Any) -> None:
        delivery = event.delivery
        if event.link.is_sender:
            self._settled(delivery)
        elif delivery.aborted:
            self._fail(f"message {self.received} was aborted")
        elif delivery.readable:
            if delivery.pending:
                self._content += event.link.recv(delivery.pending)
            if not delivery.partial:
                self._arrived(event.link, delivery)
                self._send()

    def _settled(self, delivery: Any) -> None:
        if not delivery.settled:
            return
        if delivery.remote_state != Delivery.ACCEPTED:
            self._fail(f"message {delivery.tag} ended as {delivery.remote_state}")
        delivery.settle()
        self.accepted += 1
        self._close_if_done()

    def _arrived(self, link: Any, delivery: Any) -> None:
        self._verify(delivery)
        self._content = bytearray()
        link.advance()
        if not self.settled:
            delivery.update(Delivery.ACCEPTED)
        delivery.settle()
        link.flow(1)
        self._close_if_done()

    def _verify(self, delivery: Any) -> None:
        number = self.received
        if number >= len(self.plan):
            self._fail(f"a message more than the {number} that were sent")
            return
        size = self.plan[number]
        content = memoryview(self._content)
        expected = head(number, size, zlib.crc32(content[HEAD_SIZE:]))
        if content[:HEAD_SIZE] != expected or len(content) != HEAD_SIZE + size:
            self._fail(
                f"in place of message {number} of {size}: {len(content) - HEAD_SIZE} octets, "
                f"{bytes(content[:HEAD_SIZE]).hex()}, not {expected.hex()}"
            )
        if self.settled != delivery.settled:
            self._fail(f"message {number} came settled={delivery.settled}")
        self.received += 1
        self.octets_received += size

    def _done(self) -> bool:
        wanted = len(self.plan)
        return self.received >= wanted and (self.settled or self.accepted >= wanted)

    def _close_if_done(self) -> None:
        if self._done():
            self._close()

    def on_transport_error(self, event: Any) -> None:
        self._fail(f"connection lost: {event.transport.condition}")

    def on_connection_remote_close(self, event: Any) -> None:
        if not self._done():
            self._fail(f"connection closed: {event.connection.remote_condition}")
        event.connection.close()

    def on_link_remote_close(self, event: Any) -> None:
        self._fail(f"detached: {event.link.remote_condition}")

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or (
            f"{reason}; of {len(self.plan)} messages {self.sent} sent, "
            f"{self.received} received, {self.accepted} accepted"
        )
        self._close()

    def _close(self) -> None:
        for connection in self._connections:
            connection.close()


def carry(
    ports: tuple[int, int],
    address: str,
    plan: Sequence[int],
    *,
    settled: bool = False,
    timeout: float = 60.0,
    known: Callable[[], None] = lambda: None,
) -> Summary:
    """Send messages of these sizes from the first port to a receiver at the second, or TrafficError.

    `known()` waits until all routers in between know of the receiver: the first one may hear of it by
    another way than the messages take.
    """
    started = time.monotonic()
    exchange = _Exchange(ports, address, plan, settled, known)
    exchange.deadline = started + timeout
    Container(exchange).run()
    if exchange.failure:
        raise TrafficError(exchange.failure)
    return Summary(exchange.received, exchange.octets_received, time.monotonic() - started)
