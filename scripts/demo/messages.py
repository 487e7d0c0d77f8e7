"""AMQP messages from one router to the other, sent and received by proton's own client."""

from proton import Connection, Event, Message
from proton.handlers import MessagingHandler
from proton.reactor import Container

from demo import PATIENCE, DemoError
from demo.configs import HOST, Ports

ADDRESS = "greetings"


def send_messages(ports: Ports, count: int) -> None:
    """`count` messages from a sender on west to a receiver on east: each once, in order, accepted."""
    traffic = Traffic(ports, count)
    Container(traffic).run()
    if traffic.failure:
        raise DemoError(f"messages: {traffic.failure}")
    if traffic.received != list(range(count)):
        raise DemoError(f"messages came out of order or twice: {len(traffic.received)} received of {count}")


class Traffic(MessagingHandler):
    """A sender and a receiver on connections of their own. `failure` is empty if all went well."""

    def __init__(self, ports: Ports, count: int) -> None:
        super().__init__(prefetch=500)
        self._ports = ports
        self._count = count
        self._sent = 0
        self._accepted = 0
        self._connections: list[Connection] = []
        self.received: list[int] = []
        self.failure = ""

    def on_start(self, event: Event) -> None:
        self._container = event.container
        self._deadline = event.container.schedule(PATIENCE, self)
        event.container.create_receiver(self._connect(self._ports.east), ADDRESS)

    def on_link_opened(self, event: Event) -> None:
        if event.receiver:
            event.container.create_sender(self._connect(self._ports.west), ADDRESS)

    def on_sendable(self, event: Event) -> None:
        sender = event.sender
        while sender is not None and sender.credit and self._sent < self._count:
            sender.send(Message(id=self._sent, body=f"greeting {self._sent}"))
            self._sent += 1

    def on_message(self, event: Event) -> None:
        self.received.append(event.message.id)
        self._close_if_done()

    def on_accepted(self, _event: Event) -> None:
        self._accepted += 1
        self._close_if_done()

    def on_timer_task(self, _event: Event) -> None:
        self._fail(f"{len(self.received)} received and {self._accepted} accepted after {PATIENCE:.0f} s")

    def on_transport_error(self, event: Event) -> None:
        self._fail(str(event.transport and event.transport.condition))

    def on_link_error(self, event: Event) -> None:
        self._fail(str(event.link and event.link.remote_condition))

    def _connect(self, port: int) -> Connection:
        connection = self._container.connect(f"{HOST}:{port}", reconnect=False)
        self._connections.append(connection)
        return connection

    def _close_if_done(self) -> None:
        if self._accepted == self._count and len(self.received) >= self._count:
            self._close()

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason
        self._close()

    def _close(self) -> None:
        self._deadline.cancel()
        for connection in self._connections:
            connection.close()
