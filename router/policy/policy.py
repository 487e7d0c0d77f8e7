"""The policy of one router: sockets, connections, vhosts. The only entry from outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skrouter.config.model import PolicyConfig, VhostConfig
from skrouter.router.policy.permit import Permit, Who
from skrouter.router.policy.settings import MANY, SMALLEST_FRAME, Settings
from skrouter.router.policy.tally import Tally, Totals
from skrouter.router.policy.verdict import CONNECTION, Line, Verdict, allow, deny
from skrouter.router.policy.vhosts import CONNECTOR_GROUP, Group, Resolve, Vhost, Vhosts

NO_VHOST = "No policy defined for vhost"
NO_GROUP = "User is not in a user group and unknown users are denied"
NOT_FROM_HERE = "User is not allowed to connect from this network host"
VHOST_IS_FULL = "Connection denied by application connection limit"
USER_IS_FULL = "Connection denied by application per user limit"
HOST_IS_FULL = "Connection denied by application per host limit"


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer to an open. `permit`: what the connection may do from now on, None if it was denied."""

    verdict: Verdict
    permit: Permit | None = None


class Policy:
    """Rules, connections under them, and counters."""

    def __init__(self, config: PolicyConfig, resolve: Resolve = lambda _host: ()) -> None:
        self.config = config
        self.totals = Totals()
        self._vhosts = Vhosts(config, resolve)

    def opening_lines(self) -> list[Line]:
        """What the log says of the policy at the start."""
        config = self.config
        folder = config.entity.text("policyDir") or ""
        rules, patterns = _shown(config.enable_vhost_policy), _shown(config.enable_vhost_name_patterns)
        fallback = f"is defined: '{config.default_vhost}'" if config.default_vhost else "is not defined"
        configured = (
            f"Policy configured maxConnections: {config.max_connections}, policyDir: '{folder}',"
            f"access rules enabled: '{rules}', use hostname patterns: '{patterns}'"
        )
        return [
            Line("debug", "Policy Initialized"),
            Line("info", configured),
            Line("info", f"Policy fallback defaultVhost {fallback}"),
        ]

    # --- vhosts

    @property
    def vhosts(self) -> Iterable[VhostConfig]:
        """Vhosts as configured, oldest first."""
        return [vhost.config for vhost in self._vhosts.by_hostname.values()]

    @property
    def tallies(self) -> dict[str, Tally]:
        """Counters by vhost."""
        return {name: vhost.tally for name, vhost in self._vhosts.by_hostname.items()}

    def put_vhost(self, config: VhostConfig) -> list[Line]:
        """Add or change a vhost, for connections to come. PolicyError, and no change, if it is invalid."""
        is_new = config.hostname not in self._vhosts.by_hostname
        vhost = self._vhosts.put(config)
        name = config.hostname
        lines = [Line("info", f"{'Created' if is_new else 'Updated'} policy rules for vhost {name}")]
        for host in vhost.homeless:
            text = f"Policy '{name}': remote host '{host}' has no address, so nobody can connect from there"
            lines.append(Line("warning", text))
        return lines

    def remove_vhost(self, hostname: str) -> list[Line]:
        """Take a vhost away; connections that are open stay. KeyError if there is none."""
        self._vhosts.remove(hostname)
        return [Line("info", f"Deleted policy rules for vhost {hostname}")]

    # --- sockets

    def socket_accepted(self, host: str) -> Verdict:
        """A socket was accepted; if it is allowed it counts until `socket_closed`."""
        totals = self.totals
        totals.processed += 1
        allowed = totals.current < self.config.max_connections
        if allowed:
            totals.current += 1
        else:
            totals.denied += 1
        text = f"Connection '{host}' based on global connection count. nConnections= {totals.current}"
        return allow(text) if allowed else deny(text)

    def socket_closed(self) -> None:
        """One of the allowed has gone."""
        self.totals.current -= 1

    # --- connections

    def opened(self, who: Who, vhost_name: str) -> Opening:
        """A client opens a connection to a vhost."""
        vhost = self._vhosts.find(vhost_name)
        group, reason = (None, NO_VHOST) if vhost is None else _admitted(vhost, who)
        if vhost is None or group is None:
            if vhost is not None:
                vhost.tally.denied += 1
            text = f"AMQP Open for user '{who.user}', rhost '{who.host}', vhost '{vhost_name}': {reason}"
            return Opening(deny(text, CONNECTION))
        vhost.tally.arrived(who.user, who.host, who.connection)
        text = (
            f"AMQP Open lookup_user: {who.user}, rhost: {who.host}, vhost: {vhost.config.hostname}, "
            f"connection: {who.connection}. Usergroup: '{group.name}'"
        )
        return Opening(allow(text, who.tag), Permit(who, group.settings, vhost.tally, self.totals))

    def dialled(self, who: Who, vhost_name: str) -> Opening:
        """We open a connection: the group for connectors says what may be done there."""
        vhost = self._vhosts.find(vhost_name)
        group = None if vhost is None else vhost.groups.get(CONNECTOR_GROUP)
        text = f"AMQP Open of a connector to '{who.connection}', vhost '{vhost_name}'"
        if vhost is None or group is None:
            reason = NO_VHOST if vhost is None else f"vhost has no user group '{CONNECTOR_GROUP}'"
            return Opening(deny(f"{text}: {reason}", CONNECTION))
        permit = Permit(who, group.settings, vhost.tally, self.totals, counted=False)
        return Opening(allow(f"{text}. Usergroup: '{CONNECTOR_GROUP}'", who.tag), permit)


def session_frames(settings: Settings, frame_size: int, frames: int) -> int:
    """The window of a session in frames of this size, two at least; `frames` if policy says nothing."""
    window = settings.max_session_window
    return frames if window is None else min(max(window // max(frame_size, SMALLEST_FRAME), 2), MANY)


def _admitted(vhost: Vhost, who: Who) -> tuple[Group | None, str]:
    """The group in which this client may connect now; None, with the reason, if it may not."""
    group = vhost.group_of(who.user)
    if group is None:
        return None, NO_GROUP
    if who.host not in group.hosts:
        return None, NOT_FROM_HERE
    if vhost.tally.current >= vhost.config.max_connections:
        return None, VHOST_IS_FULL
    if vhost.tally.users.count(who.user) >= group.settings.max_connections_per_user:
        return None, USER_IS_FULL
    if vhost.tally.hosts.count(who.host) >= group.settings.max_connections_per_host:
        return None, HOST_IS_FULL
    return group, ""


def _shown(setting: bool) -> str:
    return "true" if setting else "false"
