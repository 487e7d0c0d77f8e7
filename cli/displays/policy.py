"""Policy and vhosts: `-p`, `--vhosts`, `--vhostgroups` and `--vhoststats`."""

from skrouter.cli.displays.source import PREFIX, Parts, Source, words
from skrouter.cli.render import Column, Row, Table, pairs, plain, setting, table

_POLICY = (
    ("Maximum Concurrent Connections", "maxConnections"),
    ("Maximum Message Size", "maxMessageSize"),
    ("Enable Vhost Policy", "enableVhostPolicy"),
    ("Enable Vhost Name Patterns", "enableVhostNamePatterns"),
    ("Policy Directory", "policyDir"),
    ("Default Vhost", "defaultVhost"),
)

_POLICY_STATUS = (
    ("Connections Processed", "connectionsProcessed"),
    ("Connections Denied", "connectionsDenied"),
    ("Connections Current", "connectionsCurrent"),
    ("Links Denied", "linksDenied"),
    ("Maximum Message Size Denied", "maxMessageSizeDenied"),
    ("Total Denials", "totalDenials"),
)


def policy(source: Source, _: bool) -> Parts:
    """Global limits and what they refused."""
    row = (source.rows(PREFIX + "policy") or [{}])[0]
    return [
        pairs(title, [(label, setting(attribute)(row)) for label, attribute in entries])
        for title, entries in (("Policy Configuration", _POLICY), ("Policy Status", _POLICY_STATUS))
    ]


VHOST_COLUMNS = (
    *(
        Column(name, plain(name))
        for name in words(
            "hostname maxConnections maxMessageSize maxConnectionsPerUser maxConnectionsPerHost "
            "allowUnknownUser"
        )
    ),
    Column("groups", lambda row: str(len(row.get("groups") or {}))),
)


def vhosts(source: Source, _: bool) -> Parts:
    """Vhosts and their limits."""
    rows = source.rows(PREFIX + "vhost")
    return [table("Vhosts", VHOST_COLUMNS, rows)] if rows else ["No Vhosts"]


_GROUP_LIMITS = words(
    "vhost group maxConnectionsPerUser maxConnectionsPerHost maxMessageSize maxFrameSize "
    "maxSessionWindow maxSessions maxSenders maxReceivers allowDynamicSource allowAnonymousSender "
    "allowUserIdProxy allowAdminStatusUpdate"
)

_GROUP_ACCESS = words("vhost group users remoteHosts sources targets sourcePattern targetPattern")


def vhost_groups(source: Source, _: bool) -> Parts:
    """User groups of all vhosts: limits in one table, access in one for each."""
    groups = [
        {**settings, "vhost": row.get("hostname"), "group": name}
        for row in source.rows(PREFIX + "vhost")
        for name, settings in (row.get("groups") or {}).items()
    ]
    if not groups:
        return ["No Vhosts"]
    limits = table("Vhost Groups", [Column(name, setting(name)) for name in _GROUP_LIMITS], groups)
    return [limits, *(_group_access(group) for group in groups)]


def _group_access(group: Row) -> Table:
    title = f"Vhost '{group['vhost']}' UserGroup '{group['group']}'"
    return pairs(title, [(name, setting(name)(group)) for name in _GROUP_ACCESS])


VHOST_STATS_COLUMNS = tuple(
    Column(name, plain(name))
    for name in words(
        "hostname connectionsApproved connectionsDenied connectionsCurrent sessionDenied senderDenied "
        "receiverDenied maxMessageSizeDenied"
    )
)

VHOST_USER_COLUMNS = (
    Column("vhost", plain("vhost")),
    Column("user", plain("user")),
    Column("remote hosts", plain("hosts")),
)


def vhost_stats(source: Source, _: bool) -> Parts:
    """Counters of all vhosts, and who is connected."""
    rows = source.rows(PREFIX + "vhostStats")
    if not rows:
        return ["No Vhost Stats"]
    users = [
        {"vhost": row.get("hostname"), "user": user, "hosts": hosts}
        for row in rows
        for user, hosts in (row.get("perUserState") or {}).items()
    ]
    return [
        table("Vhost Stats", VHOST_STATS_COLUMNS, rows),
        table("Vhost User Stats", VHOST_USER_COLUMNS, users),
    ]
