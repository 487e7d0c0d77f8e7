"""Scripts for pure machines: send this event, expect exactly these effects.

Belongs here: driving any machine of the form `handle(event, now) -> effects`, and the facts that its events
are made of. Does not: what a machine should answer.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from skrouter.amqp.capabilities import OfferedCapabilities, OpenProperties
from skrouter.amqp.codec import COMPACT, encode
from skrouter.amqp.events import LinkAttached, RawTerminus
from skrouter.amqp.types import Symbol
from skrouter.router.core.facts import ROLE_NORMAL, ConnectionFacts

EventT = TypeVar("EventT")
EffectT = TypeVar("EffectT")


class Playbook(Generic[EventT, EffectT]):
    """One machine under test; `seen` has all effects since the beginning."""

    def __init__(self, handle: Callable[[EventT, float], Sequence[EffectT]]) -> None:
        self._handle = handle
        self.now = 0.0
        self.seen: list[EffectT] = []

    def send(self, event: EventT) -> list[EffectT]:
        """Give the event to the machine; its effects."""
        effects = list(self._handle(event, self.now))
        self.seen += effects
        return effects

    def expect(self, event: EventT, *effects: EffectT) -> None:
        """The machine must answer with these effects, in this order. AssertionError with a diff if not."""
        found = self.send(event)
        assert found == list(effects), difference(event, effects, found)


def difference(event: object, expected: Sequence[object], found: Sequence[object]) -> str:
    """What was expected (-) against what came (+), one effect a line."""
    lines = difflib.unified_diff(
        [repr(item) for item in expected],
        [repr(item) for item in found],
        "expected",
        "found",
        lineterm="",
        n=99,
    )
    return f"after {event!r}:\n" + "\n".join(lines)


_FACTS = ConnectionFacts(
    connection=1,
    number=1,
    incoming=True,
    role=ROLE_NORMAL,
    port_name="listener",
    cost=1,
    host="127.0.0.1:40000",
    container="peer",
    hostname=None,
    user=None,
    mechanism=None,
    tls_protocol=None,
    tls_cipher=None,
    tls_bits=0,
    max_frame_size=16384,
    link_capacity=250,
    strip_inbound=True,
    strip_outbound=True,
    offered=OfferedCapabilities(streaming_links=True, connection_trunking=True),
    properties=OpenProperties(),
)


def connection_facts(connection: int, **changes: object) -> ConnectionFacts:
    """A client's incoming connection, but for `changes`."""
    return replace(_FACTS, connection=connection, number=connection, **changes)  # type: ignore[arg-type]


def terminus(
    address: str | None = None, *, kind: int = 1, dynamic: bool = False, capability: str = ""
) -> RawTerminus:
    """A source or target as received."""
    encoded = encode(Symbol(capability), COMPACT) if capability else b""
    return RawTerminus(kind, address, 0, 0, 0, dynamic, 0, encoded, b"", b"")


def attached(
    connection: int,
    link: int,
    *,
    outgoing: bool,
    source: RawTerminus | None = None,
    target: RawTerminus | None = None,
) -> LinkAttached:
    """A peer's attach; `outgoing`: the router sends."""
    return LinkAttached(
        connection,
        link,
        f"link-{link}",
        outgoing,
        source or terminus(),
        target or terminus(kind=2),
        2,
        0,
        0,
        b"",
    )
