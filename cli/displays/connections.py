"""Connections: `-c` and `-e`."""

from skrouter.cli.displays.source import PREFIX, Parts, Source
from skrouter.cli.render import Column, Row, duration, plain, table, text


def security(row: Row) -> str:
    """How a connection is protected."""
    if not row.get("isEncrypted"):
        return "no-security"
    if row.get("sasl") == "GSSAPI":
        return "Kerberos"
    return f"{row.get('sslProto')}({row.get('sslCipher')})"


def authentication(row: Row) -> str:
    """Who the peer is, and how it is known."""
    if not row.get("isAuthenticated"):
        return "no-auth"
    mechanism = row.get("sasl")
    if mechanism == "ANONYMOUS":
        return "anonymous-user"
    return f"{row.get('user')}({'x.509' if mechanism == 'EXTERNAL' else mechanism})"


_SECURITY = (Column("security", security), Column("authentication", authentication))

CONNECTION_COLUMNS = (
    Column("id", plain("identity")),
    Column("host", plain("host")),
    Column("container", text("container")),
    Column("role", plain("role")),
    Column("proto", text("protocol")),
    Column("dir", plain("dir")),
    *_SECURITY,
    Column("meshId", text("meshId")),
    Column("last dlv", lambda row: duration(row.get("lastDlvSeconds"))),
    Column("uptime", lambda row: duration(row.get("uptimeSeconds"))),
)

EDGE_COLUMNS = (
    *CONNECTION_COLUMNS[:3],
    Column("dir", plain("dir")),
    *_SECURITY,
    Column("active", lambda row: "yes" if row.get("active") else "no"),
)


def connections(source: Source, _: bool) -> Parts:
    """All connections."""
    return [table("Connections", CONNECTION_COLUMNS, source.rows(PREFIX + "connection"))]


def edges(source: Source, _: bool) -> Parts:
    """Connections to or from edge routers."""
    rows = [row for row in source.rows(PREFIX + "connection") if row.get("role") == "edge"]
    return [table("Connections", EDGE_COLUMNS, rows)]
