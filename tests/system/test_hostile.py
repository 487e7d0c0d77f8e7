"""Bytes of a peer that means no good: refused with a logged reason, and no one else notices."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator

import pytest
from proton import Message
from skrouter.amqp import codec
from skrouter.amqp.types import Described, Symbol, UInt, ULong
from skrouter_testing.amqp_client import Client
from skrouter_testing.frames import (
    EMPTY_FRAME,
    amqp_frame,
    array_that_claims,
    composite,
    frame_header_that_announces,
    list_that_claims,
    nested_descriptors,
    nested_lists,
    raw_frame,
    sasl_frame,
)
from skrouter_testing.process import HOST, Routers, wait_until
from skrouter_testing.router_line import RouterLine

AMQP, SASL, TLS = b"AMQP\0\1\0\0", b"AMQP\3\1\0\0", b"AMQP\2\1\0\0"
OPEN = amqp_frame("open", container_id="hostile", max_frame_size=UInt(16384))
LOGIN = sasl_frame("sasl-init", mechanism=Symbol("ANONYMOUS"), initial_response=b"me")
DEEP = bytes(10_000)
"""A descriptor whose descriptor has a descriptor …, one octet each: as deep as a frame can be."""


def list_of(*values: bytes) -> bytes:
    """A list32 of encoded values."""
    content = b"".join(values)
    return b"\xd0" + (4 + len(content)).to_bytes(4) + len(values).to_bytes(4) + content


ATTACH = Described(ULong(0x12), ["deaf", UInt(0), True, None, None, composite("source", address="deaf")])
SENT = {
    "SASL frame after SASL": SASL + LOGIN + AMQP + OPEN + LOGIN,
    "SASL frame without SASL": AMQP + OPEN + LOGIN,
    "AMQP frame inside SASL": SASL + OPEN,
    "oversize frame": AMQP + OPEN + frame_header_that_announces(1 << 20),
    "largest possible frame": AMQP + OPEN + frame_header_that_announces(0xFFFFFFFF),
    "oversize first frame": AMQP + frame_header_that_announces(1 << 30),
    "oversize SASL frame": SASL + frame_header_that_announces(1 << 20, frame_type=1),
    "frame of seven octets": AMQP + OPEN + raw_frame(b"", size=7),
    "data offset of one": AMQP + OPEN + raw_frame(b"", offset=1),
    "frame of type five": AMQP + OPEN + raw_frame(b"\0\x53\x18\x45", frame_type=5),
    "lists 1,000 deep": AMQP + OPEN + raw_frame(b"\0\x53\x11" + nested_lists(1_000)),
    "nested descriptors in SASL": SASL + raw_frame(nested_descriptors(150), frame_type=1),
    "10,000-deep value": AMQP + raw_frame(b"\0\x53\x10" + list_of(b"\xa1\x01h", *[b"\x40"] * 8, DEEP)),
    "10,000-deep frame": AMQP + OPEN + raw_frame(DEEP),
    "list that claims four billion elements": AMQP
    + OPEN
    + raw_frame(b"\0\x53\x10" + list_that_claims(0xFFFFFFFF)),
    "array that claims four billion elements": AMQP
    + raw_frame(b"\0\x53\x10" + array_that_claims(0xFFFFFFFF, 0x40)),
    "begin before open": AMQP + amqp_frame("begin", next_outgoing_id=UInt(0)),
    "unknown performative": AMQP + OPEN + raw_frame(b"\0\x53\x77\x45"),
    "frame on a channel without session": AMQP + OPEN + amqp_frame("detach", handle=UInt(3), channel=4),
    "octets of another protocol": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "header of AMQP 0-9-1": b"AMQP\0\0\x09\1",
    "TLS where there is none": TLS,
}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RouterLine]:
    with Routers(tmp_path_factory.mktemp("hostile")) as routers:
        yield RouterLine(routers, "S").start()


@pytest.fixture
def port(line):
    """The router's port; after the test a client must find all in order and no memory gone."""
    before = line["S"].memory().resident
    yield line.ports["S"]
    with Client(line.ports["S"]) as client:
        receiver = client.receiver("q")
        sender = client.sender("q")
        sender.wait_credit()
        assert sender.send(Message(body="well")).outcome().state == "accepted"
        assert receiver.take()[0].body == "well"
    assert line["S"].memory().resident - before < 3_000_000


def dial(port: int) -> socket.socket:
    sock = socket.create_connection((HOST, port), 10)
    sock.settimeout(10)
    return sock


def read_to_end(sock: socket.socket) -> bytes:
    """All octets until the router closes; a reset is a close too."""
    octets = b""
    try:
        while part := sock.recv(65536):
            octets += part
    except ConnectionResetError:
        pass
    return octets


