"""Who is connected to a vhost, and what was refused there."""

from __future__ import annotations

from dataclasses import dataclass, field

REMEMBERED = 1000
"""Users, and hosts, that are shown without any connection; the reference never forgets one."""


@dataclass(slots=True)
class Present:
    """Connections, each as `host:port`, by user or by host."""

    connections: dict[str, list[str]] = field(default_factory=dict)
    _absent: dict[str, None] = field(default_factory=dict)

    def count(self, who: str) -> int:
        """How many there are of one."""
        return len(self.connections.get(who, ()))

    def add(self, who: str, connection: str) -> None:
        """One more."""
        self.connections.setdefault(who, []).append(connection)
        self._absent.pop(who, None)

    def remove(self, who: str, connection: str) -> None:
        """One has gone; the longest absent are forgotten."""
        there = self.connections[who]
        there.remove(connection)
        if not there:
            self._absent[who] = None
        while len(self._absent) > REMEMBERED:
            oldest = next(iter(self._absent))
            del self._absent[oldest], self.connections[oldest]


@dataclass(slots=True)
class Tally:
    """The counters of one vhost (entity vhostStats). They live on when its rules change."""

    approved: int = 0
    denied: int = 0
    current: int = 0
    users: Present = field(default_factory=Present)
    hosts: Present = field(default_factory=Present)
    sessions_denied: int = 0
    senders_denied: int = 0
    receivers_denied: int = 0
    sizes_denied: int = 0

    def arrived(self, user: str, host: str, connection: str) -> None:
        """A connection was approved."""
        self.approved += 1
        self.current += 1
        self.users.add(user, connection)
        self.hosts.add(host, connection)

    def left(self, user: str, host: str, connection: str) -> None:
        """It has ended."""
        self.current -= 1
        self.users.remove(user, connection)
        self.hosts.remove(host, connection)


@dataclass(slots=True)
class Totals:
    """The counters of the whole router (entity policy). Denied connections are those over maxConnections."""

    processed: int = 0
    denied: int = 0
    current: int = 0
    links_denied: int = 0
    sessions_denied: int = 0
    sizes_denied: int = 0

    @property
    def denials(self) -> int:
        """All refusals."""
        return self.denied + self.links_denied + self.sessions_denied + self.sizes_denied
