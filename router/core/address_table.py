"""Who consumes, who sends and who watches, by address: and what follows when that changes.

Every change goes through `AddressTable.change`, which compares the address before and after and returns
what follows: the entry that the data plane needs, the routers it leads to, credit given to senders or kept
back, what the mesh tells others, and what watchers hear. Edge machines observe the same changes. An address
lives as long as anybody holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from skrouter.amqp.events import Handle
from skrouter.router.core.address import EDGE, EDGE_UPLINK_KEY, MOBILE, ROUTER, SHARED_CLASSES
from skrouter.router.core.effects import (
    AllowCredit,
    BindConsumer,
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
    """One address and all who hold it.

    `consumers` are links of consumers here, `proxies` links to consumers elsewhere that no mesh tells of,
    `feeders` incoming links of ours that deliver here. `meshes`: edge mesh by index of a remote router all
    of whose consumers are in it. `auto_links`: how many configured links are for this address.
    """

    key: str
    treatment: Treatment
    priority: int = -1
    control_only: bool = False
    published: bool = False
    consumers: set[Handle] = field(default_factory=set)
    proxies: set[Handle] = field(default_factory=set)
    producers: set[Handle] = field(default_factory=set)
    feeders: set[Handle] = field(default_factory=set)
    endpoints: int = 0
    shared_endpoints: int = 0
    remotes: set[int] = field(default_factory=set)
    meshes: dict[int, str] = field(default_factory=dict)
    watches: int = 0
    auto_links: int = 0
    permanent: bool = False
    told: LocalAddress | None = None
    """What the mesh was told last; None: nothing, or that there is no local destination."""

    @property
    def has_destination(self) -> bool:
        """Whether a delivery could go anywhere."""
        return bool(self.consumers or self.proxies or self.endpoints or self.remotes)

    @property
    def has_local_destination(self) -> bool:
        """Whether somebody consumes here whom others may be told of."""
        return bool(self.consumers or self.shared_endpoints)

    @property
    def has_local_source(self) -> bool:
        """Whether somebody here sends, or wants to know whether he could."""
        return bool(self.producers or self.watches)

    @property
    def is_shared(self) -> bool:
        """Whether other routers are told of it."""
        return self.key[0] in SHARED_CLASSES and self.has_local_destination

    @property
    def is_held(self) -> bool:
        """Whether anybody needs it."""
        return (
            self.permanent
            or self.watches > 0
            or self.auto_links > 0
            or self.has_destination
            or bool(self.producers)
            or bool(self.feeders)
        )

    def forget(self, link: Handle) -> None:
        """The link is gone, whatever it was here."""
        for links in (self.consumers, self.proxies, self.producers, self.feeders):
            links.discard(link)

    def as_watch(self) -> WatchChanged:
        """What a watcher hears: consumers behind a proxy are as remote as those of other routers."""
        return WatchChanged(
            self.key[1:],
            len(self.consumers),
            self.endpoints,
            len(self.remotes) + len(self.proxies),
            len(self.producers),
        )


@dataclass(frozen=True, slots=True)
class Before:
    """An address as it was before a change."""

    had_destination: bool
    remotes: frozenset[int]
    watch: WatchChanged
    entry: PublishEntry


Rules = Callable[[str], AddressRule | None]
Observer = Callable[[Address, Before], list[Effect]]


class AddressTable:
    """All addresses of a router by key. `mesh_of` names the edge mesh that all consumers of one are in."""

    def __init__(self, rules: Rules, default: Treatment) -> None:
        self._rules = rules
        self._default = default
        self._observers: list[Observer] = [
            _entry_follows,
            _credit_follows,
            self._mesh_follows,
            _watchers_follow,
        ]
        self.mesh_of: Callable[[Address], str | None] = lambda _address: None
        self.addresses: dict[str, Address] = {}

    def observe(self, observer: Observer) -> None:
        """Ask it after every change what else follows."""
        self._observers.append(observer)

    def treatment_of(self, key: str, hint: int | None = None) -> AddressRule:
        """How an address is treated: as configured, else as a remote router has said, else by default.

        Only mobile addresses are configured, and can be unavailable.
        """
        if key[0] == ROUTER or key == EDGE_UPLINK_KEY:
            return AddressRule(Treatment.CLOSEST)
        if key[0] == EDGE:
            return AddressRule(Treatment.BALANCED)
        if key[0] != MOBILE:
            unavailable = self._default is Treatment.UNAVAILABLE
            return AddressRule(Treatment.BALANCED if unavailable else self._default)
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
        before = _before(address)
        yield address
        for observer in self._observers:
            effects += observer(address, before)
        if not address.is_held:
            del self.addresses[key]
            if address.published:
                effects.append(WithdrawEntry(key))

    def review(self, key: str) -> list[Effect]:
        """Something that an address depends on has changed: what follows."""
        effects: list[Effect] = []
        if key in self.addresses:
            with self.change(key, effects):
                pass
        return effects

    def bind_proxy(self, key: str, link: Handle, *, proxy: bool) -> list[Effect]:
        """From now on a link of ours leads to consumers elsewhere; `proxy`: as in `BindConsumer`."""
        effects: list[Effect] = []
        with self.change(key, effects) as address:
            address.proxies.add(link)
        return behind_publish(effects, BindConsumer(link, key, proxy))

    def bind_consumer(self, key: str, link: Handle) -> list[Effect]:
        """From now on a link of an adaptor or of ours consumes from this address."""
        effects: list[Effect] = []
        with self.change(key, effects) as address:
            address.consumers.add(link)
        return behind_publish(effects, BindConsumer(link, key))

    def feed(self, key: str, link: Handle) -> list[Effect]:
        """From now on an incoming link of ours delivers to this address."""
        effects: list[Effect] = []
        with self.change(key, effects) as address:
            address.feeders.add(link)
        return effects

    def forget(self, key: str, link: Handle) -> list[Effect]:
        """A link is gone."""
        effects: list[Effect] = []
        if key in self.addresses:
            with self.change(key, effects) as address:
                address.forget(link)
        return effects

    def _mesh_follows(self, address: Address, _before: Before) -> list[Effect]:
        """Other routers are told of a local destination when it comes, goes, or is not as they know it."""
        told, address.told = address.told, self._local(address)
        if address.told == told:
            return []
        if address.told is None:
            return [LocalAddressesChanged(removed=(address.key,))]
        if told is None:
            return [LocalAddressesChanged(added=(address.told,))]
        return [LocalAddressesChanged(changed=(address.told,))]

    def _local(self, address: Address) -> LocalAddress | None:
        if not address.is_shared:
            return None
        mesh = self.mesh_of(address)
        return LocalAddress(address.key, address.treatment, len(address.producers), mesh)


def behind_publish(effects: list[Effect], bind: Effect) -> list[Effect]:
    """The entry must be there before anything is bound to it, and all else follows from the binding."""
    publish = [effect for effect in effects if isinstance(effect, PublishEntry)]
    return [*publish, bind, *(effect for effect in effects if not isinstance(effect, PublishEntry))]


def _entry(address: Address) -> PublishEntry:
    return PublishEntry(address.key, address.treatment, address.priority, address.control_only)


def _before(address: Address) -> Before:
    return Before(
        address.has_destination,
        frozenset(address.remotes),
        address.as_watch(),
        _entry(address),
    )


def _entry_follows(address: Address, before: Before) -> list[Effect]:
    """The data plane's entry, and the routers that it leads to."""
    effects: list[Effect] = []
    if not address.published or _entry(address) != before.entry:
        address.published = True
        effects.append(_entry(address))
    if address.remotes != before.remotes:
        effects.append(SetEntryRouters(address.key, tuple(sorted(address.remotes))))
    return effects


def _credit_follows(address: Address, before: Before) -> list[Effect]:
    """Senders have credit while there is a destination."""
    if address.has_destination == before.had_destination:
        return []
    return [
        AllowCredit(link, address.has_destination) for link in sorted(address.producers | address.feeders)
    ]


def _watchers_follow(address: Address, before: Before) -> list[Effect]:
    watch = address.as_watch()
    return [watch] if address.watches and watch != before.watch else []