def wait_reason(line: RouterLine, mark: int, peer: str) -> str:
    """The line that tells why."""

    def told() -> list[str]:
        new = line["S"].lines[mark:]
        return [text for text in new if ("(error)" in text or "failed" in text) and peer in text]

    wait_until(told, f"a reason for closing {peer}", 5)
    return told()[0]


@pytest.mark.parametrize("octets", SENT.values(), ids=SENT)
def test_hostile_octets_close_the_connection_with_a_logged_reason(line, port, octets):
    mark = line["S"].mark()
    with dial(port) as sock:
        peer = "{}:{}".format(*sock.getsockname())
        sock.sendall(octets)
        read_to_end(sock)
    assert wait_reason(line, mark, peer)


@pytest.mark.parametrize("name", ["oversize frame", "SASL frame after SASL", "10,000-deep value"])
def test_hostile_octets_a_thousand_times_leave_no_memory_behind(line, port, name):
    for _ in range(200):
        with dial(port) as sock:
            sock.sendall(SENT[name])
            read_to_end(sock)
    before = line["S"].memory().resident
    for _ in range(800):
        with dial(port) as sock:
            sock.sendall(SENT[name])
            read_to_end(sock)
    assert line["S"].memory().resident - before < 1_500_000


def test_random_octets_close_the_connection(line, port):
    source = random.Random(11)
    for prefix in (b"", AMQP, SASL, AMQP + OPEN, SASL + LOGIN + AMQP + OPEN):
        for _ in range(40):
            with dial(port) as sock:
                sock.sendall(prefix + source.randbytes(source.randrange(16, 3000)) + b"\xff" * 64)
                sock.shutdown(socket.SHUT_WR)
                read_to_end(sock)
    assert line["S"].running


def test_every_end_of_a_login_in_the_middle_is_survived(line, port):
    whole = SASL + LOGIN + AMQP + OPEN + EMPTY_FRAME + amqp_frame("begin", next_outgoing_id=UInt(0))
    for length in range(1, len(whole)):
        with dial(port) as sock:
            sock.sendall(whole[:length])
    assert line["S"].running


def test_half_a_frame_and_silence_is_closed_by_the_idle_timeout(routers):
    line = RouterLine(routers, "S")
    text = line["S"].config.read_text()
    line["S"].write(text.replace("name: clients", "name: clients\n    idleTimeoutSeconds: 2"))
    line.start()
    mark = line["S"].mark()
    with dial(line.ports["S"]) as sock:
        sock.sendall(SASL + LOGIN + AMQP + OPEN + frame_header_that_announces(1000))
        octets = read_to_end(sock)
    assert b"amqp:resource-limit-exceeded" in octets
    line["S"].wait_line("local-idle-timeout expired", after=mark)


def test_a_thousand_half_open_connections_cost_little_and_others_are_served(line):
    router = line["S"]
    before = router.memory().resident
    with Client(line.ports["S"]) as client, contextlib.ExitStack() as stack:
        for number in range(1000):
            sock = stack.enter_context(dial(line.ports["S"]))
            sock.sendall((SASL, SASL + LOGIN[:9], b"AM", AMQP)[number % 4])
        receiver = client.receiver("q")
        sender = client.sender("q")
        sender.wait_credit()
        for number in range(20):
            assert sender.send(Message(body=number)).outcome().state == "accepted"
        assert len(receiver.take(20)) == 20
        assert (router.memory().resident - before) / 1000 < 60_000
    assert router.running


def test_peer_that_never_reads_costs_a_bounded_amount(line, port):
    """Attaches a receiver, gives endless credit, reads nothing; a sender fills it as far as it goes."""
    router = line["S"]
    with dial(port) as sock, Client(port) as client:
        sock.sendall(
            AMQP
            + OPEN
            + amqp_frame(
                "begin", next_outgoing_id=UInt(0), incoming_window=UInt(2**31 - 1), outgoing_window=UInt(100)
            )
            + raw_frame(codec.encode(ATTACH))
            + amqp_frame(
                "flow",
                next_incoming_id=UInt(0),
                incoming_window=UInt(2**31 - 1),
                next_outgoing_id=UInt(0),
                outgoing_window=UInt(100),
                handle=UInt(0),
                delivery_count=UInt(0),
                link_credit=UInt(1_000_000),
            )
        )
        sender = client.sender("deaf")
        sender.wait_credit()
        router.reset_peak()
        before = router.memory().resident
        sent = [sender.send(bytes.fromhex("005375b0000f4240") + bytes(1_000_000)) for _ in range(60)]
        wait_until(lambda: router.memory().resident - before > 500_000, "the router to take some", 10)
        with pytest.raises(AssertionError):
            sent[-1].outcome(3)
        assert router.memory().peak - before < 30_000_000
