"""Links that a configuration asks for: to a broker, or to another network (spec: routing-protocol §6, §9).

Each autoLink attaches one link on every connection that it matches. What becomes of that link:

    state      | established | established, but refused | detached             | timer fired
    -----------+-------------+--------------------------+----------------------+------------
    attaching  | active      | attaching (detach comes) | failed, timer begins | -
    active     | -           | -                        | failed, timer begins | -
    failed     | -           | -                        | -                    | attaching

The autoLink is inactive while it has no link at all; with several it is what the best of them is. A series of
failures is tried again after 2 seconds, then every 5, and ends with an active link. The end of a connection
is the end of its links and timers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from skrouter.amqp.events import Handle, RawTerminus
from skrouter.router.core.address import AddressParser
from skrouter.router.core.address_table import AddressTable
from skrouter.router.core.connections import link_name
from skrouter.router.core.effects import (
    DetachLink,
    Effect,
    LinkKind,
    OpenLink,
    PeerKind,
    Purpose,
    SetPeer,
    StartTimer,
    Terminus,
    Use,
)
from skrouter.router.core.facts import ROLE_INTER_NETWORK, ROLE_ROUTE_CONTAINER, AutoLink, ConnectionFacts

FIRST_RETRY: Final = 2.0
RETRY: Final = 5.0
"""Seconds from a failure to the next attach: of the first failure, of those behind it."""

_SERVED: Final = (ROLE_ROUTE_CONTAINER, ROLE_INTER_NETWORK)
_SESSION: Final = 0
"""The links of one side share a session."""
_ABSENT: Final = 0
"""Kind of the terminus with which a peer answers the attach of a link that it refuses."""


class State(StrEnum):
    """As management shows it (operStatus)."""

    INACTIVE = "inactive"
    FAILED = "failed"
    ATTACHING = "attaching"
    ACTIVE = "active"


_FROM_WORST: Final = tuple(State)


@dataclass(frozen=True, slots=True)
class AutoLinkStatus:
    """How an autoLink is doing; `link` is its best link, if it has one."""

    state: State = State.INACTIVE
    link: Handle | None = None
    last_error: str = ""


@dataclass(slots=True)
class Attachment:
    """The link of an autoLink on one connection; `retried`: the next failure is not the first in a row."""

    facts: ConnectionFacts
    state: State = State.ATTACHING
    link: Handle | None = None
    retried: bool = False


@dataclass(slots=True)
class Known:
    """A configured autoLink, by connection its links. `key` None: each message says where it goes."""

    config: AutoLink
    key: str | None
    attachments: dict[Handle, Attachment] = field(default_factory=dict)
    last_error: str = ""


class AutoLinks:
    """All autoLinks of a router."""

    def __init__(self, table: AddressTable, parser: AddressParser, unique: Callable[[], str]) -> None:
        self._table = table
        self._parser = parser
        self._unique = unique
        self._known: dict[str, Known] = {}
        self._connections: dict[Handle, ConnectionFacts] = {}

    def status(self, name: str) -> AutoLinkStatus:
        """Of one autoLink; inactive if there is none of this name."""
        known = self._known.get(name)
        if known is None:
            return AutoLinkStatus()
        ranked = sorted(known.attachments.values(), key=lambda one: _FROM_WORST.index(one.state))
        best = ranked[-1] if ranked else None
        if best is None:
            return AutoLinkStatus(last_error=known.last_error)
        return AutoLinkStatus(best.state, best.link, known.last_error)

    # --- configuration

    def added(self, config: AutoLink) -> list[Effect]:
        """One more; it attaches at once where it can, and takes the place of one with the same name."""
        effects = self.removed(config.name)
        key = self._parser.key(config.address) if config.address else None
        known = self._known[config.name] = Known(config, key)
        if key == "":
            known.last_error = f"address {config.address!r} names nothing"
            return effects
        effects += self._hold(known, 1)
        for facts in self._connections.values():
            effects += self._attach_if_matched(known, facts)
        return effects

    def removed(self, name: str) -> list[Effect]:
        """It is wanted no longer: its links are detached."""
        known = self._known.pop(name, None)
        if known is None:
            return []
        effects: list[Effect] = []
        for attachment in known.attachments.values():
            if attachment.link is None:
                continue
            effects.append(DetachLink(attachment.link))
            if known.key:
                effects += self._table.forget(known.key, attachment.link)
        return effects + self._hold(known, -1)

    def _hold(self, known: Known, step: int) -> list[Effect]:
        """Its address exists for as long as it is configured."""
        effects: list[Effect] = []
        if known.key:
            with self._table.change(known.key, effects) as address:
                address.auto_links += step
        return effects

    # --- connections

    def connection_up(self, facts: ConnectionFacts) -> list[Effect]:
        """Attach what matches, in the order of the configuration."""
        if facts.role not in _SERVED:
            return []
        self._connections[facts.connection] = facts
        is_network = facts.role == ROLE_INTER_NETWORK
        peer = PeerKind.INTER_NETWORK if is_network else PeerKind.CONTAINER
        streams = is_network and facts.offered.streaming_links
        effects: list[Effect] = [SetPeer(facts.connection, peer, streams=streams)]
        for known in self._known.values():
            effects += self._attach_if_matched(known, facts)
        return effects

    def connection_down(self, connection: Handle) -> None:
        """Nothing of it is left."""
        if self._connections.pop(connection, None) is not None:
            for known in self._known.values():
                known.attachments.pop(connection, None)

    def _attach_if_matched(self, known: Known, facts: ConnectionFacts) -> list[Effect]:
        if known.key == "" or not known.config.matches(facts):
            return []
        known.attachments[facts.connection] = Attachment(facts)
        return [self._open(known, facts)]

    def _open(self, known: Known, facts: ConnectionFacts) -> OpenLink:
        config, outgoing = known.config, not known.config.incoming
        there = Terminus(config.external or config.address or None)
        stripped = facts.strip_outbound if outgoing else facts.strip_inbound
        return OpenLink(
            purpose=Purpose(
                facts.connection, LinkKind.ENDPOINT, outgoing, 4, Use.AUTO, config.name, known.key or ""
            ),
            name=link_name(self._unique),
            session=_SESSION,
            capacity=facts.link_capacity,
            credit=0 if outgoing else facts.link_capacity,
            source=Terminus() if outgoing else there,
            target=there if outgoing else Terminus(),
            key=None if outgoing else known.key,
            address=None if outgoing else config.address,
            annotated=facts.is_router or not stripped,
            withheld=not outgoing and not self._has_destination(known.key),
        )

    def _has_destination(self, key: str | None) -> bool:
        """Of an anonymous link nobody can know."""
        return key is None or self._table.addresses[key].has_destination

    # --- links

    def opened(self, link: Handle, purpose: Purpose) -> list[Effect]:
        """The link exists: an incoming one is a sender to its address as a client's would be."""
        found = self._find(purpose)
        if found is None:
            return []
        known, attachment = found
        attachment.link = link
        effects: list[Effect] = []
        if known.key and not purpose.outgoing:
            with self._table.change(known.key, effects) as address:
                address.producers.add(link)
        return effects

    def established(
        self, link: Handle, purpose: Purpose, source: RawTerminus, target: RawTerminus
    ) -> list[Effect]:
        """The peer has answered: an outgoing link consumes from its address from now on."""
        found = self._find(purpose)
        answer = target if purpose.outgoing else source
        if found is None or found[1].link != link or answer.kind == _ABSENT:
            return []
        known, attachment = found
        attachment.state, attachment.retried, known.last_error = State.ACTIVE, False, ""
        if known.key and purpose.outgoing:
            return self._table.bind_consumer(known.key, link)
        return []

    def detached(self, link: Handle, purpose: Purpose, condition: str, description: str) -> list[Effect]:
        """The peer has refused or ended the link: try again later."""
        found = self._find(purpose)
        if found is None or found[1].link != link:
            return []
        known, attachment = found
        known.last_error = ": ".join(filter(None, (condition, description))) or "detached by the peer"
        delay = RETRY if attachment.retried else FIRST_RETRY
        attachment.link, attachment.state, attachment.retried = None, State.FAILED, True
        return [StartTimer(_timer(known, attachment), delay)]

    def timer_fired(self, name: str) -> list[Effect]:
        """Try again what still waits for it."""
        for known, attachment in self._failed():
            if _timer(known, attachment) == name:
                attachment.state = State.ATTACHING
                return [self._open(known, attachment.facts)]
        return []

    def _find(self, purpose: Purpose) -> tuple[Known, Attachment] | None:
        known = self._known.get(purpose.role)
        attachment = known.attachments.get(purpose.connection) if known is not None else None
        return None if known is None or attachment is None else (known, attachment)

    def _failed(self) -> Iterator[tuple[Known, Attachment]]:
        for known in self._known.values():
            for attachment in known.attachments.values():
                if attachment.state is State.FAILED:
                    yield known, attachment


def _timer(known: Known, attachment: Attachment) -> str:
    """Connections are never numbered twice, so a timer of one that is gone finds nothing."""
    return f"autoLink {known.config.name} on connection {attachment.facts.connection}"
