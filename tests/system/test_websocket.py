"""AMQP over WebSocket through a running router: clients of others, and peers that break its rules."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from proton import Message
from skrouter.amqp.types import Symbol, UInt
from skrouter_testing.amqp_client import Client
from skrouter_testing.certs import Authority
from skrouter_testing.frames import amqp_frame, frame_header_that_announces, sasl_frame
from skrouter_testing.process import HOST, PATIENCE, RouterProcess, Routers, free_port, section, wait_until
from skrouter_testing.websocket_model import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, cut, frame
from skrouter_testing.websocket_relay import WebSocketRelay

AMQP, SASL = b"AMQP\0\1\0\0", b"AMQP\3\1\0\0"
SASL_OUTCOME = b"\x00\x53\x44"
OPEN = amqp_frame("open", container_id="raw", max_frame_size=UInt(16384))
LOGIN = sasl_frame("sasl-init", mechanism=Symbol("EXTERNAL"), initial_response=b"")
ANONYMOUS = sasl_frame("sasl-init", mechanism=Symbol("ANONYMOUS"), initial_response=b"me")
UPGRADE = (
    b"GET /anything HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: amqp\r\n\r\n"
)
BIG = "5 MB of it ".ljust(5_000_000, "x")


@dataclass(frozen=True, slots=True)
class Web:
    """A router with HTTP listeners: for all, with TLS, for the authenticated only; and an AMQP listener."""

    router: RouterProcess
    port: int
    tls: int
    encrypted: int
    strict: int
    amqp: int
    authority: Authority

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self.port}/"

    def trust(self, name: str | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        if name is not None:
            pair = self.authority.issue(name)
            context.load_cert_chain(pair.certificate, pair.key)
        return context


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    directory = tmp_path_factory.mktemp("websocket")
    authority = Authority(directory)
    pair = authority.issue("server", dns=("localhost",), addresses=(HOST,))
    port, tls, encrypted, strict, amqp = (free_port() for _ in range(5))
    text = section("router", mode="standalone", id="W")
    text += section(
        "sslProfile",
        name="tls",
        caCertFile=authority.ca_file,
        certFile=pair.certificate,
        privateKeyFile=pair.key,
        uidFormat="n",
    )
    text += section("listener", name="web", host=HOST, port=port, http=True)
    text += section(
        "listener",
        name="secure",
        host=HOST,
        port=tls,
        http=True,
        sslProfile="tls",
        requireSsl=True,
        authenticatePeer=True,
        saslMechanisms="EXTERNAL",
    )
    text += section(
        "listener",
        name="encrypted",
        host=HOST,
        port=encrypted,
        http=True,
        sslProfile="tls",
        requireSsl=True,
        saslMechanisms="ANONYMOUS",
    )
    text += section(
        "listener",
        name="strict",
        host=HOST,
        port=strict,
        http=True,
        authenticatePeer=True,
        saslMechanisms="EXTERNAL",
    )
    text += section("listener", name="amqp", host=HOST, port=amqp)
    text += section("log", module="ROUTER_CORE", enable="debug+")
    with Routers(directory) as routers:
        yield Web(routers.start("W", text), port, tls, encrypted, strict, amqp, authority)


class RawPeer:
    """A socket that speaks WebSocket by hand. A context."""

    def __init__(self, port: int, behind: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self.sock = socket.create_connection((HOST, port), PATIENCE)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self._got = b""
        self.data = b""
        self.sock.sendall(UPGRADE + behind)
        while b"\r\n\r\n" not in self._got:
            self._read()
        self.head, _, self._got = self._got.partition(b"\r\n\r\n")
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_error: object) -> None:
        self.sock.close()

    def _read(self) -> None:
        found = self.sock.recv(65536)
        if not found:
            raise EOFError
        self._got += found

    def _take(self, size: int) -> bytes:
        while len(self._got) < size:
            self._read()
        taken, self._got = self._got[:size], self._got[size:]
        return taken

    def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the router's next frame. EOFError at its end."""
        first, second = self._take(2)
        assert first & 0xF0 == 0x80
        assert second < 128, "a server's frames are not masked"
        width = {126: 2, 127: 8}.get(second, 0)
        size = int.from_bytes(self._take(width)) if width else second
        return first & 15, self._take(size)

    def until(self, opcode: int) -> bytes:
        """The payload of the next frame of this kind; data on the way is kept in `data`."""
        while True:
            found, payload = self.frame()
            if found == BINARY:
                self.data += payload
            if found == opcode:
                return payload

    def wait_data(self, octets: bytes) -> None:
        """Until the router has sent these octets."""
        while octets not in self.data:
            self.until(BINARY)

    def close_code(self) -> int:
        """The code of the router's close, which nothing follows."""
        payload = self.until(CLOSE)
        with pytest.raises(EOFError):
            self.frame()
        return int.from_bytes(payload)


# --- messages


