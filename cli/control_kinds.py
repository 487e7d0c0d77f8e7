"""What a changed configuration does to the running router, for each type of entity that can change.

Each type has three steps. A step that fails leaves the router as it was and raises one of `REFUSALS`, whose
text is for the user. Checking the attributes, and keeping the configuration, belongs to control.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from skrouter.adaptors.tcp.control import TcpConfigurationError
from skrouter.config.model import (
    ConnectorConfig,
    ListenerAddressConfig,
    ListenerConfig,
    LogConfig,
    NetworkConfig,
    SslProfileConfig,
    TcpConnectorConfig,
    TcpListenerConfig,
    VhostConfig,
)
from skrouter.router.net import describe
from skrouter.router.net.errors import ListenError, NetworkConfigurationError
from skrouter.router.net.log_output import OutputError
from skrouter.router.policy.vhosts import PolicyError

if TYPE_CHECKING:
    from skrouter.adaptors.tcp.shell import TcpShell
    from skrouter.router.net.policing import Policing
    from skrouter.router.runtime import Router

REFUSALS: Final = (
    ListenError,
    NetworkConfigurationError,
    OutputError,
    PolicyError,
    TcpConfigurationError,
)


def _nothing(*_: object) -> None:
    """Of a type that is configuration only: others look it up when they need it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Steps of one type: `start(new)`, `change(old, new)`, `stop(old)`."""

    start: Callable[[Any], None] = _nothing
    change: Callable[[Any, Any], None] = _nothing
    stop: Callable[[Any], None] = _nothing


def kinds(router: Router, tcp: TcpShell) -> Mapping[str, Kind]:
    """By short name, all types that can change."""
    ports, profiles = Ports(router), Profiles(router, tcp)
    return {
        "listener": Kind(ports.listen, stop=ports.stop_listening),
        "connector": Kind(ports.connect, stop=ports.disconnect),
        "sslProfile": Kind(profiles.start, profiles.change, profiles.stop),
        "router.config.address": Kind(router.add_address, stop=router.remove_address),
        "router.config.autoLink": Kind(router.add_auto_link, stop=router.remove_auto_link),
        "log": Kind(change=lambda _, new: _configure_log(router, new)),
        "tcpListener": _tcp_listener(tcp),
        "tcpConnector": _tcp_connector(tcp),
        "listenerAddress": _listener_address(tcp),
        "proxyProfile": Kind(),
        "vhost": _vhost(router.policy),
        "network": Kind(change=lambda _, new: _rename_network(router, tcp, new)),
    }


def _configure_log(router: Router, config: LogConfig) -> None:
    router.log.configure([config])
    router.shell.tracing.refresh()


def _rename_network(router: Router, tcp: TcpShell, config: NetworkConfig) -> None:
    """Addresses to come carry the new id; those of before stay good until the next change."""
    router.rename_network(config.network_id)
    tcp.set_reply_prefix(router.core.parser.prefix)


def _vhost(policy: Policing) -> Kind:
    def stop(old: VhostConfig) -> None:
        policy.remove_vhost(old.hostname)

    return Kind(policy.put_vhost, lambda _, new: policy.put_vhost(new), stop)


# --- the TCP adaptor


def _tcp_listener(tcp: TcpShell) -> Kind:
    def stop(old: TcpListenerConfig) -> None:
        tcp.delete_listener(str(old.name))

    return Kind(tcp.configure_listener, lambda _, new: tcp.configure_listener(new), stop)


def _tcp_connector(tcp: TcpShell) -> Kind:
    def stop(old: TcpConnectorConfig) -> None:
        tcp.delete_connector(str(old.name))

    return Kind(tcp.configure_connector, stop=stop)


def _listener_address(tcp: TcpShell) -> Kind:
    def stop(old: ListenerAddressConfig) -> None:
        tcp.delete_listener_address(old.listener, old.address)

    return Kind(tcp.configure_listener_address, stop=stop)


# --- AMQP


class Ports:
    """AMQP listeners and connectors."""

    def __init__(self, router: Router) -> None:
        self._ports = router.ports
        self._log = router.log

    def listen(self, config: ListenerConfig) -> None:
        """Open a listener."""
        self._ports.add_listener(config)

    def stop_listening(self, config: ListenerConfig) -> None:
        """Close a listener; its connections live on."""
        self._ports.remove_listener(config)
        self._log.log("CONN_MGR", "info", f"Deleted  Listener: {describe.configured(config)}")

    def connect(self, config: ConnectorConfig) -> None:
        """Begin to connect, whether anybody is there or not."""
        self._ports.add_connector(config)

    def disconnect(self, config: ConnectorConfig) -> None:
        """Connect no more, and close the connections."""
        self._ports.remove_connector(config)
        self._log.log("CONN_MGR", "info", f"Deleted  Connector: {describe.configured(config)}")


class Profiles:
    """sslProfiles: values and files count for connections to come, and the router may end old ones."""

    def __init__(self, router: Router, tcp: TcpShell) -> None:
        self._router = router
        self._tcp = tcp

    def start(self, config: SslProfileConfig) -> None:
        """Offer the profile; one that was deleted while in use is used with its new content."""
        if self._is_used(config):
            self._renew(config)
        else:
            self._router.tls.put(config)

    def change(self, _: SslProfileConfig, config: SslProfileConfig) -> None:
        """Read the files again and use the new values."""
        self._renew(config)
        self._router.log.log("AGENT", "info", f"Updated sslProfile {config.name} ")

    def stop(self, config: SslProfileConfig) -> None:
        """Nobody can refer to it any more; who does already keeps what there is."""
        if not self._is_used(config):
            self._router.tls.remove(str(config.name))

    def _renew(self, config: SslProfileConfig) -> None:
        name = str(config.name)
        self._router.shell.change_tls(config)
        self._tcp.ssl_profile_changed(name)
        self._router.tls_profile_updated(name)

    def _is_used(self, config: SslProfileConfig) -> bool:
        current = self._router.config
        users = (
            *(one.ssl_profile for one in current.listeners),
            *(one.ssl_profile for one in current.connectors),
            *(one.ssl_profile for one in current.tcp_listeners),
            *(one.ssl_profile for one in current.tcp_connectors),
        )
        return config.name in users
