"""AMQP peers driven by hand, frame by frame, on real sockets.

A peer does only what a test tells it: it attaches, gives credit, sends whole and partial deliveries, aborts,
settles, and vanishes; what it hears is kept. Nothing moves but in `Peer.turn`.

Belongs here: one connection with one session, as any container may use it. Does not: routers, and claims.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from skrouter.amqp import codec
from skrouter.amqp.types import Described, Symbol, UByte, UInt, ULong, UShort

from skrouter_testing import frames

AMQP_HEADER: Final = b"AMQP\x00\x01\x00\x00"
_PATIENCE: Final = 15.0
_MAX_FRAME: Final = 16384
_ROOM: Final = 16000
"""Octets of content in one transfer."""
_WINDOW: Final = 0x7FFFFFFF
_WHOLE_CREDIT: Final = 250

_TYPES: Final[dict[str, Callable[[Any], object]]] = {
    **dict.fromkeys(("channel-max", "remote-channel"), UShort),
    **dict.fromkeys(("snd-settle-mode", "rcv-settle-mode"), UByte),
    **dict.fromkeys(("max-message-size", "section-offset"), ULong),
    "condition": Symbol,
}
"""Of fields that have another type than their value shows; whole numbers are uint if nothing is said."""


def composite(performative: str, /, **fields: object) -> Described:
    """A composite value as `frames.composite` makes it, with AMQP's types for the fields' Python values."""
    code, names = frames.FIELDS[performative]
    given = {key.replace("_", "-"): value for key, value in fields.items()}
    assert given.keys() <= set(names), f"{performative} has no {given.keys() - set(names)}"
    last = max((names.index(key) for key in given), default=-1)
    return Described(ULong(code), [_typed(key, given.get(key)) for key in names[: last + 1]])


def _typed(name: str, value: object) -> object:
    if value is not None and name in _TYPES:
        return _TYPES[name](value)
    return UInt(value) if type(value) is int else value


def message(body: bytes = b"", *, to: str | None = None, priority: int | None = None) -> bytes:
    """The octets of a message with one data section."""
    octets = b""
    if priority is not None:
        octets += b"\x00\x53\x70\xc0\x04\x02\x40\x50" + bytes((priority,))
    if to is not None:
        text = to.encode()
        octets += b"\x00\x53\x73\xd0" + (len(text) + 11).to_bytes(4) + (3).to_bytes(4) + b"\x40\x40\xb1"
        octets += len(text).to_bytes(4) + text
    return octets + b"\x00\x53\x75\xb0" + len(body).to_bytes(4) + body


@dataclass(slots=True)
class Received:
    """One delivery that came to a peer."""

    number: int
    tag: bytes
    settled: bool
    octets: bytearray = field(default_factory=bytearray)
    size: int = 0
    complete: bool = False
    aborted: bool = False

    @property
    def content(self) -> bytes:
        """What has come so far."""
        return bytes(self.octets)


@dataclass(slots=True)
class Sent:
    """One delivery of a peer.

    states: (outcome's name or None, settled) of each disposition that came for it.
    """

    number: int
    states: list[tuple[str | None, bool]] = field(default_factory=list)
    fields: list[object] = field(default_factory=list)
    """The last outcome's fields."""

    @property
    def outcome(self) -> str | None:
        """The last state's name."""
        return self.states[-1][0] if self.states else None

    @property
    def is_settled(self) -> bool:
        """Whether the router has settled it."""
        return any(settled for _, settled in self.states)


@dataclass(slots=True)
class Link:
    """A peer's link. `credit`: what the router gave a sender, or what a receiver gave, and is unused."""

    peer: Peer
    handle: int
    is_sender: bool
    attach: dict[str, Any] | None = None
    detach: dict[str, Any] | None = None
    count: int = 0
    credit: int = 0
    flows: list[dict[str, Any]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    partial: Sent | None = None
    answers_drain: bool = True

    @property
    def address(self) -> str | None:
        """What the router's attach says of the terminus that the peer asked for."""
        assert self.attach is not None
        terminus = self.attach["target" if self.is_sender else "source"]
        return None if terminus is None else terminus.value[0]

    def send(self, content: bytes, *, settled: bool = False, more: bool = False) -> Sent:
        """Begin a delivery and send its content; `more`: it goes on with `go_on`."""
        sent = Sent(self.peer.next_delivery)
        self.peer.next_delivery += 1
        self.peer.sent[sent.number] = sent
        self.count += 1
        self.credit -= 1
        self._transfer(content, more, settled, sent.number)
        self.partial = sent if more else None
        return sent

    def go_on(self, content: bytes, *, more: bool = False, settled: bool | None = None) -> None:
        """More of the delivery that was begun."""
        assert self.partial is not None
        self._transfer(content, more, settled, None)
        if not more:
            self.partial = None

    def abort(self) -> None:
        """Give up the delivery that was begun."""
        assert self.partial is not None
        self.peer.queue("transfer", handle=self.handle, more=False, aborted=True)
        self.partial = None

    def _transfer(self, content: bytes, more: bool, settled: bool | None, number: int | None) -> None:
        parts = [content[at : at + _ROOM] for at in range(0, len(content), _ROOM)] or [b""]
        for index, part in enumerate(parts):
            first = number is not None and index == 0
            self.peer.queue(
                "transfer",
                payload=part,
                handle=self.handle,
                delivery_id=number if first else None,
                delivery_tag=(number or 0).to_bytes(8) if first else None,
                message_format=0 if first else None,
                settled=settled,
                more=more or index + 1 < len(parts),
            )

    def drained(self) -> None:
        """Give all credit back, as the router asks."""
        self.count += self.credit
        self.credit = 0
        self.peer.flow(self, drain=True)

    def give(self, credit: int, *, drain: bool = False) -> None:
        """Let the router send so many more."""
        self.credit += credit
        self.peer.flow(self, drain=drain)

    def settle(self, received: Received, outcome: str | None = "accepted", **fields: object) -> None:
        """Tell the outcome and settle."""
        self.peer.dispose(received.number, outcome, settled=True, **fields)
        received.settled = True

    def close(self, *, closed: bool = True) -> None:
        """Detach."""
        self.peer.queue("detach", handle=self.handle, closed=closed)


class Peer:
    """An AMQP container on a socket: one connection, one session."""

    def __init__(self, port: int, container: str = "peer", **fields: object) -> None:
        # Bound first: connect may choose the port of a connection to another listener; `host` would name two.
        self._socket = socket.create_connection(("127.0.0.1", port), _PATIENCE, ("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._in = bytearray()
        self._out = bytearray(AMQP_HEADER)
        self._queue: deque[tuple[str, bytes, dict[str, object]]] = deque()
        self._header_seen = False
        self.container = container
        self.host = "127.0.0.1:{1}".format(*self._socket.getsockname())
        self.octets_read = self.octets_written = 0
        self.reading = True
        self.keeps = True
        """Whether contents and frames are kept; else only how many octets have come."""
        self.alive = True
        self.next_delivery = 0
        self.links: list[Link] = []
        self.sent: dict[int, Sent] = {}
        self.frames: list[tuple[str, dict[str, Any]]] = []
        self._next_outgoing = 0
        self._window_end = 0
        self._next_incoming = 0
        self._begun = False
        self._channel: int | None = None
        self._by_handle: dict[int, Link] = {}
        self._current: dict[int, Received] = {}
        self._put("open", container_id=container, max_frame_size=_MAX_FRAME, **fields)
        self._put("begin", next_outgoing_id=0, incoming_window=_WINDOW, outgoing_window=_WINDOW)

    # --- what it says

    def attach(self, address: str | None, *, sender: bool, credit: int = 0, **fields: Any) -> Link:
        """Attach a link; a receiver gives credit with it."""
        link = Link(self, len(self.links), sender)
        self.links.append(link)
        source = composite("source", address=None if sender else address)
        target = composite("target", address=address if sender else None)
        more: dict[str, Any] = {"source": source, "target": target, **fields}
        if sender:
            more["initial_delivery_count"] = 0
        self.queue("attach", name=f"link-{link.handle}", handle=link.handle, role=not sender, **more)
        if credit:
            link.give(credit)
        return link

    def sender(self, address: str | None, **fields: Any) -> Link:
        """A link to an address; None: anonymous."""
        return self.attach(address, sender=True, **fields)

    def receiver(self, address: str | None, credit: int = 0, **fields: Any) -> Link:
        """A link from an address."""
        return self.attach(address, sender=False, credit=credit, **fields)

    def flow(self, link: Link, *, drain: bool = False) -> None:
        """Tell our state of a receiver's credit."""
        self.queue(
            "flow", handle=link.handle, delivery_count=link.count, link_credit=link.credit, drain=drain
        )

    def dispose(self, number: int, outcome: str | None, *, settled: bool, **fields: object) -> None:
        """A receiver's disposition."""
        state = composite(outcome, **fields) if outcome else None
        self.queue("disposition", role=True, first=number, settled=settled, state=state)

    def settle_sent(self, sent: Sent) -> None:
        """A sender's settlement without waiting for the outcome."""
        self.queue("disposition", role=False, first=sent.number, settled=True)

    def end(self) -> None:
        """End the session."""
        self.queue("end")

    def close(self) -> None:
        """Close the connection in good order."""
        self.queue("close")

    def kill(self) -> None:
        """Vanish."""
        self._socket.close()
        self.alive = False

    def beat(self) -> None:
        """Show that it lives: an empty frame."""
        self._out += frames.raw_frame(b"")

    def queue(self, name: str, /, *, payload: bytes = b"", **fields: object) -> None:
        """Send a frame when its turn comes: transfers wait for the router's session window."""
        given = {key: value for key, value in fields.items() if value is not None}
        self._queue.append((name, payload, given))

    def _put(self, name: str, payload: bytes = b"", /, **fields: object) -> None:
        self._out += frames.raw_frame(codec.encode(composite(name, **fields), codec.COMPACT) + payload)

    # --- moving octets

    def turn(self) -> bool:
        """Write and read what is possible; whether anything moved."""
        if not self.alive:
            return False
        self._fill()
        moved = self._write()
        return (self.reading and self._read()) or moved

    @property
    def is_writing(self) -> bool:
        """Whether octets wait for the socket or for the window."""
        return self.alive and bool(self._out or self._queue)

    def _fill(self) -> None:
        while self._begun and self._queue and len(self._out) < (1 << 18):
            name, payload, fields = self._queue[0]
            if name == "transfer":
                if self._next_outgoing >= self._window_end:
                    return
                self._next_outgoing += 1
            elif name == "flow":
                fields = {
                    "next_incoming_id": self._next_incoming,
                    "incoming_window": _WINDOW,
                    "next_outgoing_id": self._next_outgoing,
                    "outgoing_window": _WINDOW,
                    **fields,
                }
            self._queue.popleft()
            self._put(name, payload, **fields)

    def _write(self) -> bool:
        if not self._out:
            return False
        try:
            count = self._socket.send(self._out)
        except BlockingIOError:
            return False
        except OSError:
            self.kill()
            return True
        del self._out[:count]
        self.octets_written += count
        return count > 0

    def _read(self) -> bool:
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.kill()
            return True
        self.octets_read += len(data)
        self._in += data
        self._take()
        return True

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    # --- what it hears

    def _take(self) -> None:
        if not self._header_seen:
            if len(self._in) < len(AMQP_HEADER):
                return
            assert self._in.startswith(AMQP_HEADER), bytes(self._in[:8])
            del self._in[: len(AMQP_HEADER)]
            self._header_seen = True
        while len(self._in) >= 8 and len(self._in) >= (size := int.from_bytes(self._in[:4])):
            body = bytes(self._in[8:size])
            channel = int.from_bytes(self._in[6:8])
            del self._in[:size]
            if body:
                self._take_frame(body, channel)

    def _take_frame(self, body: bytes, channel: int) -> None:
        value, end = codec.decode(body)
        assert isinstance(value, Described)
        name = frames.NAMES[int(value.descriptor)]  # type: ignore[call-overload]
        listed = value.value
        assert isinstance(listed, list)
        fields: dict[str, Any] = dict.fromkeys(frames.FIELDS[name][1])
        fields.update(zip(frames.FIELDS[name][1], listed, strict=False))
        if name == "begin" and fields["remote-channel"] is not None:
            self._channel = channel
        if name not in ("open", "close") and channel != self._channel:
            return  # of a session that the router has begun for itself; it is left alone there
        if self.keeps:
            self.frames.append((name, fields))
        if (handler := getattr(self, f"_on_{name}", None)) is not None:
            handler(fields, body[end:])

    def _on_begin(self, fields: dict[str, Any], _payload: bytes) -> None:
        self._begun = True
        self._window_end = int(fields["incoming-window"])

    def _on_attach(self, fields: dict[str, Any], _payload: bytes) -> None:
        link = next((item for item in self.links if f"link-{item.handle}" == fields["name"]), None)
        if link is None:
            link = self._answer(fields)
        link.attach = fields
        self._by_handle[int(fields["handle"])] = link

    def _answer(self, fields: dict[str, Any]) -> Link:
        """The router attaches: agree, and give what it may want to send."""
        link = Link(self, len(self.links), bool(fields["role"]))
        self.links.append(link)
        count = 0 if link.is_sender else None
        self.queue(
            "attach",
            name=fields["name"],
            handle=link.handle,
            role=not link.is_sender,
            source=fields["source"],
            target=fields["target"],
            initial_delivery_count=count,
        )
        if not link.is_sender:
            link.give(_WHOLE_CREDIT)
        return link

    def _on_flow(self, fields: dict[str, Any], _payload: bytes) -> None:
        next_incoming = fields["next-incoming-id"]
        self._window_end = int(next_incoming or 0) + int(fields["incoming-window"])
        link = self._by_handle.get(fields["handle"]) if fields["handle"] is not None else None
        if link is None:
            return
        link.flows.append(fields)
        if link.is_sender:
            link.credit = int(fields["delivery-count"] or 0) + int(fields["link-credit"] or 0) - link.count
            if fields["drain"] and link.credit > 0 and link.answers_drain:
                link.drained()
        elif fields["delivery-count"] is not None:
            link.credit -= int(fields["delivery-count"]) - link.count
            link.count = int(fields["delivery-count"])

    def _on_transfer(self, fields: dict[str, Any], payload: bytes) -> None:
        self._next_incoming += 1
        handle = int(fields["handle"])
        link = self._by_handle[handle]
        received = self._current.get(handle)
        if received is None:
            received = Received(int(fields["delivery-id"]), bytes(fields["delivery-tag"]), False)
            self._current[handle] = received
            link.received.append(received)
            link.count += 1
            link.credit -= 1
        received.size += len(payload)
        if self.keeps:
            received.octets += payload
        received.settled = received.settled or bool(fields["settled"])
        received.aborted = bool(fields["aborted"])
        if received.aborted or not fields["more"]:
            received.complete = not received.aborted
            del self._current[handle]

    def _on_disposition(self, fields: dict[str, Any], _payload: bytes) -> None:
        first = int(fields["first"])
        last = first if fields["last"] is None else int(fields["last"])
        state = fields["state"]
        name = None if state is None else frames.NAMES[int(state.descriptor)]
        for number in range(first, last + 1):
            if fields["role"]:
                sent = self.sent[number]
                sent.states.append((name, bool(fields["settled"])))
                sent.fields = list(state.value) if state is not None else sent.fields
                continue
            for link in self.links:
                for item in link.received:
                    if item.number == number:
                        item.settled = item.settled or bool(fields["settled"])

    def _on_detach(self, fields: dict[str, Any], _payload: bytes) -> None:
        self._by_handle[int(fields["handle"])].detach = fields

    def heard(self, name: str) -> list[dict[str, Any]]:
        """All frames of this name."""
        return [fields for found, fields in self.frames if found == name]
