"""A neighbor of a real router that tells it of a whole mesh behind itself.

Belongs here: the control links of an interior router, spoken by proton's client, and what is sent on them.
Does not: deciding anything; what the router says is left unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Self

from proton import symbol
from skrouter.amqp.annotations import RouterAnnotations
from skrouter.router.mesh.messages import (
    AddressDescriptor,
    Hello,
    KnownMessage,
    LinkStateUpdate,
    MobileAddressList,
    RouterAdvertisement,
)
from skrouter.router.mesh.wire import encode

from skrouter_testing.amqp_client import Client, Receiver, Sender

INSTANCE = 1_700_000_000
MULTICAST = 3

LinkStates = Mapping[str, Mapping[str, int]]
"""The neighbors of each router, with the costs of their links."""


def mesh_behind(own: str, neighbor: str, size: int, seed: int = 1) -> LinkStates:
    """A random tree of `size` routers and half as many links again; `own` hangs on `neighbor` alone."""
    random = Random(seed)
    ids = [neighbor, *(f"R{number:04}" for number in range(size - 2))]
    states: dict[str, dict[str, int]] = {name: {} for name in ids}
    pairs = [(ids[random.randrange(number)], ids[number]) for number in range(1, len(ids))]
    pairs += [tuple(random.sample(ids, 2)) for _ in range(size // 2)]  # type: ignore[misc]
    for one, other in pairs:
        states[one][other] = states[other][one] = 1
    states[neighbor][own] = 1
    return states


class MeshPeer:
    """An interior router's control connection to the listener at this port. A context."""

    def __init__(self, port: int, own: str, router: str) -> None:
        self.own = own
        self._router = router
        self._client = Client(port)
        self._receiver: Receiver | None = None
        self._sender: Sender | None = None

    def __enter__(self) -> Self:
        self._client.__enter__()
        self._receiver = Receiver(self._client, None, 250, "accepted", dynamic=False)
        self._sender = Sender(self._client, None, {})
        self._receiver.shape = lambda link: link.source.capabilities.put_object(symbol("qd.router"))
        self._sender.shape = lambda link: link.target.capabilities.put_object(symbol("qd.router"))
        for link in (self._receiver, self._sender):
            self._client.call(link.open)
        return self

    def __exit__(self, *_: Any) -> None:
        self._client.close()

    def say(self, *messages: KnownMessage) -> None:
        """Send them as the neighbor."""
        assert self._sender is not None
        path = RouterAnnotations(ingress=f"0/{self.own}", trace=(f"0/{self.own}",))
        for message in messages:
            self._sender.wait_credit()
            self._sender.send(encode(message, path), settled=True)

    def hello(self) -> None:
        """Still here, and the router is seen."""
        self.say(Hello(self.own, INSTANCE, (self._router,)))

    def tell_links(self, states: LinkStates) -> None:
        """Every router of the mesh, each with one list of addresses to come."""
        for name, neighbors in states.items():
            self.hello()
            self.say(
                RouterAdvertisement(name, INSTANCE, 1, 1),
                LinkStateUpdate(name, INSTANCE, 1, dict(neighbors), self._router),
            )

    def tell_addresses(self, states: LinkStates, keys: list[str]) -> None:
        """Each router has its share of these addresses."""
        for number, name in enumerate(states):
            mine = tuple(AddressDescriptor(f"M{key}", MULTICAST) for key in keys[number :: len(states)])
            self.hello()
            self.say(MobileAddressList(name, 1, mine, self._router))
