"""What `--test-hooks` opens for the tests of others: addresses with a known behavior, and ten watches.

    sink, discard      accept what they get and throw it away
    deny               refuses every link
    source, source_ps  send each receiver messages, unsettled or pre-settled, for as long as it gives credit
    log, crash         write what they get to the log; end the process by the signal that the message names
    echo               answers each link by one the other way (test_links has it, and the client inside)

A message to `_local/_testhook/address_watch` whose subject is `watch-on` or `watch-off` and whose body is an
address begins or ends a watch; each change is a message to `_local/_testhook/watch_event` with the address as
subject and `local`, `inProcess`, `remote`, `producers` in a map.

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
from skrouter.cli.test_links import CREDIT, CoreClient, Echo
from skrouter.router.core import events
from skrouter.router.forwarder.forwarder import GoneError

if TYPE_CHECKING:
    from skrouter.amqp.events import MessageReceived
    from skrouter.router.core.effects import WatchChanged
    from skrouter.router.runtime import Router

PREFIX: Final = "io.skupper.router.router/test/"
SOURCES: Final = {f"{PREFIX}source": False, f"{PREFIX}source_ps": True}
"""Whether their messages are pre-settled."""
WATCH_CONTROL: Final = "L_testhook/address_watch"
WATCH_EVENT: Final = "_local/_testhook/watch_event"
WATCHED: Final = tuple(f"addr_watch/test_address/{number}" for number in range(10))
SCRUB_SECONDS: Final = 5.0
SCRUB_KEEP: Final = 2
"""Of looks for idle streaming links, of which many more are kept without hooks."""
SCAN_SECONDS: Final = 5.0
AGE_SECONDS: Final = 3.0
"""Of looks for stuck deliveries, which are rarer and more patient without hooks."""
FILL_SECONDS: Final = 0.05
"""Between two looks at the credit of source_ps's receivers."""
BATCH: Final = 100
"""Waiting at one time for a receiver: a full queue would drop them."""
UNDELIVERED: Final = 1
"""Its place in the counters of a link."""


class TestHooks:
    """The hooks of one router, in place from `open` until it stops."""

    __test__ = False

    def __init__(self, router: Router) -> None:
        self._router = router
        self._sent = 0
        self._watched_by_message: set[str] = set()

    def open(self) -> None:
        """Open all of them."""
        takers = {"sink": _ignore, "discard": _ignore, "log": self._log, "crash": self._crash}
        for name, taker in takers.items():
            self._router.subscribe(events.EndpointAdded(f"M{PREFIX}{name}"), taker)
        self._router.rules.refuse(f"{PREFIX}deny")
        for address in WATCHED:
            self._router.watch(address, self._watched)
        self._router.stuck.start(SCAN_SECONDS, AGE_SECONDS)
        self._router.scrub.start(SCRUB_SECONDS, SCRUB_KEEP)
        self._router.subscribe(events.EndpointAdded(WATCH_CONTROL), self._watch)
        Echo(self._router, f"{PREFIX}echo").open()
        CoreClient(self._router).open()
        self._fill()
        self._router.log.log("ROUTER_CORE", "warning", "Test hooks are open")

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

    # --- watches by message

    def _watch(self, event: MessageReceived) -> None:
        message = _decoded(event.content)
        wanted = (
            message.properties.subject if message is not None and message.properties is not None else None
        )
        address = message.body if message is not None else None
        if wanted not in {"watch-on", "watch-off"} or not isinstance(address, str):
            text = "test hook: a watch needs the subject watch-on or watch-off, and an address as body"
            self._router.log.log("ADDRESS_WATCH", "error", text)
        elif wanted == "watch-off" and address in self._watched_by_message:
            self._watched_by_message.discard(address)
            self._router.unwatch(address)
        elif wanted == "watch-on" and address not in self._router.watchers:
            self._watched_by_message.add(address)
            self._router.watch(address, self._tell_watcher)
        else:
            self._router.log.log("ADDRESS_WATCH", "error", f"test hook: {wanted} {address}: nothing to do")

    def _tell_watcher(self, change: WatchChanged) -> None:
        counts: dict[object, object] = {
            "local": change.local,
            "inProcess": change.in_process,
            "remote": change.remote,
            "producers": change.producers,
        }
        properties = Properties(to=WATCH_EVENT, subject=change.address, on_wire=4)
        content = encode_message(Message(header=CONTROL_HEADER, properties=properties, body=counts))
        # not from inside the core, which has just told this
        self._router.loop.call_soon(self._router.send, content)

    # --- sources

    def _fill(self) -> None:
        for source, settled in SOURCES.items():
            address = self._router.core.table.addresses.get(f"M{source}")
            for link in sorted(address.consumers) if address is not None else ():
                with contextlib.suppress(GoneError):  # its end is on the way to the core
                    self._fill_link(source, link, settled=settled)
        self._router.loop.call_later(FILL_SECONDS, self._fill)

    def _fill_link(self, source: str, link: int, *, settled: bool) -> None:
        counters = self._router.forwarder.link_facts(link)
        for _ in range(min(int(counters[CREDIT]), BATCH) - int(counters[UNDELIVERED])):
            self._sent += 1
            properties = Properties(to=source, on_wire=3)
            message = Message(header=CONTROL_HEADER, properties=properties, body=self._sent)
            self._router.forwarder.send(encode_message(message), link=link, settled=settled)


def _ignore(_: MessageReceived) -> None:
    """It has been accepted; that is all."""


def _decoded(content: bytes) -> Message | None:
    try:
        return decode_message(content)
    except DecodeError:
        return None


def _text_of(content: bytes) -> str:
    """The body of a message if it is text, else its subject."""
    message = _decoded(content)
    if message is None:
        return ""
    if isinstance(message.body, str):
        return str(message.body)
    return str(message.properties.subject or "") if message.properties is not None else ""
