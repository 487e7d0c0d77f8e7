"""Mobile addresses: ours as told to the mesh step by step, and our copies of the other routers'.

Hash keys of classes M (mobile), N (network) and H (edge router). Not here: what an address resolves to.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from skrouter.router.mesh.messages import (
    AddressDescriptor,
    MobileAddressDifference,
    MobileAddressList,
)
from skrouter.router.mesh.sequence import RemoteSequence


@dataclass(frozen=True, slots=True)
class AddressChange:
    """What an update changed: descriptors new or different, keys gone."""

    added: tuple[AddressDescriptor, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.added or self.removed)


class OwnAddresses:
    """Our addresses: what the mesh was told under `sequence`, and what has changed since."""

    def __init__(self) -> None:
        self.sequence = 0
        self._told: dict[str, AddressDescriptor] = {}
        self._pending: dict[str, AddressDescriptor | None] = {}

    def add(self, addresses: Iterable[AddressDescriptor]) -> None:
        """Addresses that are local destinations, new ones or with new attributes."""
        for address in addresses:
            self._note(address.key, address)

    def remove(self, keys: Iterable[str]) -> None:
        """Addresses that are no local destinations any more; unknown keys are of no consequence."""
        for key in keys:
            self._note(key, None)

    def _note(self, key: str, address: AddressDescriptor | None) -> None:
        if self._told.get(key) == address:
            self._pending.pop(key, None)
        else:
            self._pending[key] = address

    def advance(self) -> AddressChange | None:
        """Give what is pending the next number; None if nothing is."""
        if not self._pending:
            return None
        added = tuple(address for address in self._pending.values() if address is not None)
        removed = tuple(key for key, address in self._pending.items() if address is None)
        for key in removed:
            del self._told[key]
        self._told |= {address.key: address for address in added}
        self._pending = {}
        self.sequence += 1
        return AddressChange(added, removed)

    def listing(self) -> tuple[AddressDescriptor, ...]:
        """All addresses as of `sequence`."""
        return tuple(self._told.values())


@dataclass(slots=True)
class RemoteAddresses:
    """Our copy of a router's addresses."""

    sequence: RemoteSequence = field(default_factory=RemoteSequence)
    known: dict[str, AddressDescriptor] = field(default_factory=dict)

    @property
    def is_unheard(self) -> bool:
        """Whether the router has not told anything of them yet, or it was forgotten with the router."""
        return self.sequence.have == self.sequence.advertised == 0

    def apply_difference(self, message: MobileAddressDifference) -> AddressChange | None:
        """Make the step if it is the next one. None: a step is missing, and `sequence` is behind now."""
        if message.mobile_seq > self.sequence.have + 1:
            self.sequence.advertised = max(self.sequence.advertised, message.mobile_seq)
            return None
        if message.mobile_seq <= self.sequence.have:
            return AddressChange((), ())
        added = {address.key: address for address in message.added}
        removed = tuple(
            key for key in dict.fromkeys(message.removed) if key in self.known and key not in added
        )
        fresh = tuple(address for key, address in added.items() if self.known.get(key) != address)
        for key in removed:
            del self.known[key]
        self.known |= added
        self.sequence.arrived(message.mobile_seq)
        return AddressChange(fresh, removed)

    def apply_list(self, message: MobileAddressList) -> AddressChange:
        """Replace the copy, unless it is later than the list."""
        if message.mobile_seq < self.sequence.have:
            return AddressChange((), ())
        wanted = {address.key: address for address in message.addresses}
        added = tuple(address for key, address in wanted.items() if self.known.get(key) != address)
        removed = tuple(key for key in self.known if key not in wanted)
        self.known = wanted
        self.sequence.arrived(message.mobile_seq)
        return AddressChange(added, removed)

    def clear(self) -> bool:
        """Forget the addresses and their number; True if there were any."""
        had_addresses = bool(self.known)
        self.known = {}
        advertised = self.sequence.advertised
        self.sequence.restart()
        # What the router last told stays true when only the way to it was lost.
        self.sequence.advertised = advertised
        return had_addresses
