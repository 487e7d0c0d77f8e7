"""When a connector tries again, and where: pure (spec: router-config.md §6).

Every host is tried twice before the next one, round robin, for ever. Delays do not grow and are not spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from skrouter.amqp.capabilities import FailoverServer

RETRY_AFTER_FAILURE: Final = 5.0
RETRY_AFTER_LOSS: Final = 2.0
RETRY_WITH_FAILOVER: Final = 1.0
TRIES_OF_EACH: Final = 2
_SCHEMES: Final = (None, "", "amqp", "amqps")


@dataclass(frozen=True, slots=True)
class Target:
    """A place to connect to; `name` is the host name in our open and, with TLS, in the peer's certificate."""

    host: str
    port: str
    name: str

    @property
    def host_port(self) -> str:
        """`host:port`, as logs and management show it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Retry:
    """What to do about a failure: dial again after `delay` seconds; log its text if `is_news`."""

    delay: float
    is_news: bool


class Dial:
    """The attempts of one connection of a connector."""

    def __init__(self, host: str, port: str) -> None:
        self._original = Target(host, port, host)
        self._targets = [self._original]
        self._index = 0
        self._tries = 0
        self._was_open = False
        self._told: set[str] = set()

    def again(self) -> Dial:
        """One more connection to where this one goes."""
        other = Dial(self._original.host, self._original.port)
        other._targets, other._index = list(self._targets), self._index
        return other

    @property
    def target(self) -> Target:
        """Where to connect to now."""
        return self._targets[self._index]

    @property
    def targets(self) -> tuple[Target, ...]:
        """All known places, the one in use first."""
        return (*self._targets[self._index :], *self._targets[: self._index])

    def opened(self, servers: tuple[FailoverServer, ...]) -> None:
        """The peer has opened the connection and named other places (or none)."""
        current = self.target
        targets = [self._original, current]
        targets += [
            Target(server.host, server.port, server.hostname or server.host)
            for server in servers
            if server.scheme in _SCHEMES
        ]
        known: dict[str, Target] = {}
        for target in targets:
            known.setdefault(target.host_port, target)
        self._targets = list(known.values())
        self._index = list(known).index(current.host_port)
        self._tries = 0
        self._was_open = True
        self._told.clear()

    def failed(self, text: str) -> Retry:
        """The attempt failed, or the open connection ended; `text` says why, if there is anything to say."""
        delay = RETRY_AFTER_LOSS if self._was_open else RETRY_AFTER_FAILURE
        if len(self._targets) > 1:
            delay = RETRY_WITH_FAILOVER
        self._was_open = False
        self._advance()
        is_news = bool(text) and text not in self._told
        self._told.add(text)
        return Retry(delay, is_news)

    def _advance(self) -> None:
        self._tries += 1
        if self._tries >= TRIES_OF_EACH:
            self._tries = 0
            self._index = (self._index + 1) % len(self._targets)
