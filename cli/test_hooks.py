"""What `--test-hooks` opens for the tests of others: addresses with a known behavior, and ten watches.

    sink, discard      accept what they get and throw it away
    deny               refuses every link
    source_ps          sends each receiver pre-settled messages for as long as it gives credit
    log, crash         write what they get to the log; end the process by the signal that the message names

Not for a router in use: whoever reaches these addresses can end it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import CONTROL_HEADER, Message, Properties, decode_message, encode_message
from skrouter.cli import panic
from skrouter.router.core import events
from skrouter.router.forwarder.forwarder import GoneError

if TYPE_CHECKING:
    from skrouter.amqp.events import MessageReceived
    from skrouter.router.core.effects import WatchChanged
    from skrouter.router.runtime import Router

PREFIX: Final = "io.skupper.router.router/test/"
SOURCE: Final = f"{PREFIX}source_ps"
WATCHED: Final = tuple(f"addr_watch/test_address/{number}" for number in range(10))
MISSING: Final = "echo, source, the test core client, shorter scan intervals"
FILL_SECONDS: Final = 0.05
"""Between two looks at the credit of source_ps's receivers."""
BATCH: Final = 100
"""Waiting at one time for a receiver: a full queue would drop them."""
_UNDELIVERED, _CREDIT = 1, 13
"""Their places in the counters of a link."""


class TestHooks:
    """The hooks of one router, in place from `open` until it stops."""

    __test__ = False

    def __init__(self, router: Router) -> None:
        self._router = router
        self._sent = 0

    def open(self) -> None:
        """Open all of them."""
        takers = {"sink": _ignore, "discard": _ignore, "log": self._log, "crash": self._crash}
        for name, taker in takers.items():
            self._router.subscribe(events.EndpointAdded(f"M{PREFIX}{name}"), taker)
        self._router.rules.refuse(f"{PREFIX}deny")
        for address in WATCHED:
            self._router.watch(address, self._watched)
        self._fill()
        self._router.log.log("ROUTER_CORE", "warning", f"Test hooks are open, without {MISSING}")

    def _log(self, event: MessageReceived) -> None:
        self._router.log.log("ROUTER_CORE", "error", f"test hook: {_text_of(event.content)}")

    def _crash(self, event: MessageReceived) -> None:
        name = _text_of(event.content).upper()
        found = getattr(signal.Signals, name if name.startswith("SIG") else f"SIG{name}", signal.SIGABRT)
        self._router.log.log("ROUTER_CORE", "critical", f"test hook: ending by {found.name}")
        if found not in panic.FATAL:  # those have a trace to show first
            signal.signal(found, signal.SIG_DFL)
        os.kill(os.getpid(), found)

    def _watched(self, change: WatchChanged) -> None:
        number = change.address.rpartition("/")[2]
        counts = f"loc: {change.local} rem: {change.remote} prod: {change.producers}"
        self._router.log.log("ADDRESS_WATCH", "info", f"on_watch({number}): {counts}")

    # --- source_ps

    def _fill(self) -> None:
        address = self._router.core.table.addresses.get(f"M{SOURCE}")
        for link in sorted(address.consumers) if address is not None else ():
            with contextlib.suppress(GoneError):  # its end is on the way to the core
                self._fill_link(link)
        self._router.loop.call_later(FILL_SECONDS, self._fill)

    def _fill_link(self, link: int) -> None:
        counters = self._router.forwarder.link_facts(link)
        for _ in range(min(int(counters[_CREDIT]), BATCH) - int(counters[_UNDELIVERED])):
            self._sent += 1
            message = Message(
                header=CONTROL_HEADER, properties=Properties(to=SOURCE, on_wire=3), body=self._sent
            )
            self._router.forwarder.send(encode_message(message), link=link)


def _ignore(_: MessageReceived) -> None:
    """It has been accepted; that is all."""


def _text_of(content: bytes) -> str:
    """The body of a message if it is text, else its subject."""
    try:
        message = decode_message(content)
    except DecodeError as error:
        return str(error)
    if isinstance(message.body, str):
        return str(message.body)
    return str(message.properties.subject or "") if message.properties is not None else ""
