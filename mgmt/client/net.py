"""A client's connection to a router, on our own engine: the router's TLS and SASL rules hold here too.

Blocking and for one thread: the engine runs only while a method waits. A client that stays connected and has
nothing to ask calls `rest`; the daemon's shell has its own loop.
"""

from __future__ import annotations

import socket
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from skrouter.amqp import events
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.amqp.sasl.client import Client, ClientConfig
from skrouter.amqp.sasl.effects import Authenticated, Effect, Refused, RelayStart, RelayStep, Send
from skrouter.amqp.sasl.mechanisms.relay import RelayAnswer
from skrouter.mgmt.client.settings import ConnectionSettings, TlsSettings
from skrouter.router.forwarder.forwarder import Forwarder

if TYPE_CHECKING:
    from skrouter.router.forwarder.forwarder import TerminusFields

MAX_FRAME_SIZE = 32768
CHANNEL_MAX = 32767
SESSION_WINDOW = 512
"""Frames that the router may send before we answer."""

CREDIT = 10
"""Answers that may be under way at once; one is, but for late ones."""

CLOSE_TIME = 1.0
"""Seconds that the peer has to answer our close."""

_ENDPOINT = 0
"""`LINK_ENDPOINT` of the forwarder: an ordinary client's link."""

_CLOSEST = 2
"""`TREATMENT_CLOSEST` of the forwarder."""

_LINK_CREDIT = 13
"""Place of the credit in `Forwarder.link_facts`."""

_SESSION_END = 1
"""`PN_EXPIRE_WITH_SESSION`: proton's number of the expiry policy session-end."""


class ConnectionException(Exception):  # noqa: N818 — printed by the tools
    """There is no connection, or no longer."""


class LinkDetached(Exception):  # noqa: N818 — printed by the tools
    """The router refuses an address."""


class Timeout(Exception):  # noqa: N818 — printed by the tools
    """Something did not happen in time."""


def connect(settings: ConnectionSettings) -> RouterConnection:
    """An open connection with a place for answers; ConnectionException or Timeout if there can be none."""
    connection = RouterConnection(settings)
    try:
        connection.establish()
    except BaseException:
        connection.close()
        raise
    return connection


