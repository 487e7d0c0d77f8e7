"""A client of a router on proton's own Python library, for tests that look at single deliveries.

Belongs here: connections, senders, receivers and their outcomes, driven from the test's thread. Does not:
volume (`traffic`), management (`live_management`). Longer than files should be: proton's handler and all
that it wakes know each other.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from proton import Condition, Delivery, Endpoint, Message, Terminus
from proton.reactor import ApplicationEvent, Container, EventInjector

Result = TypeVar("Result")
PATIENCE = 15.0
NAMES = {
    Delivery.ACCEPTED: "accepted",
    Delivery.REJECTED: "rejected",
    Delivery.RELEASED: "released",
    Delivery.MODIFIED: "modified",
    Delivery.RECEIVED: "received",
}
STATES = {name: state for state, name in NAMES.items()}


class ClientError(AssertionError):
    """What a test waited for did not happen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended for its sender; `state` is "settled" if the peer settled without a state."""

    state: str
    condition: str = ""
    description: str = ""
    failed: bool = False
    undeliverable: bool = False
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A condition that the peer gave when it closed a link or the connection."""

    condition: str
    description: str


class Client:
    """One connection in a thread of its own. A context: leaves with a proper close."""

    def __init__(self, port: int, *, url: str = "", **options: Any) -> None:
        self.changed = threading.Condition()
        self.trouble: Trouble | None = None
        self.opened = False
        self.closed = False
        self._injector = EventInjector()
        self._pipe = list(self._injector.pipe)
        self._options = {"reconnect": False, **options}
        self._url = url or f"amqp://127.0.0.1:{port}"
        self._container: Any = Container(_Events(self))
        self._thread = threading.Thread(target=self._container.run, name="amqp client", daemon=True)
        self.connection: Any = None
        self.links: dict[str, Sender | Receiver] = {}
        self._thread.start()

    # --- the test's side

    def __enter__(self) -> Client:
        self.wait(lambda: self.opened or self.trouble, "the connection to open")
        if not self.opened:
            self.close()
            raise ClientError(f"no connection: {self.trouble}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self, ready: Callable[[], Result], what: str, timeout: float = PATIENCE) -> Result:
        """What `ready` says as soon as it is true; it is asked after every event."""
        with self.changed:
            if not self.changed.wait_for(ready, timeout):
                raise ClientError(f"waited {timeout:.0f} s for {what}")
            return ready()

    def call(self, function: Callable[[], Result]) -> Result:
        """The function's result, called in the connection's thread."""
        done: list[Result] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                done.append(function())
            except BaseException as error:  # the caller's, whatever it is
                failed.append(error)

        self._injector.trigger(ApplicationEvent("call", subject=run))
        self.wait(lambda: done or failed, "the client's thread")
        if failed:
            raise failed[0]
        return done[0]

    def sender(self, address: str | None, *, ready: bool = True, **options: Any) -> Sender:
        """A sender to the address, None for an anonymous one; attached unless `ready` is False."""
        return self._link(Sender(self, address, options), ready)

    def receiver(
        self,
        address: str | None,
        *,
        credit: int = 100,
        answer: str | None = "accepted",
        dynamic: bool = False,
        ready: bool = True,
    ) -> Receiver:
        """A receiver; each message gets `answer` at once, or waits for the test if None."""
        return self._link(Receiver(self, address, credit, answer, dynamic), ready)

    def _link(self, link: Linked, ready: bool) -> Linked:
        self.call(link.open)
        if ready:
            self.wait(lambda: link.attached or link.trouble or self.trouble, "the attach to be answered")
            if not link.attached:
                raise ClientError(f"no link: {link.trouble or self.trouble}")
        return link

    def kill(self) -> None:
        """Shut the socket without a word of AMQP."""
        if self.connection is None or self.closed:
            return
        self.call(self._shut)
        self._thread.join(PATIENCE)
        self._release()

    def _shut(self) -> None:
        descriptor = self.connection.transport._selectable.fileno()  # proton offers no other way to it
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection and end the thread; harmless if repeated."""
        if self._thread.is_alive() and not self.closed:
            self._injector.trigger(ApplicationEvent("call", subject=self._end))
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise ClientError("the connection does not close")
        self._release()

    def _release(self) -> None:
        """proton leaves the injector's pipe open; hundreds of clients would use up all descriptors."""
        while self._pipe:
            os.close(self._pipe.pop())

    def _end(self) -> None:
        if self.connection is not None and not self.closed:
            self.connection.close()

    # --- the connection's side

    def start(self, container: Any) -> None:
        """Connect."""
        container.selectable(self._injector)
        self.connection = container.connect(self._url, **self._options)

    def stop(self, trouble: Any = None) -> None:
        """The connection is over."""
        if trouble is not None and self.trouble is None:
            self.trouble = Trouble(trouble.name, trouble.description or "")
        if not self.closed:
            self.closed = True
            self._injector.close()


class _Events:
    """proton's events of one connection; whatever happens wakes the test."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.handlers: list[Any] = []

    def on_unhandled(self, name: str, event: Any) -> None:
        """Most events mean nothing here."""

    def on_reactor_init(self, event: Any) -> None:
        self.client.start(event.container)

    def on_call(self, event: Any) -> None:
        event.subject()
        self._wake()

    def on_connection_remote_open(self, _event: Any) -> None:
        self.client.opened = True
        self._wake()

    def on_connection_remote_close(self, event: Any) -> None:
        event.connection.close()
        self.client.stop(event.connection.remote_condition)
        self._wake()

    def on_transport_closed(self, event: Any) -> None:
        self.client.stop(event.transport.condition)
        self._wake()

    def on_link_remote_open(self, event: Any) -> None:
        if (link := self._link(event)) is not None:
            link.remote_open()
        self._wake()

    def on_link_remote_close(self, event: Any) -> None:
        if (link := self._link(event)) is not None:
            link.remote_close()
        self._wake()

    def on_link_remote_detach(self, event: Any) -> None:
        self.on_link_remote_close(event)

    def on_link_flow(self, _event: Any) -> None:
        self._wake()

    def on_delivery(self, event: Any) -> None:
        if (link := self._link(event)) is not None:
            link.delivery_changed(event.delivery)
        self._wake()

    def _link(self, event: Any) -> Sender | Receiver | None:
        return self.client.links.get(event.link.name)

    def _wake(self) -> None:
        with self.client.changed:
            self.client.changed.notify_all()


class _Link:
    """What both directions have."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.link: Any = None
        self.attached = False
        self.trouble: Trouble | None = None
        self.shape: Callable[[Any], None] | None = None
        """Changes the link before it is attached."""

    def _opened(self, link: Any) -> None:
        self.link = link
        if self.shape is not None:
            self.shape(link)
        self.client.links[link.name] = self  # type: ignore[assignment]
        link.open()

    def remote_open(self) -> None:
        """The peer answered; a refusal names no terminus and is followed by a detach."""
        terminus = self.link.remote_target if self.link.is_sender else self.link.remote_source
        self.attached = terminus.type != Terminus.UNSPECIFIED

    def remote_close(self) -> None:
        """The peer detached."""
        condition = self.link.remote_condition
        self.trouble = Trouble(condition.name, condition.description or "") if condition else Trouble("", "")
        self.link.close()

    def close(self) -> None:
        """Detach, and wait for the answer."""
        self.client.call(self.link.close)
        self.client.wait(lambda: self.link.state & Endpoint.REMOTE_CLOSED, "the detach to be answered")


class Sent:
    """A delivery of a sender, whole or in parts."""

    def __init__(self, sender: Sender, delivery: Any) -> None:
        self._sender = sender
        self._delivery = delivery
        self.state: Outcome | None = None
        """What the peer says of it, though it has not settled yet."""
        self.result: Outcome | None = None

    def heard(self, timeout: float = PATIENCE) -> Outcome:
        """What the peer says of it, even before it settles."""
        return self._sender.client.wait(lambda: self.state, "a state", timeout)  # type: ignore[return-value]

    def outcome(self, timeout: float = PATIENCE) -> Outcome:
        """How it ended, once the peer settled it."""
        return self._sender.client.wait(lambda: self.result, "an outcome", timeout)  # type: ignore[return-value]

    def stream(self, octets: bytes) -> None:
        """Send more of it."""
        self._sender.client.call(lambda: self._sender.link.stream(octets))

    def finish(self) -> None:
        """That was all of it."""
        self._sender.client.call(self._sender.link.advance)

    def abort(self) -> None:
        """Take it back."""
        self._sender.client.call(self._delivery.abort)

    def changed(self) -> None:
        """proton has news of it."""
        self.state = _outcome(self._delivery)
        if self._delivery.settled and self.result is None:
            self.result = _outcome(self._delivery)
            self._delivery.settle()


class Sender(_Link):
    """Sends messages to one address, or to each message's own."""

    def __init__(self, client: Client, address: str | None, options: Mapping[str, Any]) -> None:
        super().__init__(client)
        self._address = address
        self._options = options
        self._sent: dict[str, Sent] = {}
        self._count = 0

    def open(self) -> None:
        """Attach."""
        session = self.client.connection.session()
        session.open()
        link = session.sender(f"sender-{len(self.client.links)}")
        link.target.address = self._address
        for name, value in self._options.items():
            setattr(link, name, value)
        self._opened(link)

    @property
    def credit(self) -> int:
        """Messages that the router takes now."""
        return self.client.call(lambda: int(self.link.credit))

    def wait_credit(self, timeout: float = PATIENCE) -> None:
        """Until the router takes a message."""
        self.client.wait(lambda: self.link.credit > 0, "credit", timeout)

    def send(self, message: Message | bytes, *, settled: bool = False) -> Sent:
        """Send a whole message."""
        octets = message if isinstance(message, bytes) else message.encode()
        return self.client.call(lambda: self._send(octets, settled))

    def begin(self, octets: bytes) -> Sent:
        """Send the first part of an encoded message."""
        return self.client.call(lambda: self._begin(octets))

    def _begin(self, octets: bytes) -> Sent:
        self._count += 1
        tag = str(self._count)
        delivery = self.link.delivery(tag)
        self._sent[tag] = Sent(self, delivery)
        self.link.stream(octets)
        return self._sent[tag]

    def _send(self, octets: bytes, settled: bool) -> Sent:
        sent = self._begin(octets)
        if settled:
            sent._delivery.settle()
            sent.result = Outcome("settled")
        else:
            self.link.advance()
        return sent

    def delivery_changed(self, delivery: Any) -> None:
        """proton has news of a delivery."""
        self._sent[delivery.tag].changed()


class Arrival:
    """A message that reached a receiver."""

    def __init__(self, receiver: Receiver, delivery: Any, octets: bytes) -> None:
        self._receiver = receiver
        self._delivery = delivery
        self.octets = octets
        self.settled = bool(delivery.settled)

    @property
    def message(self) -> Message:
        """It, decoded."""
        message = Message()
        message.decode(self.octets)
        return message

    @property
    def body(self) -> Any:
        """The decoded body."""
        return self.message.body

    def settle(self, outcome: Outcome | str) -> None:
        """Settle it with an outcome."""
        wanted = Outcome(outcome) if isinstance(outcome, str) else outcome
        self._receiver.client.call(lambda: _settle(self._delivery, wanted))


class Receiver(_Link):
    """Receives from one address; what came in is in `arrivals`, what was aborted is counted."""

    def __init__(
        self, client: Client, address: str | None, credit: int, answer: str | None, dynamic: bool
    ) -> None:
        super().__init__(client)
        self._wanted = address
        self._credit = credit
        self._answer = answer
        self._dynamic = dynamic
        self._partial = bytearray()
        self.arrivals: list[Arrival] = []
        self.aborted = 0
        self.taken = 0

    def open(self) -> None:
        """Attach, and give credit."""
        session = self.client.connection.session()
        session.open()
        link = session.receiver(f"receiver-{len(self.client.links)}")
        link.source.address = self._wanted
        link.source.dynamic = self._dynamic
        self._opened(link)
        if self._credit:
            link.flow(self._credit)

    @property
    def address(self) -> str:
        """The address that the router gave to a dynamic source."""
        return str(self.link.remote_source.address)

    @property
    def partial(self) -> int:
        """Octets of a message that is not yet whole."""
        return len(self._partial)

    def flow(self, credit: int) -> None:
        """Take more messages."""
        self.client.call(lambda: self.link.flow(credit))

    def take(self, count: int = 1, timeout: float = PATIENCE) -> list[Arrival]:
        """The next messages, once so many are there."""
        wanted = self.taken + count
        self.client.wait(
            lambda: len(self.arrivals) >= wanted,
            f"{count} messages ({len(self.arrivals) - self.taken} there)",
            timeout,
        )
        self.taken = wanted
        return self.arrivals[wanted - count : wanted]

    def delivery_changed(self, delivery: Any) -> None:
        """proton has news of a delivery."""
        if delivery.aborted:
            self.aborted += 1
            self._partial = bytearray()
            delivery.settle()
            return
        if not delivery.readable:
            return
        if delivery.pending:
            self._partial += self.link.recv(delivery.pending)
        if not delivery.partial:
            self._arrived(delivery)

    def _arrived(self, delivery: Any) -> None:
        self.arrivals.append(Arrival(self, delivery, bytes(self._partial)))
        self._partial = bytearray()
        self.link.advance()
        if self._answer is not None:
            _settle(delivery, Outcome(self._answer))
            self.link.flow(1)


Linked = TypeVar("Linked", Sender, Receiver)


def _settle(delivery: Any, outcome: Outcome) -> None:
    local = delivery.local
    if outcome.condition:
        local.condition = Condition(outcome.condition, outcome.description)
    if outcome.state == "modified":
        local.failed = outcome.failed
        local.undeliverable = outcome.undeliverable
        local.annotations = dict(outcome.annotations) or None
    delivery.update(STATES[outcome.state])
    delivery.settle()


def _outcome(delivery: Any) -> Outcome:
    remote = delivery.remote
    name = NAMES.get(delivery.remote_state, "settled")
    if name == "rejected" and remote.condition is not None:
        return Outcome(name, remote.condition.name, remote.condition.description or "")
    if name == "modified":
        annotations = {str(key): value for key, value in (remote.annotations or {}).items()}
        return Outcome(
            name, failed=remote.failed, undeliverable=remote.undeliverable, annotations=annotations
        )
    return Outcome(name)
