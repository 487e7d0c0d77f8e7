"""Test hooks that attach links of their own: the loop of links, and the client inside the router."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from skrouter.amqp.errors import DecodeError
from skrouter.amqp.events import LinkDetached, LinkEstablished
from skrouter.amqp.message import CONTROL_HEADER, Message, Properties, decode_message, encode_message
from skrouter.amqp.types import ULong
from skrouter.router.core import events
from skrouter.router.core.connections import link_name
from skrouter.router.core.effects import DetachLink, LinkKind
from skrouter.router.forwarder.forwarder import GoneError

if TYPE_CHECKING:
    from skrouter.amqp.events import MessageReceived
    from skrouter.router.core.address_table import Address, Before
    from skrouter.router.core.effects import Effect
    from skrouter.router.core.facts import ConnectionFacts
    from skrouter.router.forwarder.forwarder import TerminusFields
    from skrouter.router.runtime import Router

CLIENT_CONTAINER: Final = "io.skupper.router.test_core_client"
CLIENT_ADDRESS: Final = "test_core_client_address"
REPLY_KEY: Final = "Mio.skupper.router.router/test/core_client_reply"
CAPACITY: Final = 250
POLL_SECONDS: Final = 0.05
"""Between two looks at the credit for requests."""
CREDIT: Final = 13
"""Its place in the counters of a link."""

LinkEvent = LinkEstablished | LinkDetached


def _terminus(address: str | None, *, dynamic: bool = False) -> TerminusFields:
    return (address, 0, 0, 0, dynamic, b"", b"", b"")


class OwnLinks:
    """Attaches links that the core knows nothing of."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def attach(  # noqa: PLR0917  (a link's two ends, and what it is for)
        self,
        connection: int,
        outgoing: bool,
        source: TerminusFields,
        target: TerminusFields,
        key: str,
        owner: Callable[[LinkEvent], None],
    ) -> int:
        """Open a link; an incoming one delivers to the entry of the key. GoneError without connection."""
        link = self._router.forwarder.open_link(
            connection,
            link_name(self._router.unique),
            outgoing,
            0,
            source,
            target,
            LinkKind.ENDPOINT,
            CAPACITY,
            0 if outgoing else CAPACITY,
            0 if outgoing else self._router.execution.entries[key],
        )
        self._router.link_owners[link] = owner
        return link

    def detach(self, link: int) -> None:
        """End one of them; harmless if it is gone."""
        self._router.link_owners.pop(link, None)
        self._router.forward([DetachLink(link)])


class Echo:
    """Each link that a client attaches to the address is answered by one in the other direction, with the
    same ends; the end of either is the end of both.
    """

    def __init__(self, router: Router, address: str) -> None:
        self._router = router
        self._address = address
        self._key = f"M{address}"
        self._links = OwnLinks(router)
        self._answers: dict[int, int] = {}
        """Ours by theirs."""

    def open(self) -> None:
        """Answer links from now on."""
        self._router.core.table.observe(self._changed)
        self._router.connection_watchers.append(self._connection_changed)

    def _changed(self, address: Address, _: Before) -> list[Effect]:
        if address.key == self._key:
            self._router.loop.call_soon(self._follow)
        return []

    def _theirs(self) -> dict[int, bool]:
        """Clients' links, and whether their messages go to the client."""
        address = self._router.core.table.addresses.get(self._key)
        if address is None:
            return {}
        ours = set(self._answers.values())
        consumers = dict.fromkeys(address.consumers - ours, True)
        return consumers | dict.fromkeys(address.producers - ours, False)

    def _follow(self) -> None:
        theirs = self._theirs()
        for gone in self._answers.keys() - theirs.keys():
            self._end(self._answers.pop(gone))
        for link in sorted(theirs.keys() - self._answers.keys()):
            self._answer(link, outgoing=not theirs[link])

    def _answer(self, theirs: int, *, outgoing: bool) -> None:
        known = self._router.core.links.by_handle.get(theirs)
        if known is None:
            return
        ends = _terminus(self._address), _terminus(self._address)
        try:
            ours = self._links.attach(
                known.connection, outgoing, *ends, self._key, lambda event: self._heard(theirs, event)
            )
        except GoneError:
            return  # its end is on the way to the core
        self._answers[theirs] = ours

    def _heard(self, theirs: int, event: LinkEvent) -> None:
        ours = self._answers.get(theirs)
        if ours is None:
            return
        if isinstance(event, LinkEstablished):
            if self._router.core.links.by_handle[theirs].outgoing is False:
                self._router.handle(events.ConsumerBound(self._address, ours))
            return
        del self._answers[theirs]
        self._end(ours)
        self._router.forward([*self._router.core.links.detached(theirs), DetachLink(theirs)])

    def _end(self, ours: int) -> None:
        self._router.handle(events.ConsumerUnbound(ours))
        self._links.detach(ours)

    def _connection_changed(self, _: int, facts: ConnectionFacts | None) -> None:
        if facts is None:
            self._router.loop.call_soon(self._follow)


