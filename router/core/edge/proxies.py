"""Address proxies of one connection: links of ours that stand in for local clients at the router there.

An incoming proxy draws to us what is sent to an address that has consumers here. An outgoing proxy is there
for an address that has senders here; it is used when the other side has said that it leads anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from skrouter.amqp.events import Handle
from skrouter.router.core.address import MOBILE
from skrouter.router.core.address_table import Address, AddressTable
from skrouter.router.core.connections import link_name
from skrouter.router.core.edge import wire
from skrouter.router.core.effects import (
    DetachLink,
    Effect,
    LinkKind,
    OpenLink,
    Purpose,
    Terminus,
    UnbindConsumer,
    Use,
)
from skrouter.router.core.facts import ConnectionFacts

INCOMING, OUTGOING = "proxy in", "proxy out"
"""Roles of a link's purpose."""


class Proxies:
    """The proxies on one connection. `has_outgoing`: the other side tells which addresses are reachable."""

    def __init__(
        self,
        facts: ConnectionFacts,
        use: Use,
        session: int,
        table: AddressTable,
        unique: Callable[[], str],
        *,
        has_outgoing: bool,
    ) -> None:
        self._facts = facts
        self._use = use
        self._session = session
        self._table = table
        self._unique = unique
        self._has_outgoing = has_outgoing
        self._incoming: dict[str, Handle | None] = {}
        self._outgoing: dict[str, Handle | None] = {}
        """Links by key; None: not there yet, or refused."""

    def open_all(self) -> list[Effect]:
        """For every address that wants them."""
        effects: list[Effect] = []
        for address in self._table.addresses.values():
            effects += self.follow(address)
        return effects

    def follow(self, address: Address) -> list[Effect]:
        """Open and close what this address wants now."""
        key = address.key
        if key[0] != MOBILE or key.startswith(wire.CONTROL_PREFIX, 1):
            return []
        effects: list[Effect] = []
        if address.has_local_destination and key not in self._incoming:
            self._incoming[key] = None
            effects.append(self._open(key, outgoing=False))
        elif not address.has_local_destination and key in self._incoming:
            effects += self._close(address, self._incoming.pop(key))
        if self._has_outgoing and address.has_local_source and key not in self._outgoing:
            self._outgoing[key] = None
            effects.append(self._open(key, outgoing=True))
        elif not address.has_local_source and key in self._outgoing:
            effects += self._close(address, self._outgoing.pop(key))
        return effects

    def _open(self, key: str, *, outgoing: bool) -> OpenLink:
        there = Terminus(key[1:])
        capacity = self._facts.link_capacity
        role = OUTGOING if outgoing else INCOMING
        return OpenLink(
            purpose=Purpose(self._facts.connection, LinkKind.ENDPOINT, outgoing, 4, self._use, role, key),
            name=link_name(self._unique),
            session=self._session,
            capacity=capacity,
            credit=0 if outgoing else capacity,
            source=Terminus() if outgoing else there,
            target=there if outgoing else Terminus(),
            key=None if outgoing else key,
        )

    @staticmethod
    def _close(address: Address, link: Handle | None) -> list[Effect]:
        if link is None:
            return []
        address.forget(link)
        return [DetachLink(link)]

    def opened(self, link: Handle, purpose: Purpose) -> list[Effect]:
        """A proxy exists."""
        if purpose.outgoing:
            self._outgoing[purpose.key] = link
            return []
        self._incoming[purpose.key] = link
        return self._table.feed(purpose.key, link)

    def detached(self, link: Handle, purpose: Purpose) -> None:
        """The other side has ended a proxy; it is opened again when its address is wanted anew."""
        links = self._outgoing if purpose.outgoing else self._incoming
        if links.get(purpose.key) == link:
            links[purpose.key] = None

    def reachable(self, key: str, reachable: bool) -> list[Effect]:
        """The other side says whether the address of this key leads anywhere there."""
        link = self._outgoing.get(key)
        address = self._table.addresses.get(key)
        if link is None or address is None or (link in address.proxies) is reachable:
            return []
        if reachable:
            return self._table.bind_proxy(key, link, proxy=True)
        return [UnbindConsumer(link), *self._table.forget(key, link)]

    def detach_all(self) -> list[Effect]:
        """Give up all proxies of a connection that lives on."""
        links = [*self._incoming.items(), *self._outgoing.items()]
        self._incoming, self._outgoing = {}, {}
        effects: list[Effect] = []
        for key, link in links:
            if link is None:
                continue
            effects += [DetachLink(link), *self._table.forget(key, link)]
        return effects
