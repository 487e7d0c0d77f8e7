"""AMQP connections below routing: open, close, idle time-outs, frames in pieces, and their ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from skrouter.amqp import events
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.events import from_native
from skrouter.router.forwarder.forwarder import Forwarder
from skrouter_testing import frames
from skrouter_testing.peers import AMQP_HEADER, composite

EventT = TypeVar("EventT", bound=events.Event)
PATIENCE = 10.0
FRAME = 16384
CHANNELS = 100
WINDOW = 64
WHEEL_TICK = 0.1
"""Seconds: the resolution of the engine's alarms."""
SLACK = 1.0
"""Seconds that a busy machine may add."""
_kept: list[object] = []
"""Engines must outlive their forwarders, in whatever order the garbage collector finds them."""


class Side:
    """An engine with one accepted or dialled connection, and the raw socket of its peer."""

    def __init__(self, *, incoming: bool = True) -> None:
        self.engine = Engine()
        self.forwarder = Forwarder(self.engine, "A", True)
        _kept.extend((self.engine, self.forwarder))
        self.connections = Connections(self.engine)
        self.seen: list[events.Event] = []
        listening = socket.create_server(("127.0.0.1", 0))
        if incoming:
            listening.setblocking(False)
            port = listening.getsockname()[1]
            self.listener = self.connections.listen(listening.detach())
            self.peer = socket.create_connection(("127.0.0.1", port))
        else:
            ours = socket.socket()
            ours.setblocking(False)
            ours.connect_ex(listening.getsockname())
            self.peer, _ = listening.accept()
            listening.close()
            self.connections.connect(ours.detach())
        self.peer.setblocking(False)
        self.received = b""
        ready = self.wait_for(events.StreamReady)
        self.handle = ready.connection

    def turn(self, timeout: float = 0.01) -> None:
        """One run of the engine; then the peer reads."""
        self.engine.run(timeout)
        self.seen += [from_native(record) for record in self.engine.take_events()]
        if self.peer.fileno() < 0:
            return
        try:
            while data := self.peer.recv(1 << 16):
                self.received += data
        except (BlockingIOError, ConnectionResetError):
            pass

    def run_until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.seen} {self.received!r}"
            self.turn()

    def wait_for(self, kind: type[EventT]) -> EventT:
        """The first event of this kind."""

        def found() -> list[EventT]:
            return [event for event in self.seen if isinstance(event, kind)]

        self.run_until(found, f"no {kind.__name__}")
        return found()[0]

    def begin(self, data: bytes = AMQP_HEADER, *, idle_timeout: int = 0) -> None:
        """Begin AMQP; `data` is what the handshake has left."""
        self.forwarder.adopt(self.handle)
        self.connections.start_amqp(self.handle, data, FRAME, CHANNELS, idle_timeout, WINDOW, "A")

    def open(self, **fields: object) -> events.ConnectionOpened:
        """Begin, and exchange opens."""
        self.begin()
        self.say("open", container_id="peer", **fields)
        opened = self.wait_for(events.ConnectionOpened)
        self.connections.open(self.handle, None, b"", b"", b"")
        self.run_until(lambda: b"\x00\x53\x10" in self.received, "no open")
        return opened

    def say(self, performative: str, **fields: object) -> None:
        """The peer sends a frame."""
        self.peer.sendall(frames.raw_frame(frames.codec.encode(composite(performative, **fields))))

    def end(self) -> None:
        """Everything ends."""
        self.connections.shutdown()
        self.peer.close()


