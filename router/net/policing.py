"""The policy in force: its lines to the log, its limits to the engine and the forwarder. Decides nothing.

Connections that policy has nothing to say about have no permit here, and everything is allowed there.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Final

from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.events import LinkAttached, MessageTooLarge, SessionBegun, SessionEnded
from skrouter.config.model import AmqpPort, ConnectorConfig, PolicyConfig, VhostConfig
from skrouter.router.core import facts
from skrouter.router.core.effects import RejectLink
from skrouter.router.forwarder.forwarder import Forwarder
from skrouter.router.net.log import RouterLog
from skrouter.router.net.opening import Ours
from skrouter.router.policy.permit import Permit, Who
from skrouter.router.policy.policy import Policy, session_frames
from skrouter.router.policy.verdict import Line, Refusal

_DIALLED: Final = (facts.ROLE_NORMAL, facts.ROLE_ROUTE_CONTAINER, facts.ROLE_INTER_NETWORK)
_OF_ANY_SIZE: Final = (facts.ROLE_EDGE, facts.ROLE_INTER_EDGE)
"""Their messages were measured where a client sent them; one must not end the connection of all."""
_MOST_SESSIONS: Final = 32768


def addresses_of(host: str) -> list[str]:
    """What the resolver of the system knows of a host name; none if it knows nothing."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


class Policing:
    """One router's policy (`rules`) over its connections. `number_of_link`: a link's identity."""

    def __init__(
        self, config: PolicyConfig, connections: Connections, forwarder: Forwarder, log: RouterLog
    ) -> None:
        self.rules = Policy(config, addresses_of)
        self.number_of_link: Callable[[int], int] = lambda _link: 0
        self._connections = connections
        self._forwarder = forwarder
        self._log = log
        self._permits: dict[int, Permit] = {}
        self._links: dict[int, Permit] = {}
        forwarder.set_judge(self.allows_target)

    def _say(self, *lines: Line) -> None:
        for line in lines:
            self._log.log("POLICY", line.level, line.text)

    # --- vhosts

    def start(self, vhosts: Iterable[VhostConfig]) -> None:
        """Put the configured vhosts into force. PolicyError if one is invalid."""
        self._say(*self.rules.opening_lines())
        for vhost in vhosts:
            self.put_vhost(vhost)

    def put_vhost(self, config: VhostConfig) -> None:
        """Add or change a vhost, for connections to come. PolicyError, and no change, if it is invalid."""
        self._say(*self.rules.put_vhost(config))

    def remove_vhost(self, hostname: str) -> None:
        """Take a vhost away; open connections keep what they were allowed. KeyError if there is none."""
        self._say(*self.rules.remove_vhost(hostname))

    # --- connections

    def socket_accepted(self, peer: str) -> bool:
        """Whether a socket may stay; `peer` is `host:port`."""
        verdict = self.rules.socket_accepted(_host(peer))
        self._say(verdict.line)
        return verdict.allowed

    def opened(self, ours: Ours, hostname: str | None, user: str | None) -> Refusal | None:
        """Judge a connection right before our open is sent, and limit it; why it is refused, if it is.

        `hostname`: that of the side that connects; `user`: the peer's, by which it is known on a listener.
        """
        port = ours.port
        if not self._concerns(ours):
            return None
        who = Who(ours.number, user or _ours(port) or "", _host(ours.host), ours.host, hostname)
        decide = self.rules.opened if ours.incoming else self.rules.dialled
        opening = decide(who, port.policy_vhost or hostname or "")
        self._say(opening.verdict.line)
        if opening.permit is not None:
            self._permits[ours.handle] = opening.permit
            self._limit(ours, opening.permit)
        return opening.verdict.refusal

    def _concerns(self, ours: Ours) -> bool:
        """Whether there are rules for a connection of this listener or connector."""
        port = ours.port
        if not self.rules.config.enable_vhost_policy:
            return False
        if ours.incoming:
            return port.role != facts.ROLE_INTER_ROUTER
        return port.role in _DIALLED and port.policy_vhost is not None

    def _limit(self, ours: Ours, permit: Permit) -> None:
        port, settings = ours.port, permit.settings
        frame = settings.max_frame_size or port.max_frame_size
        sessions = min(settings.max_sessions or port.max_sessions, _MOST_SESSIONS)
        window = session_frames(settings, frame, port.max_session_frames)
        self._connections.limit(ours.handle, frame, sessions, window)
        size = 0 if port.role in _OF_ANY_SIZE else settings.max_message_size
        user = None if settings.allow_user_id_proxy else permit.who.user.encode()
        self._forwarder.limit(ours.handle, size, user, not settings.targets.everything)

    def connection_lost(self, ours: Ours) -> None:
        """A connection whose socket was accepted, or that we have dialled, is gone."""
        if ours.incoming:
            self.rules.socket_closed()
        permit = self._permits.pop(ours.handle, None)
        if permit is not None:
            for link in (*permit.senders, *permit.receivers):
                self._links.pop(link, None)
            self._say(permit.closed(self.rules.totals.current))

    def may_update(self, connection: int) -> bool:
        """Whether who asks over this connection may close others."""
        permit = self._permits.get(connection)
        return permit is None or permit.settings.allow_admin_status_update

    # --- sessions and links

    def session_begun(self, event: SessionBegun) -> None:
        """The engine has counted a session, or refused it."""
        if (permit := self._permits.get(event.connection)) is not None:
            self._say(permit.session_begun(event.allowed).line)

    def session_ended(self, event: SessionEnded) -> None:
        """A session that was counted is over."""
        if (permit := self._permits.get(event.connection)) is not None:
            permit.session_ended()

    def permit(self, event: LinkAttached) -> RejectLink | None:
        """The refusal of an attach, if the connection's user may not have the link."""
        permit = self._permits.get(event.connection)
        if permit is None:
            return None
        if event.outgoing:
            verdict = permit.receiver(event.link, event.source.address, event.source.dynamic)
        else:
            address = None if event.target.dynamic else event.target.address
            verdict = permit.sender(event.link, address)
        self._say(verdict.line)
        if verdict.refusal is not None:
            return RejectLink(
                event.link, verdict.refusal.condition, verdict.refusal.description, nameless=True
            )
        self._links[event.link] = permit
        return None

    def link_gone(self, link: int) -> None:
        """A link has ended, or was not accepted after all."""
        permit = self._links.pop(link, None)
        if permit is not None:
            permit.link_gone(link)

    # --- messages

    def allows_target(self, connection: int, address: str) -> bool:
        """Whether messages from this connection may go to an address; the forwarder remembers it."""
        permit = self._permits.get(connection)
        if permit is None:
            return False
        verdict = permit.message_to(address)
        self._say(verdict.line)
        return verdict.allowed

    def message_too_large(self, event: MessageTooLarge) -> None:
        """The forwarder has refused a message; its connection ends."""
        if (permit := self._permits.get(event.connection)) is not None:
            self._say(permit.too_large(self.number_of_link(event.link)))


def _ours(port: AmqpPort) -> str | None:
    """As whom we connect."""
    return port.sasl_username if isinstance(port, ConnectorConfig) else None


def _host(host_port: str) -> str:
    return host_port.rpartition(":")[0].strip("[]")
