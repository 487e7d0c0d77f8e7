"""The two ends of a TLS connection in one process: our session, and Python's ssl as an independent peer."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

from skrouter.amqp.engine import tls
from skrouter.amqp.engine.tls import TlsSession
from skrouter.amqp.engine.tls_context import TlsContext

from skrouter_testing.certs import Authority, Pair

Sockets = tuple[socket.socket, socket.socket]


class Ours:
    """One of our sessions, stepped until it is done or has failed."""

    def __init__(
        self, sock: socket.socket, context: TlsContext, host: str | None, verify: bool = True
    ) -> None:
        self.session = TlsSession(context, sock.fileno(), host, verify)
        self.done = False
        self.failure: str | None = None

    def step(self) -> None:
        result = self.session.handshake()
        self.done = result == tls.DONE
        if result == tls.FAILED:
            self.failure = self.session.error

    def read(self, size: int = 16384) -> bytes | None:
        """Octets, b"" at the end, None for nothing yet; a failure is kept."""
        got = self.session.read(size)
        if isinstance(got, bytes):
            return got
        if got == tls.ERROR:
            self.failure = self.session.error
        return None

    def write(self, data: memoryview) -> int:
        done = self.session.write(data)
        if done == tls.ERROR:
            self.failure = self.session.error
        return max(done, 0)


class Theirs:
    """A session of Python's ssl on the other socket, with the same face."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, host: str | None = None) -> None:
        self.socket = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, host is None, host)
        self.unsent = b""
        self.done = False
        self.failure: str | None = None

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            octets = self.socket.recv(1 << 18)
            if octets:
                self.incoming.write(octets)
            else:
                self.incoming.write_eof()

    def _send(self) -> None:
        self.unsent += self.outgoing.read()
        with contextlib.suppress(BlockingIOError):
            self.unsent = self.unsent[self.socket.send(self.unsent) :]

    def attempt(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call into ssl between receiving and sending; None if it must wait or has failed."""
        self._receive()
        try:
            return call(*arguments)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except ssl.SSLError as error:
            self.failure = str(error)
            return None
        finally:
            self._send()

    def _handshake(self) -> bool:
        self.tls.do_handshake()
        return True

    def step(self) -> None:
        self.done = self.attempt(self._handshake) is True

    def read(self, size: int = 16384) -> bytes | None:
        got: bytes | None = self.attempt(self.tls.read, size)
        return got

    def write(self, data: memoryview) -> int:
        if self.unsent:
            self._send()
            return 0
        return self.attempt(self.tls.write, data) or 0


Party = Ours | Theirs


def shake(one: Party, two: Party) -> None:
    """Handshake in turns until both are done, or one has failed and the other has heard of it."""
    for _ in range(12):
        for party in (one, two):
            if not party.done and party.failure is None:
                party.step()
        if one.done and two.done:
            return
    assert one.failure or two.failure, "the handshake came to a stop"


def hear(party: Party) -> str:
    """The reason that reached a party whose own handshake was already done."""
    if party.failure is None:
        party.read()
    return party.failure or ""


def transfer(sender: Party, receiver: Party, data: bytes) -> bytes:
    """All of `data` from one to the other in turns; both must stay alive."""
    rest, got = memoryview(data), bytearray()
    while len(got) < len(data):
        moved = sender.write(rest[:50_000]) if rest else 0
        rest = rest[moved:]
        while octets := receiver.read():
            got += octets
            moved += len(octets)
        assert moved, f"stopped at {len(got)} octets: {sender.failure} {receiver.failure}"
    return bytes(got)


def our_server(authority: Authority, server_pair: Pair, **options: Any) -> TlsContext:
    return TlsContext(authority.ca_file, server_pair.certificate, server_pair.key, server=True, **options)


def our_client(authority: Authority, pair: Pair | None = None, **options: Any) -> TlsContext:
    files = (pair.certificate, pair.key) if pair else (None, None)
    return TlsContext(authority.ca_file, *files, server=False, **options)


def their_server(authority: Authority, pair: Pair, *, verify: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.load_verify_locations(authority.ca_file)
    if verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def their_client(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.ca_file)
    if pair:
        context.load_cert_chain(pair.certificate, pair.key)
    return context
