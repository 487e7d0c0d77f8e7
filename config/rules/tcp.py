"""Rules for tcpListener, tcpConnector and listenerAddress (spec: tcp-adaptor.md §1)."""

from collections.abc import Iterator

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.rules.context import Context, about


def one_way_to_choose(entity: Entity, _context: Context) -> Iterator[Problem]:
    """A tcpListener has an address of its own or a strategy for several."""
    several = entity.get("multiAddressStrategy") != "none"
    if bool(entity.get("address")) == several:
        text = "Exactly one of the 'address' or 'multiAddressStrategy' field must be set"
        remedy = "remove one of them" if several else "give an address"
        yield about(entity, "address", text, remedy, "Configuration")


def has_address(entity: Entity, _context: Context) -> Iterator[Problem]:
    """A tcpConnector has an address."""
    if not entity.get("address"):
        yield about(entity, "address", "Address must be set", "give the service address", "Configuration")


def listener_takes_addresses(entity: Entity, context: Context) -> Iterator[Problem]:
    """The listener of a listenerAddress exists and takes several addresses."""
    name = entity.text("listener")
    if name is None:
        return
    listener = context.find("tcpListener", name)
    if listener is None:
        text = f"tcpListener '{name}' not found"
        remedy = "add a tcpListener with this name"
    elif listener.get("multiAddressStrategy") == "none":
        text = f"tcpListener '{name}' is not a multi-address listener"
        remedy = "set its multiAddressStrategy to priority or weighted"
    else:
        return
    yield about(entity, "listener", text, remedy, "Configuration")