@pytest.mark.parametrize(
    ("protocol", "fragments"),
    [("amqp", False), ("binary", False), ("amqp", True)],
    ids=["amqp", "binary", "cut"],
)
def test_e10_proton_sends_and_receives_ten_thousand_messages(
    web: Web, protocol: str, fragments: bool
) -> None:
    address = f"many-{protocol}-{fragments}"
    with WebSocketRelay(web.url, protocol=protocol, fragments=fragments) as relay:
        with Client(relay.port) as client:
            receiver = client.receiver(address, credit=10_000)
            sender = client.sender(address)

            def burst(start: int) -> None:
                for number in range(start, start + 100):
                    sender._send(Message(body=number).encode(), True)

            for start in range(0, 10_000, 100):
                client.wait(lambda: sender.link.credit >= 100, "credit")
                client.call(lambda start=start: burst(start))
            client.wait(lambda: len(receiver.arrivals) == 10_000, "all messages", 60)
            assert [arrival.body for arrival in receiver.arrivals] == list(range(10_000))
        wait_until(lambda: relay.close_codes == [1000], "an orderly close")


@pytest.mark.parametrize("fragments", [False, True])
def test_a_message_of_five_megabytes_passes_both_ways(web: Web, fragments: bool) -> None:
    with (
        WebSocketRelay(web.url, fragments=fragments) as relay,
        Client(relay.port) as ours,
        Client(web.amqp) as other,
    ):
        for sending, receiving, address in ((ours, other, "up"), (other, ours, "down")):
            receiver = receiving.receiver(f"{address}-{fragments}")
            sent = sending.sender(f"{address}-{fragments}").send(Message(body=BIG))
            assert sent.outcome(30).state == "accepted"
            assert receiver.arrivals[0].body == BIG


def test_a_reader_that_stops_holds_up_nobody_and_gets_all_when_it_goes_on(web: Web) -> None:
    count, body = 400, "x" * 65536
    with WebSocketRelay(web.url) as relay, Client(relay.port) as slow, Client(web.amqp) as fast:
        receiver = slow.receiver("held", credit=count)
        relay.hold()
        sender = fast.sender("held")
        web.router.reset_peak()
        before = web.router.memory().resident
        sent = []
        while len(sent) < count and sender.credit:
            sent.append(sender.send(Message(body=body, id=len(sent))))
        other = fast.receiver("other")
        assert fast.sender("other").send(Message(body="y")).outcome().state == "accepted"
        assert len(other.arrivals) == 1
        assert len(receiver.arrivals) < 100
        assert web.router.memory().peak - before < 64 << 20
        relay.release()
        while len(sent) < count:
            sender.wait_credit()
            sent.append(sender.send(Message(body=body, id=len(sent))))
        slow.wait(lambda: len(receiver.arrivals) == count, "all messages", 60)
        assert [arrival.message.id for arrival in receiver.arrivals] == list(range(count))


def test_over_tls_a_certificate_makes_the_user(web: Web) -> None:
    mark = web.router.mark()
    with RawPeer(web.tls, tls=web.trust("alice")) as peer:
        peer.sock.sendall(frame(SASL + LOGIN))
        peer.wait_data(SASL_OUTCOME)
        peer.sock.sendall(frame(AMQP + OPEN))
        line = web.router.wait_line("Connection Opened", "container_id=raw", after=mark)
        assert "encrypted=TLSv1.3 auth=EXTERNAL user=alice" in line


def test_messages_pass_over_tls(web: Web) -> None:
    """Proton's client, whose own connection is a plain one, knows no certificate to be EXTERNAL with."""
    url = f"wss://localhost:{web.encrypted}/"
    with (
        WebSocketRelay(url, tls=web.trust(), fragments=True) as relay,
        Client(relay.port) as client,
    ):
        receiver = client.receiver("over-tls")
        assert client.sender("over-tls").send(Message(body=BIG)).outcome(30).state == "accepted"
        assert receiver.arrivals[0].body == BIG


@pytest.mark.parametrize("octets", [SASL + LOGIN, AMQP + OPEN], ids=["no certificate", "no SASL"])
def test_who_is_not_authenticated_is_refused_as_elsewhere(web: Web, octets: bytes) -> None:
    mark = web.router.mark()
    with RawPeer(web.strict) as peer:
        peer.sock.sendall(frame(octets))
        assert peer.close_code() == 1008
    web.router.wait_line("SERVER (error)", "failed: amqp:", after=mark)
    assert web.router.found("Connection Opened", after=mark) == []


# --- clients of others


# --- the rules of WebSocket


def test_the_connection_is_told_of_like_others(web: Web) -> None:
    mark = web.router.mark()
    with RawPeer(web.port) as peer:
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in peer.head
        assert b"Sec-WebSocket-Protocol: amqp" in peer.head
        peer.sock.sendall(frame(AMQP + OPEN))
        web.router.wait_line("Accepted connection to", str(web.port), after=mark)
        web.router.wait_line("Connection Opened", "container_id=raw", after=mark)


