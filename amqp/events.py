"""What the native planes report to control: a closed list.

The engine and the forwarder hand events up as tuples whose first element is the position in `EVENTS`;
`from_native` makes the objects. Handles are integers with a generation: they name things, and a name is
never used twice. Text that a peer sent is decoded leniently; values that may be any AMQP type stay encoded
(`bytes`, empty: absent).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Handle = int


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What is known of an established TLS session."""

    protocol: str
    cipher: str
    bits: int
    subject: str | None
    certificate: bytes | None
    alpn: bytes | None


@dataclass(frozen=True, slots=True)
class ConnectionAccepted:
    """A listener took a connection; `peer` is host:port."""

    connection: Handle
    listener: Handle
    peer: str


@dataclass(frozen=True, slots=True)
class StreamReady:
    """Octets can flow: TCP is connected and TLS, if any, has verified the peer. The AMQP handshake may
    begin.
    """

    connection: Handle
    tls: TlsFacts | None


@dataclass(frozen=True, slots=True)
class HandshakeReceived:
    """Octets that arrived before AMQP began."""

    connection: Handle
    data: bytes


@dataclass(frozen=True, slots=True)
class HandshakeSent:
    """All octets given to `send_handshake` until it was asked to tell are sent."""

    connection: Handle


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """The peer's open (AMQP 1.0 §2.7.1). On an incoming connection nothing more is read until control has
    opened it too.
    """

    connection: Handle
    container: str
    hostname: str | None
    max_frame_size: int
    channel_max: int
    idle_timeout: int
    offered: bytes
    desired: bytes
    properties: bytes


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """The peer's close; the engine answers it. `ConnectionLost` follows."""

    connection: Handle
    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection and all its links are gone; the last event with this handle. Empty condition: an
    orderly end.
    """

    connection: Handle
    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class RawTerminus:
    """A source or target as received; `kind`: 0 absent, 1 source, 2 target, 3 coordinator. Expiry policy as
    proton numbers it.
    """

    kind: int
    address: str | None
    durability: int
    expiry_policy: int
    timeout: int
    dynamic: bool
    distribution_mode: int
    capabilities: bytes
    properties: bytes
    filter: bytes


@dataclass(frozen=True, slots=True)
class LinkAttached:
    """The peer attached a link: accept or reject it. `outgoing`: we send on it."""

    connection: Handle
    link: Handle
    name: str
    outgoing: bool
    source: RawTerminus
    target: RawTerminus
    sender_settle_mode: int
    receiver_settle_mode: int
    max_message_size: int
    properties: bytes


@dataclass(frozen=True, slots=True)
class LinkEstablished:
    """The peer answered a link that we attached. A null terminus means refusal: `LinkDetached` follows."""

    link: Handle
    source: RawTerminus
    target: RawTerminus


@dataclass(frozen=True, slots=True)
class LinkDetached:
    """The peer's detach, or the end of the link's session; the last event with this link's handle. `closed`
    is False for a detach.
    """

    link: Handle
    closed: bool
    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message for an endpoint in this process. `content` begins behind the router annotations.

    connection and link are 0 for a message that was sent in this process; `control`: it came over a control
    link.
    """

    endpoint: Handle
    connection: Handle
    link: Handle
    control: bool
    content: bytes


@dataclass(frozen=True, slots=True)
class StreamingLinkWanted:
    """A streaming delivery waits on this connection and its pool has no idle link: attach another one."""

    connection: Handle


@dataclass(frozen=True, slots=True)
class SessionBegun:
    """The peer began a session where they are limited; one that is not `allowed` ends the connection."""

    connection: Handle
    allowed: bool


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Such a session, one of the allowed, is over."""

    connection: Handle


@dataclass(frozen=True, slots=True)
class MessageTooLarge:
    """A message was refused for its size; its link is gone and its connection closes."""

    connection: Handle
    link: Handle


@dataclass(frozen=True, slots=True)
class FramesTraced:
    """Traced frames wait to be taken; told again only when all have been taken."""


Event = (
    ConnectionAccepted
    | StreamReady
    | HandshakeReceived
    | ConnectionOpened
    | ConnectionClosed
    | ConnectionLost
    | LinkAttached
    | LinkEstablished
    | LinkDetached
    | MessageReceived
    | StreamingLinkWanted
    | HandshakeSent
    | SessionBegun
    | SessionEnded
    | MessageTooLarge
    | FramesTraced
)

EVENTS: tuple[type[Event], ...] = (
    ConnectionAccepted,
    StreamReady,
    HandshakeReceived,
    ConnectionOpened,
    ConnectionClosed,
    ConnectionLost,
    LinkAttached,
    LinkEstablished,
    LinkDetached,
    MessageReceived,
    StreamingLinkWanted,
    HandshakeSent,
    SessionBegun,
    SessionEnded,
    MessageTooLarge,
    FramesTraced,
)


def from_native(record: tuple[Any, ...]) -> Event:
    """The event object for one native record `(number, *fields)`."""
    kind: Callable[..., Event] = EVENTS[record[0]]
    fields = list(record[1:])
    if kind is StreamReady and fields[1] is not None:
        fields[1] = TlsFacts(*fields[1])
    elif kind is LinkAttached:
        fields[4:6] = (RawTerminus(*fields[4]), RawTerminus(*fields[5]))
    elif kind is LinkEstablished:
        fields[1:3] = (RawTerminus(*fields[1]), RawTerminus(*fields[2]))
    return kind(*fields)
