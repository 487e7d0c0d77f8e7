"""What the agent may see and change of a router: the two protocols that the daemon implements.

`RouterView` only reads and must answer at once from memory; rows come oldest first. `RouterControl` carries
out what CREATE, UPDATE and DELETE ask for, or refuses it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from skrouter.mgmt.agent.facts import (
    AddressFacts,
    ConnectionFacts,
    LinkFacts,
    LogEntry,
    LogStatsFacts,
    MemoryFacts,
    MetricsFacts,
    NodeFacts,
    TcpConnectionFacts,
    VhostStatsFacts,
)
from skrouter.mgmt.agent.settings import (
    AddressConfigFacts,
    AutoLinkFacts,
    ConnectorFacts,
    ListenerAddressFacts,
    ListenerFacts,
    LogFacts,
    NetworkFacts,
    PolicyFacts,
    ProxyProfileFacts,
    RouterFacts,
    SiteFacts,
    SslProfileFacts,
    TcpConnectorFacts,
    TcpListenerFacts,
    VhostFacts,
    facts_from,
)

__all__ = [
    "AddressConfigFacts",
    "AddressFacts",
    "AutoLinkFacts",
    "ConnectionFacts",
    "ConnectorFacts",
    "LinkFacts",
    "ListenerAddressFacts",
    "ListenerFacts",
    "LogEntry",
    "LogFacts",
    "LogStatsFacts",
    "MemoryFacts",
    "MetricsFacts",
    "NetworkFacts",
    "NodeFacts",
    "PolicyFacts",
    "ProxyProfileFacts",
    "RouterControl",
    "RouterFacts",
    "RouterView",
    "SiteFacts",
    "SslProfileFacts",
    "TcpConnectionFacts",
    "TcpConnectorFacts",
    "TcpListenerFacts",
    "VhostFacts",
    "VhostStatsFacts",
    "facts_from",
]


class RouterView(Protocol):
    """Everything that management shows of a router."""

    def router(self) -> RouterFacts:
        """The router entity."""

    def network(self) -> NetworkFacts:
        """The network entity."""

    def policy(self) -> PolicyFacts:
        """The policy entity."""

    def metrics(self) -> MetricsFacts:
        """The router's totals."""

    def sites(self) -> Iterable[SiteFacts]:
        """Configured sites."""

    def ssl_profiles(self) -> Iterable[SslProfileFacts]:
        """Configured TLS profiles."""

    def proxy_profiles(self) -> Iterable[ProxyProfileFacts]:
        """Configured HTTP proxies."""

    def listeners(self) -> Iterable[ListenerFacts]:
        """AMQP and HTTP listeners."""

    def connectors(self) -> Iterable[ConnectorFacts]:
        """AMQP connectors."""

    def tcp_listeners(self) -> Iterable[TcpListenerFacts]:
        """TCP listeners."""

    def tcp_connectors(self) -> Iterable[TcpConnectorFacts]:
        """TCP connectors."""

    def listener_addresses(self) -> Iterable[ListenerAddressFacts]:
        """Addresses of multi-address TCP listeners."""

    def logs(self) -> Iterable[LogFacts]:
        """Settings of every log module."""

    def log_stats(self) -> Iterable[LogStatsFacts]:
        """Event counts of every log module."""

    def address_configs(self) -> Iterable[AddressConfigFacts]:
        """Address prefixes and patterns."""

    def auto_links(self) -> Iterable[AutoLinkFacts]:
        """Auto-links."""

    def vhosts(self) -> Iterable[VhostFacts]:
        """Configured vhosts."""

    def vhost_stats(self) -> Iterable[VhostStatsFacts]:
        """Counters of every vhost."""

    def connections(self) -> Iterable[ConnectionFacts]:
        """Open connections."""

    def links(self) -> Iterable[LinkFacts]:
        """Attached links."""

    def addresses(self) -> Iterable[AddressFacts]:
        """The address table."""

    def nodes(self) -> Iterable[NodeFacts]:
        """Known interior routers, this one first; nothing on an edge or standalone router."""

    def tcp_connections(self) -> Iterable[TcpConnectionFacts]:
        """TCP connections under their own type; the reference lists none and shows them as connections."""

    def memory(self) -> Iterable[MemoryFacts]:
        """Pools of objects; may be empty."""

    def log_entries(self, limit: int) -> Iterable[LogEntry]:
        """The newest `limit` entries that are kept, oldest first."""


class RouterControl(Protocol):
    """Changes that management may ask for.

    `entity_type` is the short name (`tcpListener`, `router.config.address`, `connection`). Attributes are as
    the client gave them, in camel case, with the name if there is one: `skrouter.config.runtime` checks them
    (`create_entity`, `update_entity`), and its ConfigError is the refusal; so is a `ManagementError` of
    `skrouter.mgmt.agent.status`. The facts returned are of the class that `RouterView` has for the type.
    """

    def create(self, entity_type: str, attributes: Mapping[str, Any]) -> object:
        """Make an entity and return its facts."""

    def update(self, entity_type: str, identity: str, changes: Mapping[str, Any]) -> object:
        """Change attributes of the entity (null takes a value away) and return its facts as they are now."""

    def delete(self, entity_type: str, identity: str) -> None:
        """Remove the entity."""

    def start_profile(self) -> None:
        """Begin to profile the router."""

    def stop_profile(self) -> str:
        """End it; the result as text. BadRequestError if it was not begun."""
