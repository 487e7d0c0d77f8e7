"""A router that is only rows of facts, with changes that do what a configuration change does to a row."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skrouter.config.entity import Entity
from skrouter.config.runtime import create_entity, update_entity
from skrouter.config.schema import Schema, load_schema
from skrouter.mgmt.agent import facts as operational
from skrouter.mgmt.agent import settings
from skrouter.mgmt.agent.entities.catalog import CORE, GENERAL
from skrouter.mgmt.agent.naming import long_name, snake_case
from skrouter.mgmt.agent.view import facts_from

KINDS: dict[str, type] = {
    "connection": operational.ConnectionFacts,
    "router.link": operational.LinkFacts,
    "router.address": operational.AddressFacts,
    "router.node": operational.NodeFacts,
    "routerMetrics": operational.MetricsFacts,
    "allocator": operational.MemoryFacts,
    "logStats": operational.LogStatsFacts,
    "vhostStats": operational.VhostStatsFacts,
    "tcpConnection": operational.TcpConnectionFacts,
    "router": settings.RouterFacts,
    "network": settings.NetworkFacts,
    "site": settings.SiteFacts,
    "sslProfile": settings.SslProfileFacts,
    "proxyProfile": settings.ProxyProfileFacts,
    "listener": settings.ListenerFacts,
    "connector": settings.ConnectorFacts,
    "tcpListener": settings.TcpListenerFacts,
    "tcpConnector": settings.TcpConnectorFacts,
    "listenerAddress": settings.ListenerAddressFacts,
    "log": settings.LogFacts,
    "router.config.address": settings.AddressConfigFacts,
    "router.config.autoLink": settings.AutoLinkFacts,
    "policy": settings.PolicyFacts,
    "vhost": settings.VhostFacts,
}
"""The class of facts of each entity type."""

OURS = {"proxyProtocol"}
"""Attributes that the reference does not have."""


def reference_schema() -> Schema:
    """Without the attributes that we have added."""
    schema = load_schema()
    types = {
        name: replace(one, attributes={key: each for key, each in one.attributes.items() if key not in OURS})
        for name, one in schema.entity_types.items()
    }
    return replace(schema, entity_types=types)


SCHEMA = reference_schema()
CONFIGURED = [kind for kind in GENERAL if SCHEMA.entity_type(kind).is_configuration]


@dataclass
class FakeRouter:
    """`RouterView` and `RouterControl` over `rows`: facts by the short name of their type."""

    rows: dict[str, list[Any]] = field(default_factory=dict)
    log: list[operational.LogEntry] = field(default_factory=list)
    next_identity: int = 1
    refusal: Exception | None = None

    def _all(self, kind: str) -> list[Any]:
        return self.rows.setdefault(kind, [])

    def _one(self, kind: str, default: object) -> Any:
        return (self._all(kind) or [default])[0]

    # --- RouterView

    def router(self) -> settings.RouterFacts:
        found: settings.RouterFacts = self._one("router", settings.RouterFacts("A"))
        return found

    def network(self) -> settings.NetworkFacts:
        found: settings.NetworkFacts = self._one("network", settings.NetworkFacts())
        return found

    def policy(self) -> settings.PolicyFacts:
        found: settings.PolicyFacts = self._one("policy", settings.PolicyFacts())
        return found

    def metrics(self) -> operational.MetricsFacts:
        found: operational.MetricsFacts = self._one("routerMetrics", operational.MetricsFacts("A", "1.0"))
        return found

    def sites(self) -> Iterable[settings.SiteFacts]:
        return self._all("site")

    def ssl_profiles(self) -> Iterable[settings.SslProfileFacts]:
        return self._all("sslProfile")

    def proxy_profiles(self) -> Iterable[settings.ProxyProfileFacts]:
        return self._all("proxyProfile")

    def listeners(self) -> Iterable[settings.ListenerFacts]:
        return self._all("listener")

    def connectors(self) -> Iterable[settings.ConnectorFacts]:
        return self._all("connector")

    def tcp_listeners(self) -> Iterable[settings.TcpListenerFacts]:
        return self._all("tcpListener")

    def tcp_connectors(self) -> Iterable[settings.TcpConnectorFacts]:
        return self._all("tcpConnector")

    def listener_addresses(self) -> Iterable[settings.ListenerAddressFacts]:
        return self._all("listenerAddress")

    def logs(self) -> Iterable[settings.LogFacts]:
        return self._all("log")

    def log_stats(self) -> Iterable[operational.LogStatsFacts]:
        return self._all("logStats")

    def address_configs(self) -> Iterable[settings.AddressConfigFacts]:
        return self._all("router.config.address")

    def auto_links(self) -> Iterable[settings.AutoLinkFacts]:
        return self._all("router.config.autoLink")

    def vhosts(self) -> Iterable[settings.VhostFacts]:
        return self._all("vhost")

    def vhost_stats(self) -> Iterable[operational.VhostStatsFacts]:
        return self._all("vhostStats")

    def connections(self) -> Iterable[operational.ConnectionFacts]:
        return self._all("connection")

    def links(self) -> Iterable[operational.LinkFacts]:
        return self._all("router.link")

    def addresses(self) -> Iterable[operational.AddressFacts]:
        return self._all("router.address")

    def nodes(self) -> Iterable[operational.NodeFacts]:
        return self._all("router.node")

    def tcp_connections(self) -> Iterable[operational.TcpConnectionFacts]:
        return self._all("tcpConnection")

    def memory(self) -> Iterable[operational.MemoryFacts]:
        return self._all("allocator")

    def log_entries(self, limit: int) -> Iterable[operational.LogEntry]:
        return self.log[-limit:] if limit else []

    # --- RouterControl

    def create(self, entity_type: str, attributes: Mapping[str, Any]) -> object:
        self._refuse()
        made = create_entity(SCHEMA, entity_type, attributes, self.entities()).entity
        numbered: dict[str, Any] = {}
        if "identity" in {item.name for item in dataclasses.fields(KINDS[entity_type])}:
            numbered, self.next_identity = {"identity": self.next_identity}, self.next_identity + 1
        facts: object = facts_from(KINDS[entity_type], made.attributes, **numbered)
        self._all(entity_type).append(facts)
        return facts

    def update(self, entity_type: str, identity: str, changes: Mapping[str, Any]) -> object:
        self._refuse()
        rows = self._all(entity_type)
        index = self._index(entity_type, identity)
        values = dict(changes)
        if entity_type != "connection":
            old = next(one for one in self.entities() if one.identity == identity)
            changed = update_entity(old, changes, self.entities()).entity
            values = {name: changed.get(name) for name in changes}
        rows[index] = dataclasses.replace(
            rows[index], **{snake_case(name): value for name, value in values.items()}
        )
        return rows[index]

    def delete(self, entity_type: str, identity: str) -> None:
        self._refuse()
        del self._all(entity_type)[self._index(entity_type, identity)]

    def start_profile(self) -> None:
        self._refuse()

    def stop_profile(self) -> str:
        self._refuse()
        return "3 function calls"

    def entities(self) -> list[Entity]:
        """The configuration behind the rows, with what the router added to it."""
        return [self._entity(kind, facts) for kind in CONFIGURED for facts in GENERAL[kind].facts(self)]

    def _entity(self, kind: str, facts: object) -> Entity:
        entity_type = SCHEMA.entity_type(kind)
        values = {name: GENERAL[kind].attribute(facts, name) for name in entity_type.attributes}
        if entity_type.name_is_optional:
            values["name"] = getattr(facts, "name", None)
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        return Entity(entity_type, given)

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal

    def _index(self, entity_type: str, identity: str) -> int:
        entity = CORE.get(long_name(entity_type)) or GENERAL[entity_type]
        return [entity.identity(facts) for facts in self._all(entity_type)].index(identity)
