"""A broker on proton's own client library: queues that keep messages until somebody takes them.

Belongs here: queues on one loopback port, made and closed by the test. Does not: what a router should do.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import Any

from proton import Condition, Delivery, Endpoint, Message, Terminus
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector

from skrouter_testing.amqp_client import PATIENCE, ClientError
from skrouter_testing.process import HOST

CREDIT = 10


class _Events(MessagingHandler):
    """Takes messages into queues and gives them out; an unknown queue is refused."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(auto_accept=False, prefetch=0)
        self.broker = broker

    def on_start(self, event: Any) -> None:
        event.container.selectable(self.broker.injector)
        self.broker.acceptor = event.container.listen(f"{HOST}:{self.broker.port}")
        self.broker.listening.set()

    def on_connection_opening(self, event: Any) -> None:
        event.connection.container = self.broker.name
        self.broker.connections.append(event.connection)

    def on_call(self, event: Any) -> None:
        event.subject()

    def on_link_opening(self, event: Any) -> None:
        link = event.link
        wanted = link.remote_source.address if link.is_sender else link.remote_target.address
        if wanted not in self.broker.queues:
            self._refuse(link, f"there is no queue {wanted}")
            return
        link.source.copy(link.remote_source)
        link.target.copy(link.remote_target)
        link.open()
        self.broker.links.append(link)
        if link.is_receiver:
            link.flow(CREDIT)

    def _refuse(self, link: Any, why: str) -> None:
        """Answer without terminus; proton's handler opens the link behind this, so the detach has to wait."""
        link.source.type = link.target.type = Terminus.UNSPECIFIED
        link.condition = Condition("amqp:not-found", why)
        self.broker.injector.trigger(ApplicationEvent("call", subject=link.close))

    def on_link_opened(self, _event: Any) -> None:
        self.broker.deliver()

    def on_sendable(self, _event: Any) -> None:
        self.broker.deliver()

    def on_message(self, event: Any) -> None:
        self.broker.queues[event.link.remote_target.address].append(event.message)
        event.delivery.update(Delivery.ACCEPTED)
        event.delivery.settle()
        event.link.flow(1)
        self.broker.deliver()

    def on_settled(self, event: Any) -> None:
        with self.broker.changed:
            self.broker.outcomes.append(str(event.delivery.remote_state))
            self.broker.changed.notify_all()


class Broker:
    """Listens while it is a context. `links` are those that it has accepted."""

    def __init__(self, port: int, name: str, *queues: str) -> None:
        self.port = port
        self.name = name
        self.queues: dict[str, deque[Message]] = {queue: deque() for queue in queues}
        self.links: list[Any] = []
        self.connections: list[Any] = []
        self.outcomes: list[str] = []
        self.changed = threading.Condition()
        self.listening = threading.Event()
        self.injector = EventInjector()
        self.acceptor: Any = None
        self._container: Any = Container(_Events(self))
        self._thread = threading.Thread(target=self._container.run, name="broker", daemon=True)

    def __enter__(self) -> Broker:
        self._thread.start()
        if not self.listening.wait(PATIENCE):
            raise ClientError("the broker does not listen")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self._stop)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise ClientError("the broker does not end")

    def _stop(self) -> None:
        self.acceptor.close()
        for connection in self.connections:
            connection.close()
        self.injector.close()

    def call(self, function: Any) -> None:
        """Call it in the broker's thread, and wait until it is done."""
        done = threading.Event()

        def run() -> None:
            function()
            done.set()

        self.injector.trigger(ApplicationEvent("call", subject=run))
        if not done.wait(PATIENCE):
            raise ClientError("the broker's thread does not answer")

    # --- what a test does to it

    def declare(self, queue: str) -> None:
        """Make a queue."""
        self.call(lambda: self.queues.setdefault(queue, deque()))

    def delete(self, queue: str) -> None:
        """Take a queue away; its links are detached with a reason."""
        self.call(lambda: self._delete(queue))

    def _delete(self, queue: str) -> None:
        del self.queues[queue]
        for link in [link for link in self.links if queue in self._addresses(link)]:
            link.condition = Condition("amqp:resource-deleted", f"queue {queue} was deleted")
            link.close()
            self.links.remove(link)

    @staticmethod
    def _addresses(link: Any) -> tuple[str | None, str | None]:
        return link.remote_source.address, link.remote_target.address

    def attached(self) -> list[tuple[str, str]]:
        """What is attached now: direction as a router sees it, and queue."""
        found: list[tuple[str, str]] = []
        self.call(lambda: found.extend(self._attached()))
        return sorted(found)

    def _attached(self) -> list[tuple[str, str]]:
        live = [link for link in self.links if link.state & Endpoint.REMOTE_ACTIVE]
        return [
            ("in", link.remote_source.address) if link.is_sender else ("out", link.remote_target.address)
            for link in live
        ]

    # --- in its thread

    def deliver(self) -> None:
        """Give out what is kept, as far as there is credit."""
        for link in self.links:
            live = link.is_sender and link.state & Endpoint.REMOTE_ACTIVE
            queue = self.queues.get(link.remote_source.address) if live else None
            while queue and link.credit > 0:
                link.send(queue.popleft())
