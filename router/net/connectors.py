"""Outgoing connections: each leg of a connector resolves, dials, and dials again when `dial` says so.

The legs with certificates of one ordinal are a generation. A newer one is opened beside those that are there;
once it is up the older ones are dialled no more, and what they have open lives until it ends (spec:
routing-protocol §1.1).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from skrouter.amqp.capabilities import FailoverServer
from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.config.loader import RandomSource
from skrouter.config.model import ConnectorConfig, SslProfileConfig
from skrouter.router.core.facts import ROLE_EDGE, ROLE_INTER_ROUTER
from skrouter.router.net.dial import Dial, Target
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.generations import CONNECTING, SUCCESS, Connector, Generation, Leg
from skrouter.router.net.listeners import family, service
from skrouter.router.net.proxies import Proxies
from skrouter.router.net.tls import TlsProfiles

ROTATING: Final = (ROLE_INTER_ROUTER, ROLE_EDGE)
"""Roles whose connectors open new connections beside the old ones; others wait for the old ones to end."""
_CORRELATOR_LENGTH: Final = 15
_CORRELATOR_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_"


@dataclass(frozen=True, slots=True)
class DialEvents:
    """Calls of the owner: a new attempt needs a number, a handle is connecting, an attempt has failed."""

    next_number: Callable[[], int]
    dialled: Callable[[Leg, int], None]
    failed: Callable[[Leg, str, str], None]


class Connectors:
    """The connectors of a process. Legs are lost and retried on their own."""

    def __init__(  # noqa: PLR0917  (what it works on, and where it reports to)
        self,
        loop: asyncio.AbstractEventLoop,
        connections: Connections,
        tls: TlsProfiles,
        random: RandomSource,
        events: DialEvents,
        proxies: Proxies,
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._tls = tls
        self._random = random
        self._events = events
        self._proxies = proxies
        self._all: dict[str, Connector] = {}

    def all(self) -> tuple[Connector, ...]:
        """All connectors, oldest first."""
        return tuple(self._all.values())

    def get(self, identity: str) -> Connector:
        """The connector; KeyError if there is none."""
        return self._all[identity]

    def add(self, config: ConnectorConfig, data_connections: int) -> Connector:
        """Begin to connect. Only inter-router connectors have data connections. NetworkConfigurationError."""
        self._check(config)
        is_inter_router = config.role == ROLE_INTER_ROUTER
        connector = Connector(config, self._correlator() if is_inter_router else None)
        kinds = [True] * (data_connections if is_inter_router else 0) + [False]
        generation = Generation(self._tls.ordinal(config.ssl_profile))
        generation.legs = [Leg(connector, generation, data, Dial(config.host, config.port)) for data in kinds]
        self._begin(connector, generation)
        self._all[config.identity] = connector
        return connector

    def _begin(self, connector: Connector, generation: Generation) -> None:
        connector.generations.append(generation)
        for leg in generation.legs:
            self._start(leg)

    def _check(self, config: ConnectorConfig) -> None:
        if config.proxy_profile is not None:
            self._proxies.check(config.proxy_profile)
        if config.ssl_profile is not None:
            self._tls.client(config.ssl_profile)

    def _correlator(self) -> str:
        return "".join(self._random.choice(_CORRELATOR_CHARACTERS) for _ in range(_CORRELATOR_LENGTH))

    # --- certificates

    def rotate(self, profile: SslProfileConfig) -> list[int]:
        """The profile has other ordinals: connect anew where it is newer, dial no more what is too old.

        Returns the handles of attempts that are of no use any more, for the owner to drop.
        """
        useless: list[int] = []
        for connector in self._all.values():
            if connector.config.ssl_profile == profile.name:
                self._renew(connector, profile)
                for older in connector.generations[:-1]:
                    if not older.was_up or (older.ordinal or 0) < profile.oldest_valid_ordinal:
                        useless += older.retire()
                connector.forget_the_past()
        return useless

    def _renew(self, connector: Connector, profile: SslProfileConfig) -> None:
        old = connector.newest
        if old.ordinal is None or profile.ordinal <= old.ordinal:
            return
        if connector.config.role not in ROTATING:
            old.ordinal = profile.ordinal
            return
        new = Generation(profile.ordinal)
        place = old.control.dial
        kinds = sorted(leg.data for leg in old.legs)
        new.legs = [Leg(connector, new, data, place.again()) for data in kinds]
        self._begin(connector, new)

    def opened(self, leg: Leg, container: str, text: str, servers: tuple[FailoverServer, ...]) -> list[int]:
        """The peer, a container of this id, has opened the connection, of which `text` tells.

        Returns the handles of attempts that are of no use any more, for the owner to drop.
        """
        leg.dial.opened(servers)
        leg.is_open, leg.container = True, container
        if leg.data:
            return []
        connector, generation = leg.connector, leg.generation
        connector.status, connector.message = SUCCESS, text
        generation.was_up = True
        useless: list[int] = []
        for older in connector.generations[: connector.generations.index(generation)]:
            useless += older.retire()
        connector.forget_the_past()
        return useless

    def remove(self, identity: str) -> list[int]:
        """Stop dialling; returns the handles that are left for the owner to close. KeyError."""
        connector = self._all.pop(identity)
        for leg in connector.legs:
            leg.stop()
        return [leg.handle for leg in connector.legs if leg.handle is not None]

    def stop(self) -> None:
        """Dial no more."""
        for connector in self._all.values():
            for leg in connector.legs:
                leg.stop()

    # --- attempts

    def _start(self, leg: Leg) -> None:
        leg.timer = None
        if not leg.data and not leg.connector.is_open:
            leg.connector.status = CONNECTING
        leg.ordinal = leg.generation.ordinal
        leg.number = self._events.next_number()
        leg.target = leg.dial.target
        leg.task = self._loop.create_task(self._attempt(leg, leg.target))

    async def _attempt(self, leg: Leg, target: Target) -> None:
        profile, place = leg.connector.config.proxy_profile, target
        leg.proxy = ""
        try:
            if profile is not None:
                place = self._proxies.place(profile)
                leg.proxy = place.host_port
            leg.addresses = await self._resolve(leg.connector.config, place)
        except (OSError, UnicodeError, NetworkConfigurationError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._events.failed(leg, "proton:io", f"{reason} - connect to {place.host_port}")
            return
        finally:
            leg.task = None
        self.next_address(leg, "no addresses")

    async def _resolve(self, config: ConnectorConfig, target: Target) -> list[tuple[Any, ...]]:
        found = await self._loop.getaddrinfo(
            target.host,
            service(target.port),
            family=family(config.socket_address_family),
            type=socket.SOCK_STREAM,
        )
        return list(dict.fromkeys(found))

    def next_address(self, leg: Leg, reason: str) -> None:
        """Try the next address of the host; if none is left the attempt has failed for this reason."""
        target = leg.place
        leg.handle = None
        while leg.addresses:
            kind, _, _, _, address = leg.addresses.pop(0)
            try:
                self._connect(leg, target, kind, address)
            except NetworkConfigurationError as error:
                self._events.failed(leg, "amqp:connection:framing-error", str(error))
            except OSError as error:
                reason = error.strerror or str(error)
                continue
            return
        self._events.failed(leg, "proton:io", f"{reason} - disconnected {target.host_port}{leg.by_proxy}")

    def _connect(self, leg: Leg, target: Target, kind: int, address: Any) -> None:
        context = self.context(leg) if not leg.proxy else None
        verify = leg.connector.config.verify_hostname
        item = socket.socket(kind, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            code = item.connect_ex(address)
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            leg.local_socket = _shown(*item.getsockname()[:2])
        except BaseException:
            item.close()
            raise
        leg.handle = self._connections.connect(item.detach(), context, target.name, verify)
        self._events.dialled(leg, leg.handle)

    def context(self, leg: Leg) -> TlsContext | None:
        """What TLS begins with; None: there is none.

        The newest generation uses the files as they are now, an older one what it has used before.
        """
        profile, generation = leg.connector.config.ssl_profile, leg.generation
        if profile is not None and (generation is leg.connector.newest or generation.context is None):
            generation.context = self._tls.client(profile)
        return generation.context

    def retry(self, leg: Leg, text: str, message: str) -> bool:
        """The attempt or the connection is over: dial again in time. True if `text` is worth logging.

        `message`: for the connector's status, empty if there is nothing to say.
        """
        connector = leg.connector
        was_open, is_retired = leg.is_open, leg.generation.is_retired
        leg.handle, leg.task, leg.is_open = None, None, False
        leg.addresses.clear()
        retry = leg.dial.failed(text, at_proxy=bool(leg.proxy))
        if not leg.data:
            connector.update_status(message)
        if is_retired:
            connector.forget_the_past()
        elif self._all.get(connector.config.identity) is connector:
            leg.timer = self._loop.call_later(retry.delay, self._start, leg)
        return retry.is_news and (was_open or not is_retired)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
