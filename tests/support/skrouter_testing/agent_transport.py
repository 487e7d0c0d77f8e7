"""A client's transport that ends at agents in the same process."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skrouter.mgmt.agent import Agent

from skrouter_testing.fake_router import FakeRouter, reference_schema


class Timeout(Exception):  # noqa: N818 — the name is printed
    """Nobody answers at this address."""


@dataclass
class AgentTransport:
    """Routers by the address of their agent; keeps what was sent, and whether it was closed."""

    routers: Mapping[str, FakeRouter]
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    closed: bool = False
    reply_to: str = "amqp:/_topo/0/A/temp.vmPFKHGwHDgQFUs"

    def send(self, address: str, content: bytes) -> None:
        """Let the agent at the address answer."""
        if address not in self.routers:
            raise Timeout(f"Sending on sender {address}")
        self.sent.append((address, content))
        router = self.routers[address]
        response = Agent(router, reference_schema(), router).handle(content, now=0.0)
        assert response is not None
        assert response.fault is None, response.fault
        self.waiting.append(response.content)

    def receive(self) -> bytes:
        """The oldest answer."""
        return self.waiting.pop(0)

    def close(self) -> None:
        """Note it."""
        assert not self.closed, "closed twice"
        self.closed = True
