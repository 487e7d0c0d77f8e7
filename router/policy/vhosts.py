"""The table of vhosts: by name, alias or pattern; which group a user is in, and from where it may come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from skrouter.config.hosts import HostList, host_list
from skrouter.config.model import PolicyConfig, VhostConfig
from skrouter.config.patterns import PatternTable
from skrouter.config.rules.policy import user_names
from skrouter.router.policy.settings import Settings, settings_of
from skrouter.router.policy.tally import Tally

DEFAULT_GROUP: Final = "$default"
CONNECTOR_GROUP: Final = "$connector"
_ANYBODY: Final = "*"

Resolve = Callable[[str], Iterable[str]]
"""The IP addresses of a host name; none if it has none."""


class PolicyError(ValueError):
    """A vhost cannot be as it is configured; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Group:
    """One user group of a vhost."""

    name: str
    settings: Settings
    hosts: HostList


@dataclass(slots=True)
class Vhost:
    """One vhost as it is in force. `homeless`: remote hosts that have no address."""

    config: VhostConfig
    groups: dict[str, Group]
    users: dict[str, str]
    tally: Tally
    homeless: tuple[str, ...] = ()

    def group_of(self, user: str) -> Group | None:
        """A user's group: by name, else the one for anybody, else the one for unknown users."""
        name = self.users.get(user) or self.users.get(_ANYBODY)
        if name is None and self.config.allow_unknown_user:
            name = DEFAULT_GROUP
        return None if name is None else self.groups.get(name)


@dataclass(slots=True)
class Vhosts:
    """All vhosts, oldest first."""

    policy: PolicyConfig
    resolve: Resolve
    by_hostname: dict[str, Vhost] = field(default_factory=dict)
    _by_name: dict[str, Vhost] = field(default_factory=dict)
    _patterns: PatternTable[Vhost] = field(default_factory=PatternTable)

    def put(self, config: VhostConfig) -> Vhost:
        """Add a vhost or change it, its counters kept. PolicyError, and no change, if it is invalid."""
        old = self.by_hostname.get(config.hostname)
        vhost = self._compiled(config, Tally() if old is None else old.tally)
        others = [one for one in self.by_hostname.values() if one is not old]
        self._by_name, self._patterns = self._indexed([*others, vhost])
        self.by_hostname[config.hostname] = vhost
        return vhost

    def remove(self, hostname: str) -> None:
        """Take a vhost away; its connections stay as they are. KeyError if there is none."""
        del self.by_hostname[hostname]
        self._by_name, self._patterns = self._indexed(self.by_hostname.values())

    def find(self, hostname: str) -> Vhost | None:
        """The vhost of a name: its own, else the default one."""
        found = self._patterns.match(hostname) if self.policy.enable_vhost_name_patterns else None
        found = self._by_name.get(hostname) or found
        if found is None and self.policy.default_vhost:
            found = self._by_name.get(self.policy.default_vhost)
        return found

    def _indexed(self, vhosts: Iterable[Vhost]) -> tuple[dict[str, Vhost], PatternTable[Vhost]]:
        names: dict[str, Vhost] = {}
        patterns: PatternTable[Vhost] = PatternTable()
        for vhost in vhosts:
            for name in (vhost.config.hostname, *vhost.config.aliases):
                if name in names:
                    raise _invalid(vhost.config, f"'{name}' is a name of another vhost or is given twice")
                names[name] = vhost
                if self.policy.enable_vhost_name_patterns:
                    _add_pattern(patterns, name, vhost)
        return names, patterns

    def _compiled(self, config: VhostConfig, tally: Tally) -> Vhost:
        groups: dict[str, Group] = {}
        users: dict[str, str] = {}
        homeless: list[str] = []
        for name, given in config.groups.items():
            try:
                settings = settings_of(given, config, self.policy)
                hosts = host_list(str(given.get("remoteHosts") or ""))
            except ValueError as error:
                raise _invalid(config, f"group '{name}': {error}") from error
            addresses = {host: tuple(self.resolve(host)) for host in hosts.names}
            homeless += [host for host, found in addresses.items() if not found]
            known = (address for found in addresses.values() for address in found)
            groups[name] = Group(name, settings, hosts.with_addresses(known))
            users.update(_users(name, given.get("users")))
        return Vhost(config, groups, users, tally, tuple(homeless))


def _users(group: str, listed: object) -> Iterator[tuple[str, str]]:
    """Who is in a group; nobody is a connector."""
    if group != CONNECTOR_GROUP and isinstance(listed, str):
        for user in user_names(listed):
            yield user, group


def _add_pattern(patterns: PatternTable[Vhost], name: str, vhost: Vhost) -> None:
    try:
        patterns.add(name, vhost)
    except ValueError as error:
        raise _invalid(vhost.config, str(error)) from error


def _invalid(config: VhostConfig, reason: str) -> PolicyError:
    return PolicyError(f"PolicyError: Policy '{config.hostname}' is invalid: {reason}")