@dataclass(slots=True)
class _Conversation:
    """With one container; `reply_to` and `sender` once the peer has answered our attaches."""

    reply_to: str | None = None
    sender: int | None = None
    asked: int = 0
    waits: bool = False


class CoreClient:
    """Sends requests to every container of the name, one by one as credit comes, and logs their ends."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._links = OwnLinks(router)
        self._conversations: dict[int, _Conversation] = {}

    def open(self) -> None:
        """Serve containers that connect from now on."""
        self._router.subscribe(events.EndpointAdded(REPLY_KEY), self._replied)
        self._router.connection_watchers.append(self._connection_changed)

    def _connection_changed(self, connection: int, facts: ConnectionFacts | None) -> None:
        if facts is None:
            talk = self._conversations.pop(connection, None)
            if talk is not None and talk.waits:
                self._done(connection, talk, "The connection was lost")
        elif facts.container == CLIENT_CONTAINER:
            self._conversations[connection] = _Conversation()
            self._links.attach(
                connection,
                False,
                _terminus(None, dynamic=True),
                _terminus(None),
                REPLY_KEY,
                lambda event: self._receiver(connection, event),
            )

    def _receiver(self, connection: int, event: LinkEvent) -> None:
        """The peer has named the address of replies: now for the requests."""
        talk = self._conversations.get(connection)
        if talk is None:
            return
        if isinstance(event, LinkDetached) or not event.source.address:
            self._refused(connection)
            return
        talk.reply_to = event.source.address
        self._links.attach(
            connection,
            True,
            _terminus(None),
            _terminus(CLIENT_ADDRESS),
            REPLY_KEY,
            lambda heard: self._sender(connection, heard),
        )

    def _sender(self, connection: int, event: LinkEvent) -> None:
        if isinstance(event, LinkDetached):
            self._refused(connection)
        elif connection in self._conversations:
            self._conversations[connection].sender = event.link
            self._ask(connection)

    def _refused(self, connection: int) -> None:
        if (talk := self._conversations.pop(connection, None)) is not None:
            self._done(connection, talk, "A link was refused or detached")

    def _ask(self, connection: int) -> None:
        """One request if there is credit for it; otherwise look again."""
        talk = self._conversations.get(connection)
        if talk is None or talk.sender is None:
            return
        try:
            if not talk.waits and self._router.forwarder.link_facts(talk.sender)[CREDIT] > 0:
                talk.waits = True
                talk.asked += 1
                self._router.forwarder.send(_request(talk), link=talk.sender)
        except GoneError:
            return  # its end is on the way
        self._router.loop.call_later(POLL_SECONDS, self._ask, connection)

    def _replied(self, event: MessageReceived) -> None:
        talk = self._conversations.get(event.connection)
        if talk is None or not talk.waits or _correlation(event.content) != talk.asked:
            return
        talk.waits = False
        self._done(event.connection, talk, "None")

    def _done(self, connection: int, talk: _Conversation, error: str) -> None:
        text = f"client test request done error={error} request={talk.asked} connection={connection:#x}"
        self._router.log.log("ROUTER_CORE", "info", text)


def _request(talk: _Conversation) -> bytes:
    properties = Properties(
        to=CLIENT_ADDRESS, reply_to=talk.reply_to, correlation_id=ULong(talk.asked), on_wire=6
    )
    return encode_message(Message(header=CONTROL_HEADER, properties=properties, body=talk.asked))


def _correlation(content: bytes) -> object:
    try:
        message = decode_message(content)
    except DecodeError:
        return None
    return message.properties.correlation_id if message.properties is not None else None