@pytest.fixture(params=[True, False], ids=["incoming", "outgoing"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    side = Side(incoming=request.param)
    yield side
    side.end()


def lost(side: Side) -> events.ConnectionLost:
    found = side.wait_for(events.ConnectionLost)
    assert not side.connections.exists(side.handle)
    assert side.seen[-1] == found, "nothing may follow the loss"
    return found


def test_octets_of_the_handshake_go_both_ways(side: Side) -> None:
    side.peer.sendall(b"one")
    assert side.wait_for(events.HandshakeReceived).data == b"one"
    side.connections.send_handshake(side.handle, b"two")
    side.run_until(lambda: side.received == b"two", "no answer")
    octets_in, octets_out, age, idle = side.connections.facts(side.handle)
    assert (octets_in, octets_out, idle) == (3, 3, None)
    assert 0 <= age < PATIENCE


def test_an_open_is_reported_with_all_it_says(side: Side) -> None:
    opened = side.open(
        hostname="h", max_frame_size=4096, channel_max=7, idle_time_out=9000, properties={"key": "value"}
    )
    assert (
        opened.container,
        opened.hostname,
        opened.max_frame_size,
        opened.channel_max,
        opened.idle_timeout,
    ) == (("peer", "h", 4096, 7, 9000))
    assert frames.codec.decode_one(opened.properties) == {"key": "value"}
    assert (opened.offered, opened.desired) == (b"", b"")


def test_frames_that_come_octet_by_octet_are_understood(side: Side) -> None:
    side.begin(b"")
    octets = AMQP_HEADER + frames.raw_frame(frames.codec.encode(composite("open", container_id="slow")))
    for octet in octets:
        side.peer.sendall(bytes((octet,)))
        side.turn(0)
    assert side.wait_for(events.ConnectionOpened).container == "slow"


def test_a_close_of_the_peer_is_answered_and_reported(side: Side) -> None:
    side.open()
    side.say("close", error=composite("error", condition="test:enough", description="really"))
    assert side.wait_for(events.ConnectionClosed) == events.ConnectionClosed(
        side.handle, "test:enough", "really"
    )
    side.run_until(lambda: b"\x00\x53\x18" in side.received, "no close")
    side.peer.shutdown(socket.SHUT_WR)
    assert lost(side).condition == ""


def test_our_close_waits_for_the_answer(side: Side) -> None:
    side.open()
    side.connections.close(side.handle)
    side.run_until(lambda: b"\x00\x53\x18" in side.received, "no close")
    assert side.connections.exists(side.handle)
    side.say("close")
    assert lost(side).condition == ""


def test_a_close_with_an_error_is_seen_by_the_peer_and_reported_with_the_loss(side: Side) -> None:
    side.open()
    side.connections.close(side.handle, "test:reason", "because")
    side.run_until(lambda: b"test:reason" in side.received and b"because" in side.received, "no close")
    side.say("close")
    side.peer.shutdown(socket.SHUT_WR)
    found = lost(side)
    assert (found.condition, found.description) == ("test:reason", "because")


def test_a_drop_says_nothing_to_the_peer(side: Side) -> None:
    side.open()
    before = side.received
    side.connections.drop(side.handle, "test:dropped", "no word")
    assert lost(side).condition == "test:dropped"
    assert side.received == before
    assert side.peer.recv(1) == b""


@pytest.mark.parametrize("stage", ["handshake", "begun", "opened"])
def test_a_peer_that_vanishes_is_reported_at_every_stage(side: Side, stage: str) -> None:
    if stage == "begun":
        side.begin()
    elif stage == "opened":
        side.open()
    side.peer.close()
    found = lost(side)
    assert (found.condition == "") == (stage == "handshake")


@pytest.mark.parametrize(
    "octets",
    [
        frames.frame_header_that_announces(0x7FFFFFFF),
        frames.raw_frame(b"", size=7),
        frames.raw_frame(b"\x40"),
        frames.raw_frame(b"", frame_type=1),
        frames.raw_frame(b"\x00\x53\x11" + frames.nested_lists(200)),
        frames.raw_frame(b"\x00\x53\x11" + frames.list_that_claims(0x7FFFFFFF)),
    ],
)
def test_a_bad_frame_ends_the_connection_with_a_reason_for_both(side: Side, octets: bytes) -> None:
    side.open()
    side.peer.sendall(octets)
    side.run_until(lambda: b"\x00\x53\x18" in side.received, "no close")
    side.peer.close()
    assert lost(side).condition.startswith("amqp:")


# --- idle time-outs


def test_b6_a_silent_peer_is_closed_when_our_time_out_is_over(side: Side) -> None:
    side.begin(idle_timeout=500)
    started = time.monotonic()
    side.say("open", container_id="peer")
    side.wait_for(events.ConnectionOpened)
    side.connections.open(side.handle, None, b"", b"", b"")
    side.run_until(
        lambda: b"resource-limit" in side.received or not side.connections.exists(side.handle), "lives"
    )
    elapsed = time.monotonic() - started
    assert 0.4 <= elapsed < 1.0 + 2 * WHEEL_TICK + SLACK
    side.peer.close()
    assert lost(side).condition == "amqp:resource-limit-exceeded"


def test_b6_a_peer_that_wants_signs_of_life_gets_them_in_time(side: Side) -> None:
    side.open(idle_time_out=600)
    before = len(side.received)
    started = time.monotonic()
    side.run_until(lambda: side.received[before:].count(frames.EMPTY_FRAME) >= 3, "no keep-alive")
    assert time.monotonic() - started < 3 * (0.3 + 2 * WHEEL_TICK) + SLACK


def test_a_talking_peer_is_not_closed(side: Side) -> None:
    side.begin(idle_timeout=600)
    side.say("open", container_id="peer")
    side.wait_for(events.ConnectionOpened)
    side.connections.open(side.handle, None, b"", b"", b"")
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        side.peer.sendall(frames.EMPTY_FRAME)
        side.turn(0.1)
    assert side.connections.exists(side.handle)


# --- what may not be done


def test_a_handle_of_something_gone_is_refused(side: Side) -> None:
    side.connections.drop(side.handle)
    lost(side)
    for call in (side.connections.close, side.connections.drop, side.connections.facts):
        with pytest.raises(KeyError, match="it is gone"):
            call(side.handle)
    with pytest.raises(KeyError):
        side.connections.stop_listening(12345)


def test_amqp_begins_and_opens_once(side: Side) -> None:
    with pytest.raises(ValueError, match="waits to be opened"):
        side.connections.open(side.handle, None, b"", b"", b"")
    side.open()
    with pytest.raises(ValueError, match="begun already"):
        side.begin()
    with pytest.raises(ValueError, match="handshake is over"):
        side.connections.send_handshake(side.handle, b"x")
    with pytest.raises(ValueError, match="waits to be opened"):
        side.connections.open(side.handle, None, b"", b"", b"")


def test_properties_that_are_no_amqp_are_refused(side: Side) -> None:
    side.begin()
    with pytest.raises(ValueError, match="not one AMQP value"):
        side.connections.open(side.handle, None, b"", b"", b"\xff\xff")


# --- the trace of frames

EMPTY_FRAME = frames.raw_frame(b"")
ROOM = 262_144
"""Octets that the trace keeps (TRACE_ROOM), and in front of each frame those that describe it."""
DESCRIPTION = 24


def traced(side: Side, limit: int = 1_000_000) -> list[tuple[int, bool, int, bytes]]:
    taken, dropped = side.connections.take_traced(limit)
    assert dropped == 0
    return taken


def test_a9_traced_frames_are_those_that_pass_in_whatever_pieces_they_come(side: Side) -> None:
    side.connections.trace(side.handle, 7)
    side.begin(b"")
    opened = frames.raw_frame(frames.codec.encode(composite("open", container_id="slow")))
    for octet in AMQP_HEADER + opened + EMPTY_FRAME:
        side.peer.sendall(bytes((octet,)))
        side.turn(0)
    side.wait_for(events.ConnectionOpened)
    side.connections.open(side.handle, None, b"", b"", b"")
    side.run_until(lambda: b"\x00\x53\x10" in side.received, "no open")
    side.wait_for(events.FramesTraced)
    taken = traced(side)
    assert [octets for _, outgoing, _, octets in taken if not outgoing] == [AMQP_HEADER, opened, EMPTY_FRAME]
    assert b"".join(octets for _, outgoing, _, octets in taken if outgoing) == side.received
    assert all((number, size) == (7, len(octets)) for number, _, size, octets in taken)


def test_a9_a_trace_that_is_switched_off_tells_no_more(side: Side) -> None:
    side.connections.trace(side.handle, 7)
    side.open()
    assert traced(side)
    side.connections.trace(side.handle, 0)
    side.say("begin", next_outgoing_id=0, incoming_window=10, outgoing_window=10)
    side.run_until(lambda: b"\x00\x53\x11" in side.received, "no begin")
    assert traced(side) == []


def test_a9_a_trace_that_begins_within_a_frame_begins_with_the_next(side: Side) -> None:
    side.open()
    side.say("begin", next_outgoing_id=0, incoming_window=10, outgoing_window=10)
    side.say("attach", name="l", handle=0, role=False, source=composite("source"), target=composite("target"))
    attached = side.wait_for(events.LinkAttached)
    side.forwarder.accept_link(attached.link, 0, 10, 10)
    payload = b"\x00SpE\x00Su\xb0\x00\x00\x27\x10" + bytes(10_000)
    transfer = frames.amqp_frame("transfer", handle=0, delivery_id=0, delivery_tag=b"t", payload=payload)
    before = side.connections.facts(side.handle)[0]
    side.peer.sendall(transfer[:3000])
    side.run_until(lambda: side.connections.facts(side.handle)[0] == before + 3000, "not read")
    side.connections.trace(side.handle, 7)
    side.peer.sendall(transfer[3000:] + EMPTY_FRAME)
    side.run_until(lambda: side.connections.facts(side.handle)[0] == before + len(transfer) + 8, "not read")
    assert [octets for _, outgoing, _, octets in traced(side) if not outgoing] == [EMPTY_FRAME]


def test_a9_what_the_trace_has_no_room_for_is_counted(side: Side) -> None:
    side.connections.trace(side.handle, 7)
    side.open()
    known = len(traced(side))
    flood = 20_000
    before = side.connections.facts(side.handle)[0]
    for _ in range(20):
        side.peer.setblocking(True)
        side.peer.sendall(EMPTY_FRAME * (flood // 20))
        side.peer.setblocking(False)
        side.turn(0)
    side.run_until(lambda: side.connections.facts(side.handle)[0] == before + 8 * flood, "not read")
    taken, dropped = side.connections.take_traced(100)
    rest, more = side.connections.take_traced(flood)
    assert (len(taken), more) == (100, 0)
    assert len(taken) + len(rest) == ROOM // (DESCRIPTION + 8)
    assert len(taken) + len(rest) + dropped == flood
    side.peer.sendall(EMPTY_FRAME)
    side.run_until(lambda: len(traced(side)) == 1, "nothing more")
    assert known > 0
