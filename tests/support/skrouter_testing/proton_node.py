"""A management node on a socket, in proton's own client library: a peer that shares no code with ours."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from proton import Condition, SSLDomain, Terminus
from proton.handlers import MessagingHandler
from proton.reactor import ApplicationEvent, Container, EventInjector
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent import Agent

from skrouter_testing.fake_router import FakeRouter

REFUSED, GONE = "refused", "gone"
"""Addresses at which the node closes the link, or the connection."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a node that asks for a client certificate."""

    certificate: str
    key: str
    authority: str


@dataclass
class Peer:
    """Where the node listens, and what it saw."""

    port: int = 0
    opened: list[str] = field(default_factory=list)
    users: list[tuple[str | None, str | None]] = field(default_factory=list)
    """SASL mechanism and user of each connection."""
    closed: int = 0
    addresses: list[str] = field(default_factory=list)


class _Node(MessagingHandler):
    """Answers on dynamic sources what an agent says to messages for known addresses."""

    def __init__(
        self, routers: dict[str, FakeRouter], peer: Peer, ready: threading.Event, tls: Tls | None
    ) -> None:
        super().__init__(auto_accept=True, prefetch=0)
        self.routers, self.peer, self.ready, self.tls = routers, peer, ready, tls
        self.replies: dict[str, Any] = {}
        self.injector = EventInjector()

    def on_start(self, event: Any) -> None:
        if self.tls is not None:
            domain = event.container.ssl.server
            domain.set_credentials(self.tls.certificate, self.tls.key, None)
            domain.set_trusted_ca_db(self.tls.authority)
            domain.set_peer_authentication(SSLDomain.VERIFY_PEER, self.tls.authority)
        scheme = "amqp" if self.tls is None else "amqps"
        event.container.selectable(self.injector)
        self.acceptor = event.container.listen(f"{scheme}://127.0.0.1:0")
        probe = socket.socket(fileno=os.dup(self.acceptor._selectable.fileno()))
        self.peer.port = probe.getsockname()[1]
        probe.close()
        self.ready.set()

    def on_stop_wanted(self, event: Any) -> None:
        """The loop ends by itself when the connections have ended too."""
        self.acceptor.close()
        self.injector.close()
        assert event.type is not None

    def on_connection_opening(self, event: Any) -> None:
        self.peer.opened.append(event.connection.remote_container)
        sasl = event.transport.sasl()
        self.peer.users.append((sasl.mech, sasl.user))

    def on_connection_closed(self, event: Any) -> None:
        assert event.connection is not None
        self.peer.closed += 1

    def on_link_opening(self, event: Any) -> None:
        link = event.link
        if link.is_sender:
            address = f"temp.{len(self.replies)}"
            self.replies[address] = link
            link.source.type = Terminus.SOURCE
            link.source.dynamic = True
            link.source.address = address
            return
        address = link.remote_target.address
        self.peer.addresses.append(address)
        link.target.address = address
        if address in self.routers:
            link.open()
            link.flow(10)

    def on_link_opened(self, event: Any) -> None:
        if event.link.is_receiver and event.link.target.address == REFUSED:
            event.link.condition = Condition("amqp:not-found", "Node not found")
            event.link.close()
        elif event.link.is_receiver and event.link.target.address == GONE:
            event.connection.condition = Condition("amqp:connection:forced", "enough")
            event.connection.close()

    def on_message(self, event: Any) -> None:
        agent = Agent(router := self.routers[event.link.target.address], load_schema(), router)
        response = agent.handle(event.message.encode(), now=0.0)
        assert response is not None
        link = self.replies[response.to]
        delivery = link.delivery(link.delivery_tag())
        link.stream(response.content)
        delivery.settle()
        link.advance()
        event.link.flow(1)


@contextlib.contextmanager
def proton_node(routers: dict[str, FakeRouter], tls: Tls | None = None) -> Iterator[Peer]:
    """A node with these routers by address, listening while the context lasts."""
    peer, ready = Peer(), threading.Event()
    node = _Node(routers, peer, ready, tls)
    container = Container(node)
    thread = threading.Thread(target=container.run, name="proton-node")
    thread.start()
    assert ready.wait(10), "proton does not listen"
    try:
        yield peer
    finally:
        node.injector.trigger(ApplicationEvent("stop_wanted"))
        thread.join(10)
        assert not thread.is_alive(), "a connection to proton is still open"
