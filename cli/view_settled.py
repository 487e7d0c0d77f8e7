"""What management shows of entities that are as they were configured, and of the log."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from skrouter.cli import view_process
from skrouter.config.levels import LEVELS
from skrouter.config.model import Typed
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent.view import (
    ConnectorFacts,
    ListenerFacts,
    LogEntry,
    LogFacts,
    LogStatsFacts,
    NetworkFacts,
    ProxyProfileFacts,
    RouterFacts,
    SiteFacts,
    SslProfileFacts,
    VhostFacts,
    VhostStatsFacts,
    facts_from,
)

if TYPE_CHECKING:
    from skrouter.router.runtime import Router

Facts = TypeVar("Facts")


def configured(kind: type[Facts], config: Typed, **observed: Any) -> Facts:
    """The facts of an entity as it was written, with what running adds."""
    return facts_from(kind, config.entity.attributes, **observed)


class SettledView:
    """The part of `RouterView` that needs the router's configuration, ports and log only."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def router(self) -> RouterFacts:
        """The router entity."""
        version, host = self._router.identity.version, view_process.host_name()
        return configured(RouterFacts, self._router.config.router, version=version, host_name=host)

    def network(self) -> NetworkFacts:
        """The network entity."""
        network = self._router.config.network
        return configured(NetworkFacts, network, first_id=network.entity.identity.partition("/")[2])

    def sites(self) -> Iterable[SiteFacts]:
        """The configured site, if there is one."""
        site = self._router.config.site
        return [] if site is None else [configured(SiteFacts, site)]

    def ssl_profiles(self) -> Iterable[SslProfileFacts]:
        """Configured TLS profiles."""
        return [configured(SslProfileFacts, one) for one in self._router.config.ssl_profiles.values()]

    def proxy_profiles(self) -> Iterable[ProxyProfileFacts]:
        """Configured HTTP proxies."""
        return [configured(ProxyProfileFacts, one) for one in self._router.config.proxy_profiles.values()]

    def listeners(self) -> Iterable[ListenerFacts]:
        """Open AMQP listeners."""
        return [configured(ListenerFacts, one.config) for one in self._router.shell.listeners]

    def connectors(self) -> Iterable[ConnectorFacts]:
        """AMQP connectors with the status of their connections."""
        for connector in self._router.shell.connectors:
            status = connector.report()
            yield configured(
                ConnectorFacts,
                connector.config,
                connection_status=status.connection_status,
                connection_msg=status.connection_msg,
                failover_urls=status.failover_urls,
            )

    def vhosts(self) -> Iterable[VhostFacts]:
        """Vhosts, with the defaults of what their groups leave out."""
        for one in self._router.policy.rules.vhosts:
            groups = {name: {**_group_defaults(), **given} for name, given in one.groups.items()}
            yield configured(VhostFacts, one, groups=groups)

    def logs(self) -> Iterable[LogFacts]:
        """Settings of every log module; DEFAULT shows what it makes of those that were not given."""
        for one in self._router.log.configs:
            observed: dict[str, object] = {
                "include_timestamp": one.include_timestamp,
                "include_source": one.include_source,
            }
            if one.entity.get("enable") is None and one.levels is not None:
                observed |= {"enable": enable_text(one.levels)}
            yield configured(LogFacts, one, **observed)

    def log_stats(self) -> Iterable[LogStatsFacts]:
        """Event counts of every log module."""
        log = self._router.log
        for config in log.configs:
            counts = {f"{level}_count": count for level, count in log.counts(config.module).items()}
            yield LogStatsFacts(config.module, **counts)

    def log_entries(self, limit: int) -> Iterable[LogEntry]:
        """The newest `limit` entries that are kept, oldest first."""
        entries = self._router.log.entries
        for one in itertools.islice(entries, max(len(entries) - limit, 0), None):
            yield LogEntry(one.module, one.level, one.text, one.file, one.line, int(one.time))

    def vhost_stats(self) -> Iterable[VhostStatsFacts]:
        """Counters by vhost."""
        for hostname, tally in self._router.policy.rules.tallies.items():
            yield VhostStatsFacts(
                hostname=hostname,
                connections_approved=tally.approved,
                connections_denied=tally.denied,
                connections_current=tally.current,
                per_user_state=tally.users.connections,
                per_host_state=tally.hosts.connections,
                session_denied=tally.sessions_denied,
                sender_denied=tally.senders_denied,
                receiver_denied=tally.receivers_denied,
                max_message_size_denied=tally.sizes_denied,
            )


def _group_defaults() -> dict[str, object]:
    known = load_schema().entity_type("vhostUserGroupSettings").attributes
    return {name: attribute.default for name, attribute in known.items() if attribute.default is not None}


def enable_text(levels: frozenset[str]) -> str:
    """The shortest text that enables exactly these levels, as `info+` or `debug,error`."""
    wanted = [level for level in LEVELS if level in levels]
    if not wanted:
        return "none"
    is_tail = wanted == list(LEVELS[-len(wanted) :])
    return f"{wanted[0]}+" if is_tail and len(wanted) > 1 else ",".join(wanted)
