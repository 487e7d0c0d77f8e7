"""Outgoing connections: each leg of a connector resolves, dials, and dials again when `dial` says so."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from skrouter.amqp.engine.pump import Connections
from skrouter.config.loader import RandomSource
from skrouter.config.model import ConnectorConfig
from skrouter.router.core.facts import ROLE_INTER_ROUTER
from skrouter.router.net.dial import Dial, Target
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.listeners import family, service
from skrouter.router.net.opening import Group
from skrouter.router.net.proxies import Proxies
from skrouter.router.net.tls import TlsProfiles

CONNECTING: Final = "CONNECTING"
SUCCESS: Final = "SUCCESS"
FAILED: Final = "FAILED"
_CORRELATOR_LENGTH: Final = 15
_CORRELATOR_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_"


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """What management shows of a connector; `failover_urls` is a comma list, the place in use first."""

    connection_status: str
    connection_msg: str
    failover_urls: str


@dataclass(slots=True, eq=False)
class Leg:
    """One connection of a connector, over all its attempts; `number`, `local_socket`: of the latest one."""

    connector: Connector
    data: bool
    dial: Dial
    number: int = 0
    target: Target | None = None
    local_socket: str = ""
    handle: int | None = None
    proxy: str = ""
    """`host:port` of the proxy that the latest attempt has yet to get through; empty: none."""
    addresses: list[tuple[Any, ...]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None

    @property
    def place(self) -> Target:
        """Where the latest attempt goes; before the first, where it will go."""
        return self.target or self.dial.target

    @property
    def by_proxy(self) -> str:
        """What failures say behind the place."""
        return f" by proxy {self.proxy}" if self.proxy else ""


@dataclass(slots=True, eq=False)
class Connector:
    """A configured connector and its legs, control leg last. Status and message are the control leg's."""

    config: ConnectorConfig
    correlator: str | None
    legs: list[Leg] = field(default_factory=list)
    status: str = CONNECTING
    message: str = ""

    @property
    def control(self) -> Leg:
        """The leg that is not for data only."""
        return self.legs[-1]

    def report(self) -> ConnectorStatus:
        """For management."""
        places = ", ".join(f"amqp://{target.host_port}" for target in self.control.dial.targets)
        return ConnectorStatus(self.status, self.message, places)


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
        connector.legs = [Leg(connector, data, Dial(config.host, config.port)) for data in kinds]
        self._all[config.identity] = connector
        for leg in connector.legs:
            self._start(leg)
        return connector

    def _check(self, config: ConnectorConfig) -> None:
        if config.proxy_profile is not None:
            self._proxies.check(config.proxy_profile)
        if config.ssl_profile is not None:
            self._tls.client(config.ssl_profile)

    def _correlator(self) -> str:
        return "".join(self._random.choice(_CORRELATOR_CHARACTERS) for _ in range(_CORRELATOR_LENGTH))

    def group(self, connector: Connector) -> Group | None:
        """What the open says of the connector's group."""
        if connector.correlator is None:
            return None
        profile = connector.config.ssl_profile
        return Group(connector.correlator, self._tls.profile(profile).ordinal if profile else None)

    def remove(self, identity: str) -> list[int]:
        """Stop dialling; returns the handles that are left for the owner to close. KeyError."""
        connector = self._all.pop(identity)
        for leg in connector.legs:
            _stop(leg)
        return [leg.handle for leg in connector.legs if leg.handle is not None]

    def stop(self) -> None:
        """Dial no more."""
        for connector in self._all.values():
            for leg in connector.legs:
                _stop(leg)

    # --- attempts

    def _start(self, leg: Leg) -> None:
        leg.timer = None
        if not leg.data:
            leg.connector.status = CONNECTING
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
        profile, verify = leg.connector.config.ssl_profile, leg.connector.config.verify_hostname
        context = self._tls.client(profile) if profile and not leg.proxy else None
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

    def retry(self, leg: Leg, text: str) -> bool:
        """The attempt or the connection is over: dial again in time. True if its text is worth logging."""
        leg.handle = None
        leg.addresses.clear()
        retry = leg.dial.failed(text, at_proxy=bool(leg.proxy))
        if self._all.get(leg.connector.config.identity) is leg.connector:
            leg.timer = self._loop.call_later(retry.delay, self._start, leg)
        return retry.is_news


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _stop(leg: Leg) -> None:
    for pending in (leg.timer, leg.task):
        if pending is not None:
            pending.cancel()
    leg.timer = leg.task = None
