"""What can happen to a mesh engine. Closed list; how an engine answers is in `effects`."""

from dataclasses import dataclass

from skrouter.router.mesh.messages import AddressDescriptor, MeshMessage


@dataclass(frozen=True, slots=True)
class Tick:
    """The engine's deadline has come (about once a second; `MeshEngine.next_deadline` says when)."""


@dataclass(frozen=True, slots=True)
class ControlLinkUp:
    """The control links of an inter-router connection are open. `slot` names the neighbor connection."""

    slot: int
    cost: int


@dataclass(frozen=True, slots=True)
class ControlLinkDown:
    """The control links of a neighbor connection are gone; its slot may be used again after this event."""

    slot: int


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A protocol message came over the control link of `slot`, whose connection has this cost."""

    message: MeshMessage
    slot: int
    cost: int


@dataclass(frozen=True, slots=True)
class LocalAddressesChanged:
    """Addresses became (`added`) or ceased to be (`removed`, hash keys) local destinations."""

    added: tuple[AddressDescriptor, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalAddressAttributesChanged:
    """Treatment, link count, capacity or mesh of addresses that are local destinations already."""

    changed: tuple[AddressDescriptor, ...]


Event = (
    Tick
    | ControlLinkUp
    | ControlLinkDown
    | MessageReceived
    | LocalAddressesChanged
    | LocalAddressAttributesChanged
)
