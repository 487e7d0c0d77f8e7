"""What one connection may do, decided once when it opens: sessions, links, addresses of messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from skrouter.router.policy.settings import Settings
from skrouter.router.policy.tally import Tally, Totals
from skrouter.router.policy.verdict import LINK_ADDRESS, LINK_LIMIT, Line, Refusal, Verdict, allow, deny


@dataclass(frozen=True, slots=True)
class Who:
    """A connection as log lines name it. `number`: its identity; `connection`: the peer's `host:port`.

    `host`: the peer's IP address; `hostname`: of the peer's open; `user`: '' if it has none.
    """

    number: int
    user: str
    host: str
    connection: str
    hostname: str | None

    @property
    def tag(self) -> str:
        """Before a line."""
        return f"[C{self.number}] "

    @property
    def text(self) -> str:
        """User, host and vhost, which is what the peer's open says, in quotes."""
        shown = "(null)" if self.hostname is None else self.hostname
        return f"for user '{self.user}', rhost '{self.host}', vhost '{shown}'"


@dataclass(slots=True)
class Permit:
    """The settings in force for one connection until its end, and what it uses of them.

    `counted`: it takes the place of a client in its vhost; connectors do not.
    """

    who: Who
    settings: Settings
    tally: Tally
    totals: Totals
    counted: bool = True
    sessions: int = 0
    senders: set[int] = field(default_factory=set)
    receivers: set[int] = field(default_factory=set)

    # --- sessions

    def session_begun(self, allowed: bool) -> Verdict:
        """The peer has begun a session; the engine has counted it."""
        who = self.who
        hostname = "(null)" if who.hostname is None else who.hostname
        text = f"AMQP Begin Session. user: {who.user}, rhost: {who.host}, vhost: {hostname}"
        if allowed:
            self.sessions += 1
            return allow(text, who.tag)
        self.tally.sessions_denied += 1
        self.totals.sessions_denied += 1
        return deny(text, tag=who.tag)

    def session_ended(self) -> None:
        """One is over."""
        self.sessions -= 1

    # --- links

    def sender(self, link: int, address: str | None) -> Verdict:
        """The peer wants to send, to `address` or to what each message says."""
        if len(self.senders) >= self.settings.max_senders:
            verdict = self._link(False, f"sender {self.who.text} based on maxSenders limit", LINK_LIMIT)
        elif address is None:
            text = f"anonymous sender {self.who.text}"
            verdict = self._link(self.settings.allow_anonymous_sender, text, LINK_ADDRESS)
        else:
            allowed = self.settings.targets(address, self.who.user)
            text = f"sender link '{address}' {self.who.text} based on link target name"
            verdict = self._link(allowed, text, LINK_ADDRESS)
        if verdict.allowed:
            self.senders.add(link)
        else:
            self.tally.senders_denied += 1
            self.totals.links_denied += 1
        return verdict

    def receiver(self, link: int, address: str | None, dynamic: bool) -> Verdict:
        """The peer wants to receive, from `address` or one that we are to name."""
        if len(self.receivers) >= self.settings.max_receivers:
            verdict = self._link(False, f"receiver {self.who.text} based on maxReceivers limit", LINK_LIMIT)
        elif dynamic:
            text = f"receiver dynamic source {self.who.text},"
            verdict = self._link(self.settings.allow_dynamic_source, text, LINK_ADDRESS)
        else:
            allowed = self.settings.sources(address or "", self.who.user)
            text = f"receiver link '{address or ''}' {self.who.text} based on link source name"
            verdict = self._link(allowed, text, LINK_ADDRESS)
        if verdict.allowed:
            self.receivers.add(link)
        else:
            self.tally.receivers_denied += 1
            self.totals.links_denied += 1
        return verdict

    def _link(self, allowed: bool, text: str, refusal: Refusal) -> Verdict:
        text = f"AMQP Attach {text}"
        return allow(text, self.who.tag) if allowed else deny(text, refusal, self.who.tag)

    def link_gone(self, link: int) -> None:
        """A link has ended, or was not accepted after all."""
        self.senders.discard(link)
        self.receivers.discard(link)

    # --- messages

    def message_to(self, address: str) -> Verdict:
        """A message of an anonymous sender."""
        text = f"AMQP message to '{address}' {self.who.text} based on target address"
        if self.settings.targets(address, self.who.user):
            return allow(text, self.who.tag)
        return deny(text, tag=self.who.tag)

    def too_large(self, link: int) -> Line:
        """A message was larger than allowed; `link`: the identity of its link."""
        self.tally.sizes_denied += 1
        self.totals.sizes_denied += 1
        tag = f"[C{self.who.number}][L{link}]"
        return Line("warning", f"{tag} DENY AMQP Transfer maxMessageSize exceeded")

    # --- the end

    def closed(self, current: int) -> Line:
        """The connection is gone, and `current` are left."""
        if self.counted:
            self.tally.left(self.who.user, self.who.host, self.who.connection)
        tally = self.tally
        text = (
            f"{self.who.tag}Connection '{self.who.connection}' closed with resources "
            f"n_sessions={self.sessions}, n_senders={len(self.senders)}, n_receivers={len(self.receivers)}, "
            f"sessions_denied={tally.sessions_denied}, senders_denied={tally.senders_denied}, "
            f"receivers_denied={tally.receivers_denied}, max_message_size_denied:{tally.sizes_denied}, "
            f"nConnections= {current}."
        )
        return Line("debug", text)
