"""Listening sockets of AMQP and HTTP listeners: opened together or not at all, then the engine's."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass
from typing import Final

from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.amqp.sasl.mechanisms import external
from skrouter.config.model import ListenerConfig
from skrouter.router.net.errors import ListenError
from skrouter.router.net.log import RouterLog
from skrouter.router.net.tls import TlsProfiles

BACKLOG: Final = 4096
_FAMILIES: Final = {None: socket.AF_UNSPEC, "IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
_SERVICES: Final = {"amqp": "5672", "amqps": "5671"}
_NO_SUCH_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


@dataclass(frozen=True, slots=True)
class Listener:
    """An open listener. `port` is the bound one, where the configuration may say 0 or a service name."""

    config: ListenerConfig
    handles: tuple[int, ...]
    port: int
    mechanisms: tuple[str, ...]
    """What SASL offers, before the peer's certificate is looked at."""
    access_id: str | None

    @property
    def host_port(self) -> str:
        """As configured, but for port 0: what logs show."""
        return shown(self.config, self.port)


def shown(config: ListenerConfig, port: int | None = None) -> str:
    """`host:port` as configured; the bound port if 0 was."""
    return f"{config.host}:{port if port is not None and config.port == '0' else config.port}"


def family(name: str | None) -> int:
    """The address family that socketAddressFamily names."""
    return _FAMILIES[name]


def service(port: str) -> str:
    """A port as getaddrinfo takes it: AMQP's services work even where the system does not list them."""
    return _SERVICES.get(port, port)


def requires_certificate(config: ListenerConfig, *, has_ca: bool = False) -> bool:
    """Whether peers must show a certificate that our CA signed; HTTP has no other proof."""
    asked = external.NAME in (config.sasl_mechanisms or "").split()
    return asked or (config.http and config.authenticate_peer and has_ca)


class Listeners:
    """The AMQP listeners of a process."""

    def __init__(self, connections: Connections, tls: TlsProfiles, log: RouterLog) -> None:
        self._connections = connections
        self._tls = tls
        self._log = log
        self._open: dict[str, Listener] = {}
        self._by_handle: dict[int, Listener] = {}

    def of(self, handle: int) -> Listener | None:
        """The listener that accepted on this handle; None if it has been removed."""
        return self._by_handle.get(handle)

    def all(self) -> tuple[Listener, ...]:
        """Open listeners, oldest first."""
        return tuple(self._open.values())

    def add(self, config: ListenerConfig, mechanisms: tuple[str, ...], access_id: str | None) -> Listener:
        """Open the sockets. NetworkConfigurationError, or ListenError if an address cannot be used."""
        context = self._context(config)
        sockets = self._sockets(config)
        port = int(sockets[0].getsockname()[1])
        handles = tuple(
            self._connections.listen(item.detach(), context, context is not None) for item in sockets
        )
        listener = Listener(config, handles, port, mechanisms, access_id)
        self._open[config.identity] = listener
        self._by_handle.update(dict.fromkeys(handles, listener))
        name = f" ({config.name})" if config.port == "0" else ""
        self._log.log("SERVER", "info", f"Listening on {listener.host_port}{name}")
        return listener

    def _context(self, config: ListenerConfig) -> TlsContext | None:
        """Whether a plain stream is welcome is asked when it is there: then the log can say why not."""
        if config.ssl_profile is None:
            return None
        return self._tls.server(config.ssl_profile, require_peer=self.wants_certificate(config))

    def wants_certificate(self, config: ListenerConfig) -> bool:
        """Whether peers with TLS must show a certificate."""
        if config.ssl_profile is None:
            return False
        profile = self._tls.profile(config.ssl_profile)
        return requires_certificate(config, has_ca=profile.ca_cert_file is not None)

    def _sockets(self, config: ListenerConfig) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        try:
            _listen_on_all(config, sockets)
        except OSError as error:
            for item in sockets:
                item.close()
            reason = error.strerror or str(error)
            text = f"Listener error on {shown(config)}: {reason} - listen on {shown(config)} (proton:io)"
            self._log.log("SERVER", "error", text)
            raise ListenError(shown(config), reason) from error
        return sockets

    def renew(self, profile: str) -> None:
        """The profile has changed: use its new certificates for peers to come."""
        for listener in self._open.values():
            if listener.config.ssl_profile == profile:
                context = self._context(listener.config)
                if context is not None:
                    for handle in listener.handles:
                        self._connections.renew_tls(handle, context)

    def remove(self, identity: str) -> None:
        """Close the sockets; accepted connections live on. KeyError if there is no such listener."""
        listener = self._open.pop(identity)
        for handle in listener.handles:
            del self._by_handle[handle]
            self._connections.stop_listening(handle)


def _listen_on_all(config: ListenerConfig, sockets: list[socket.socket]) -> None:
    """Open a socket for each address of the host into `sockets`; OSError for the first that fails.

    Of the wildcard's two families one may be missing on this machine.
    """
    found = socket.getaddrinfo(
        config.host or None,
        service(config.port),
        family=family(config.socket_address_family),
        type=socket.SOCK_STREAM,
        flags=socket.AI_PASSIVE,
    )
    missing: OSError | None = None
    for kind, *_, address in dict.fromkeys(found):
        # all addresses of a listener with an ephemeral port share the first one's
        port = sockets[0].getsockname()[1] if sockets else address[1]
        try:
            sockets.append(_listen(kind, (address[0], port, *address[2:])))
        except OSError as error:
            if config.host or error.errno not in _NO_SUCH_FAMILY:
                raise
            missing = error
    if not sockets:
        raise missing or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))


def _listen(kind: int, address: tuple[object, ...]) -> socket.socket:
    item = socket.socket(kind, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        item.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.AF_INET6:
            item.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        item.bind(address)
        item.listen(BACKLOG)
    except BaseException:
        item.close()
        raise
    return item