def test_frames_right_behind_the_upgrade_are_not_lost(web: Web) -> None:
    with RawPeer(web.port, behind=frame(AMQP + OPEN)) as peer:
        peer.wait_data(AMQP)


@pytest.mark.parametrize("pieces", ["octets", "fragments", "empty"])
def test_amqp_may_be_cut_in_any_way(web: Web, pieces: str) -> None:
    octets = AMQP + OPEN
    if pieces == "octets":
        stream = cut(frame(octets), range(len(octets) + 20))
    elif pieces == "fragments":
        kinds = [BINARY] + [CONTINUATION] * (len(octets) - 1)
        stream = [
            frame(bytes([o]), k, fin=i == len(octets))
            for i, (o, k) in enumerate(zip(octets, kinds, strict=True), 1)
        ]
    else:
        stream = [frame(), frame(fin=False), frame(b"", PING), frame(b"", CONTINUATION), frame(octets)]
    with RawPeer(web.port) as peer:
        for piece in stream:
            peer.sock.sendall(piece)
        peer.wait_data(AMQP)
        peer.sock.sendall(frame(amqp_frame("close")) + frame((1000).to_bytes(2), CLOSE))
        assert peer.close_code() == 1000


def test_a_ping_is_answered_before_and_after_amqp_begins(web: Web) -> None:
    with RawPeer(web.port) as peer:
        peer.sock.sendall(frame(b"first", PING))
        assert peer.until(PONG) == b"first"
        peer.sock.sendall(frame(AMQP + OPEN))
        peer.wait_data(AMQP)
        peer.sock.sendall(frame(b"second", PING))
        assert peer.until(PONG) == b"second"


@pytest.mark.parametrize("before", [b"", frame(AMQP + OPEN)], ids=["handshake", "amqp"])
@pytest.mark.parametrize(
    ("octets", "code", "words"),
    [
        (frame(b"hello", TEXT), 1003, "a frame is text, AMQP is binary"),
        (frame(b"x", mask=None), 1002, "a frame is not masked"),
        (frame(b"x", reserved=4), 1002, "reserved bits"),
        (frame(b"x", 3), 1002, "reserved opcode"),
        (frame(b"x", CONTINUATION), 1002, "out of order"),
        (frame(b"x" * 126, PING), 1002, "control frame"),
        (frame(width=8, length=1 << 40), 1009, "longer than 2147483647 octets"),
        (frame((1005).to_bytes(2), CLOSE), 1002, "may not be sent"),
    ],
    ids=["text", "bare", "reserved", "opcode", "fragment", "long-ping", "huge", "close-code"],
)
def test_who_breaks_the_rules_is_told_the_code(
    web: Web, before: bytes, octets: bytes, code: int, words: str
) -> None:
    mark = web.router.mark()
    with RawPeer(web.port) as peer:
        peer.sock.sendall(before)
        if before:
            peer.wait_data(b"\x53\x10")
        peer.sock.sendall(octets)
        assert peer.close_code() == code
    web.router.wait_line("SERVER (error)", "failed: amqp:connection:framing-error", words, after=mark)


@pytest.mark.parametrize("good", [SASL + ANONYMOUS, SASL + ANONYMOUS + AMQP + OPEN, AMQP + OPEN])
def test_good_octets_and_a_bad_frame_in_one_write_end_alike(web: Web, good: bytes) -> None:
    with RawPeer(web.port) as peer:
        peer.sock.sendall(frame(good) + frame(b"hello", TEXT))
        assert peer.close_code() == 1003
    with Client(web.amqp):
        assert web.router.found("Traceback") == []


def test_a_bad_amqp_frame_is_answered_in_amqp_and_then_in_websocket(web: Web) -> None:
    with RawPeer(web.port) as peer:
        peer.sock.sendall(frame(AMQP + OPEN + frame_header_that_announces(1 << 20)))
        assert peer.close_code() == 1008
        assert b"amqp:connection:framing-error" in peer.data


def test_a_close_is_answered_with_its_code(web: Web) -> None:
    with RawPeer(web.port) as peer:
        peer.sock.sendall(frame((3999).to_bytes(2) + b"bye", CLOSE))
        assert peer.close_code() == 3999


def test_a_flood_of_pings_costs_nothing_and_others_are_served(web: Web) -> None:
    with RawPeer(web.port) as peer:
        peer.sock.settimeout(1)
        before = web.router.memory().resident
        with contextlib.suppress(TimeoutError):
            for _ in range(300):
                peer.sock.sendall(frame(b"p" * 125, PING) * 500)
        with Client(web.amqp):
            assert web.router.memory().resident - before < 16 << 20


def test_peers_that_vanish_are_forgotten(web: Web) -> None:
    mark = web.router.mark()
    with RawPeer(web.port) as peer:
        peer.sock.sendall(frame(AMQP + OPEN))
        peer.wait_data(AMQP)
    web.router.wait_line("Connection Closed", after=mark)
