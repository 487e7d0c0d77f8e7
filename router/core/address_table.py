"""Who consumes, who sends and who watches, by address: and what follows when that changes.

Every change goes through `AddressTable.change`, which compares the address before and after and returns
what follows: the entry that the data plane needs, the routers it leads to, credit given to senders or kept
back, what the mesh tells others, and what watchers hear. An address lives as long as anybody holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from skrouter.amqp.events import Handle
from skrouter.router.core.address import MOBILE, SHARED_CLASSES
from skrouter.router.core.effects import (
    AllowCredit,
    Effect,
    LocalAddress,
    LocalAddressesChanged,
    PublishEntry,
    SetEntryRouters,
    Treatment,
    WatchChanged,
    WithdrawEntry,
)


@dataclass(frozen=True, slots=True)
class AddressRule:
    """What the configuration says of a mobile address; `priority` -1: the message's own."""

    treatment: Treatment
    priority: int = -1


@dataclass(slots=True)
class Address:
    """One address and all who hold it. `hint`: the treatment that a remote router gave."""

    key: str
    treatment: Treatment
    priority: int = -1
    control_only: bool = False
    published: bool = False
    consumers: set[Handle] = field(default_factory=set)
    producers: set[Handle] = field(default_factory=set)
    endpoints: int = 0
    shared_endpoints: int = 0
    remotes: set[int] = field(default_factory=set)
    watches: int = 0
    permanent: bool = False

    @property
    def has_destination(self) -> bool:
        """Whether a delivery could go anywhere."""
        return bool(self.consumers or self.endpoints or self.remotes)

    @property
    def is_shared(self) -> bool:
        """Whether other routers are told of it."""
        return self.key[0] in SHARED_CLASSES and bool(self.consumers or self.shared_endpoints)

    @property
    def is_held(self) -> bool:
        """Whether anybody needs it."""
        return self.permanent or self.watches > 0 or self.has_destination or bool(self.producers)

    def as_local(self) -> LocalAddress:
        """How the mesh tells of it."""
        return LocalAddress(self.key, self.treatment, len(self.producers))

    def as_watch(self) -> WatchChanged:
        """What a watcher hears."""
        return WatchChanged(
            self.key[1:], len(self.consumers), self.endpoints, len(self.remotes), len(self.producers)
        )


Rules = Callable[[str], AddressRule | None]


class AddressTable:
    """All addresses of a router by key."""

    def __init__(self, rules: Rules, default: Treatment) -> None:
        self._rules = rules
        self._default = default
        self.addresses: dict[str, Address] = {}

    def treatment_of(self, key: str, hint: int | None = None) -> AddressRule:
        """How an address is treated: as configured, else as a remote router has said, else by default."""
        if key[0] != MOBILE:
            return AddressRule(Treatment.CLOSEST)
        if (rule := self._rules(key[1:])) is not None:
            return rule
        if hint is not None and hint in (Treatment.MULTICAST, Treatment.CLOSEST, Treatment.BALANCED):
            return AddressRule(Treatment(hint))
        if hint is not None and self._default is Treatment.UNAVAILABLE:
            return AddressRule(Treatment.BALANCED)
        return AddressRule(self._default)

    @contextmanager
    def change(self, key: str, effects: list[Effect], hint: int | None = None) -> Iterator[Address]:
        """Change an address, which is made if need be; what follows is added to `effects`."""
        address = self.addresses.get(key)
        if address is None:
            rule = self.treatment_of(key, hint)
            address = self.addresses[key] = Address(key, rule.treatment, rule.priority)
        before = _Before(address)
        yield address
        effects += before.follow(address)
        if not address.is_held:
            del self.addresses[key]
            if address.published:
                effects.append(WithdrawEntry(key))


def _entry(address: Address) -> PublishEntry:
    return PublishEntry(address.key, address.treatment, address.priority, address.control_only)


class _Before:
    """An address as it was."""

    def __init__(self, address: Address) -> None:
        self._had_destination = address.has_destination
        self._was_shared = address.is_shared
        self._remotes = frozenset(address.remotes)
        self._watch = address.as_watch()
        self._producers = len(address.producers)
        self._entry = _entry(address)

    def follow(self, address: Address) -> list[Effect]:
        """What follows from the difference."""
        effects: list[Effect] = []
        if not address.published or _entry(address) != self._entry:
            address.published = True
            effects.append(_entry(address))
        if address.remotes != self._remotes:
            effects.append(SetEntryRouters(address.key, tuple(sorted(address.remotes))))
        if address.has_destination != self._had_destination:
            effects += [AllowCredit(link, address.has_destination) for link in sorted(address.producers)]
        effects += self._shared(address)
        if address.watches and address.as_watch() != self._watch:
            effects.append(address.as_watch())
        return effects

    def _shared(self, address: Address) -> list[Effect]:
        if address.is_shared and not self._was_shared:
            return [LocalAddressesChanged(added=(address.as_local(),))]
        if self._was_shared and not address.is_shared:
            return [LocalAddressesChanged(removed=(address.key,))]
        if address.is_shared and len(address.producers) != self._producers:
            return [LocalAddressesChanged(changed=(address.as_local(),))]
        return []
