"""proxyProfiles put to use: where a proxy is, and what is said to it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skrouter.config.model import ProxyProfileConfig
from skrouter.router.net.dial import Target
from skrouter.router.net.errors import NetworkConfigurationError
from skrouter.router.net.listeners import service
from skrouter.router.net.tls import TlsProfiles

if TYPE_CHECKING:
    from skrouter.router.net.http.connect import ProxyConnect


@dataclass(frozen=True, slots=True)
class ProxyExchange:
    """A CONNECT under way at `proxy`, as `host:port`."""

    proxy: str
    connect: ProxyConnect


class Proxies:
    """All proxyProfiles, as the configuration has them at the moment.

    A profile counts as it is when a connector dials: its password is read again for each attempt.
    """

    def __init__(
        self, profiles: Callable[[], Mapping[str, ProxyProfileConfig]], passwords: TlsProfiles
    ) -> None:
        self._profiles = profiles
        self._passwords = passwords

    def place(self, name: str) -> Target:
        """Where the proxy is. NetworkConfigurationError if the profile is not there or does not say it."""
        profile = self._profiles().get(name)
        if profile is None:
            raise NetworkConfigurationError(f"proxyProfile '{name}' not found")
        if not profile.host or not profile.port:
            raise NetworkConfigurationError(f"proxyProfile '{name}': give it a host and a port")
        return Target(profile.host, profile.port, profile.host)

    def check(self, name: str) -> None:
        """NetworkConfigurationError if the profile cannot work."""
        self.place(name)
        self._credentials(name)

    def exchange(self, name: str, target: Target) -> ProxyExchange:
        """Ask the proxy for a connection to the target. NetworkConfigurationError."""
        from skrouter.router.net.http.connect import ProxyConnect  # noqa: PLC0415  (HTTP only where it is used)

        host = f"[{target.host}]" if ":" in target.host else target.host
        connect = ProxyConnect(f"{host}:{_number(target.port)}", self._credentials(name))
        return ProxyExchange(self.place(name).host_port, connect)

    def _credentials(self, name: str) -> tuple[str, str] | None:
        profile = self._profiles()[name]
        if not profile.username:
            return None
        if ":" in profile.username:
            raise NetworkConfigurationError(f"proxyProfile '{name}' username: it may not contain ':'")
        place = f"proxyProfile '{name}' password"
        return profile.username, self._passwords.password(profile.password or "pass:", place)


def _number(port: str) -> str:
    """Proxies want a number. NetworkConfigurationError for a service that this system does not know."""
    known = service(port)
    if known.isdigit():
        return known
    try:
        return str(socket.getservbyname(known, "tcp"))
    except OSError as error:
        raise NetworkConfigurationError(f"port '{port}': no such service; give its number") from error