class RouterConnection:
    """One connection, one receiver for answers, and a sender for each address that was asked."""

    def __init__(self, settings: ConnectionSettings) -> None:
        """Nothing is sent yet: see `establish`."""
        self._settings = settings
        self._container = str(uuid.uuid4())
        self._engine = Engine()
        self._connections = Connections(self._engine)
        self._forwarder = Forwarder(self._engine, self._container, False)
        self._sasl: Client | None = None
        self._relay: Any = None
        self._handle = 0
        self._receiver = 0
        self._senders: dict[str, int] = {}
        self._established: dict[int, events.LinkEstablished] = {}
        self._messages: deque[bytes] = deque()
        self._opened = False
        self._closed: events.ConnectionClosed | None = None
        self._lost: events.ConnectionLost | None = None
        self._refused: Refused | None = None
        self._detached: dict[int, events.LinkDetached] = {}

    # --- Transport

    @property
    def reply_to(self) -> str:
        """Where answers to this client go."""
        return self._established[self._receiver].source.address or ""

    def send(self, address: str, content: bytes) -> None:
        """Send one encoded message to the address, as soon as the router gives credit."""
        link = self._sender(address)
        name = f"{self._container}-{address}"
        self._wait(lambda: self._credit(link) > 0, f"Sending on sender {name}", link)
        self._forwarder.send(content, link)

    def receive(self) -> bytes:
        """The next encoded message for us."""
        self._wait(lambda: bool(self._messages), "Waiting for an answer", self._receiver)
        return self._messages.popleft()

    def rest(self, seconds: float) -> None:
        """Keep the connection alive for so long, or until it is lost."""
        self._run_until(lambda: self._lost is not None, time.monotonic() + seconds)

    def close(self) -> None:
        """End the connection in an orderly way, waiting a moment for the peer."""
        if self._handle and self._lost is None:
            self._connections.close(self._handle)
            self._run_until(lambda: self._lost is not None, time.monotonic() + CLOSE_TIME)
        self._connections.shutdown()
        self._engine.close()

    # --- coming up

    def establish(self) -> None:
        """TCP, TLS and SASL as configured, AMQP, and the place for answers."""
        descriptor = self._dial()
        endpoint, tls = self._settings.endpoint, self._settings.tls
        if tls is None:
            self._handle = self._connections.connect(descriptor)
        else:
            context = tls_context(tls)
            self._handle = self._connections.connect(descriptor, context, endpoint.host, tls.verify_host)
        self._forwarder.adopt(self._handle)
        self._wait(lambda: self._opened, "Opening connection")
        entry = self._forwarder.publish(f"M{self._container}", _CLOSEST)
        self._forwarder.add_endpoint(entry)
        self._receiver = self._forwarder.open_link(
            self._handle,
            f"{self._container}-{uuid.uuid4()}",
            False,
            0,
            terminus(None, dynamic=True),
            terminus(None),
            _ENDPOINT,
            CREDIT,
            CREDIT,
            entry,
        )
        self._wait(lambda: self._receiver in self._established, "Opening receiver", self._receiver)

    def _dial(self) -> int:
        """A connected descriptor, non-blocking."""
        endpoint = self._settings.endpoint
        try:
            stream = socket.create_connection((endpoint.host, endpoint.port), self._settings.timeout)
        except TimeoutError as error:
            raise Timeout(f"Connection {endpoint} timed out: Opening connection") from error
        except ConnectionRefusedError as error:
            self._fail("proton.pythonio", "Connection refused to all addresses", error)
        except OSError as error:
            self._fail("proton.pythonio", error.strerror or str(error), error)
        stream.setblocking(False)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream.detach()

    def _sender(self, address: str) -> int:
        if address not in self._senders:
            name = f"{self._container}-{address}"
            self._senders[address] = link = self._forwarder.open_link(
                self._handle, name, True, 0, terminus(None), terminus(address), _ENDPOINT, CREDIT
            )
            self._wait(lambda: link in self._established, f"Opening sender {name}", link)
        return self._senders[address]

    def _credit(self, link: int) -> int:
        return int(self._forwarder.link_facts(link)[_LINK_CREDIT])

    # --- waiting

    def _wait(self, done: Callable[[], bool], what: str, link: int = 0) -> None:
        """Run the engine until it is done; raises if the connection or the link ends before, or the time."""
        deadline = time.monotonic() + self._settings.timeout
        self._run_until(lambda: self._ended(link) or done(), deadline)
        if self._refused is not None:
            self._fail(self._refused.condition, self._refused.description)
        if self._lost is not None:
            end = self._lost if self._lost.condition or self._closed is None else self._closed
            is_secrecy = self._settings.tls is not None and not self._opened and end is self._lost
            self._fail(end.condition, f"SSL Failure: {end.description}" if is_secrecy else end.description)
        if link in self._detached:
            found = self._detached[link]
            reason = f"Condition({found.condition!r}, {found.description!r})"
            raise LinkDetached(f"{what}: link closed by the router due to: {reason}")
        if not done():
            raise Timeout(f"Connection {self._settings.endpoint} timed out: {what}")

    def _ended(self, link: int) -> bool:
        return self._lost is not None or self._refused is not None or link in self._detached

    def _run_until(self, done: Callable[[], bool], deadline: float) -> None:
        while not done() and (left := deadline - time.monotonic()) > 0:
            self._engine.run(left)
            for record in self._engine.take_events():
                self._handle_event(events.from_native(record))

    def _fail(self, condition: str, description: str, cause: Exception | None = None) -> NoReturn:
        text = f"Condition({condition!r}, {description!r})"
        raise ConnectionException(f"Connection {self._settings.endpoint} disconnected: {text}") from cause

    # --- events

    def _handle_event(self, event: events.Event) -> None:
        match event:
            case events.StreamReady():
                self._on_stream_ready()
            case events.HandshakeReceived(data=data) if self._sasl is not None:
                self._authenticate(self._sasl.receive(data, time.monotonic()))
            case events.HandshakeReceived(data=data):
                self._start_amqp(data)
            case events.ConnectionOpened():
                self._opened = True
            case events.ConnectionClosed():
                self._closed = event
            case events.ConnectionLost():
                self._lost = event
            case events.LinkEstablished():
                self._established[event.link] = event
            case events.LinkDetached():
                self._detached[event.link] = event
            case events.MessageReceived(content=content):
                self._messages.append(content)
            case events.LinkAttached():
                self._forwarder.reject_link(event.link, "amqp:not-allowed", "this client accepts no links")

    def _on_stream_ready(self) -> None:
        settings = self._settings
        external = settings.tls is not None and settings.tls.certificate is not None
        if settings.mechanisms is None and settings.username is None and not external:
            self._start_amqp(b"")  # as the reference's tools: no SASL unless something is to be proved
            return
        config = ClientConfig(
            mechanisms=settings.mechanisms,
            username=settings.username,
            password=settings.password,
            external=external,
            host_name=socket.gethostname(),
            handshake_timeout=settings.timeout,
        )
        self._sasl = Client(config, time.monotonic())
        self._authenticate(self._sasl.start())

    def _authenticate(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._connections.send_handshake(self._handle, data)
                case RelayStart(mechanism=mechanism):
                    self._relay = self._cyrus_relay(mechanism)
                    self._answer_relay(self._relay.start())
                case RelayStep(response=challenge):
                    self._answer_relay(self._relay.step(challenge))
                case Authenticated(rest=rest):
                    self._start_amqp(rest)
                case Refused():
                    self._refused = effect

    def _answer_relay(self, answer: RelayAnswer) -> None:
        if self._sasl is not None:
            self._authenticate(self._sasl.relayed(answer, time.monotonic()))

    def _cyrus_relay(self, mechanism: str) -> Any:
        from skrouter.amqp.cyrus import Cyrus  # noqa: PLC0415 — loads a library that few clients need

        return Cyrus().client_relay(
            mechanism,
            server=self._settings.endpoint.host,
            user=self._settings.username or "",
            password=self._settings.password or "",
        )

    def _start_amqp(self, rest: bytes) -> None:
        self._sasl = None
        self._connections.start_amqp(
            self._handle, rest, MAX_FRAME_SIZE, CHANNEL_MAX, 0, SESSION_WINDOW, self._container
        )
        self._connections.open(self._handle, self._settings.endpoint.host, b"", b"", b"")


def terminus(address: str | None, *, dynamic: bool = False) -> TerminusFields:
    """A source or target in the form of `Forwarder.open_link`."""
    return (address, 0, _SESSION_END, 0, dynamic, b"", b"", b"")


def tls_context(tls: TlsSettings) -> TlsContext:
    """Client certificates and trust; the system's authorities where no file is named."""
    return TlsContext(
        ca_file=tls.trust_file or _system_authorities(),
        cert_file=tls.certificate,
        key_file=tls.key,
        password=tls.password,
        server=False,
    )


def _system_authorities() -> str | None:
    import ssl  # noqa: PLC0415 — only to ask where the system keeps them

    return ssl.get_default_verify_paths().cafile
