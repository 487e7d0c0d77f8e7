"""Links, addresses and auto-links: `-l`, `-a` and `--autolinks`."""

from skrouter.cli.displays.source import PREFIX, Parts, Source, words
from skrouter.cli.render import Column, Row, duration, table, text

ADDRESS_CLASSES = {
    "M": "mobile",
    "N": "network",
    "R": "router",
    "A": "area",
    "L": "local",
    "T": "topo",
    "H": "edge",
}
"""The first letter of an address's hash key."""


def address_class(row: Row, attribute: str) -> str:
    """The class of the address in the attribute."""
    key = row.get(attribute) or ""
    return ADDRESS_CLASSES.get(key[:1], "unknown: " + key[:1]) if key else ""


def address_text(row: Row, attribute: str) -> str:
    """The address without its class letter."""
    return (row.get(attribute) or "")[1:]


LINK_ATTRIBUTES = words(
    "linkType linkDir connectionId identity owningAddr capacity undeliveredCount unsettledCount "
    "deliveryCount presettledCount droppedPresettledCount acceptedCount rejectedCount "
    "releasedCount modifiedCount deliveriesDelayed1Sec deliveriesDelayed10Sec deliveriesStuck "
    "creditAvailable zeroCreditSeconds operStatus linkName priority settleRate"
)


def _delayed(row: Row) -> str:
    # The two counters have no delivery in common: one counts up to ten seconds, the other what took longer.
    return str((row.get("deliveriesDelayed1Sec") or 0) + (row.get("deliveriesDelayed10Sec") or 0))


def _blocked(row: Row) -> str:
    seconds = row.get("zeroCreditSeconds")
    return duration(seconds) if seconds else "-"


LINK_COLUMNS = (
    Column("type", text("linkType")),
    Column("dir", text("linkDir")),
    Column("conn id", text("connectionId")),
    Column("id", text("identity")),
    Column("class", lambda row: address_class(row, "owningAddr")),
    Column("addr", lambda row: address_text(row, "owningAddr")),
    Column("cap", text("capacity")),
    Column("pri", text("priority")),
    Column("undel", text("undeliveredCount")),
    Column("unsett", text("unsettledCount")),
    Column("deliv", text("deliveryCount")),
    Column("presett", text("presettledCount")),
    Column("psdrop", text("droppedPresettledCount")),
    Column("acc", text("acceptedCount")),
    Column("rej", text("rejectedCount")),
    Column("rel", text("releasedCount")),
    Column("mod", text("modifiedCount")),
    Column("delay", _delayed),
    Column("rate", text("settleRate")),
    Column("stuck", text("deliveriesStuck")),
    Column("cred", text("creditAvailable")),
    Column("blkd", _blocked),
)

VERBOSE_LINK_COLUMNS = (
    *LINK_COLUMNS,
    Column("admin", text("adminStatus")),
    Column("oper", text("operStatus")),
    Column("name", text("linkName")),
)


def links(source: Source, verbose: bool) -> Parts:
    """All links."""
    columns = VERBOSE_LINK_COLUMNS if verbose else LINK_COLUMNS
    return [table("Router Links", columns, source.rows(PREFIX + "router.link", LINK_ATTRIBUTES))]


ADDRESS_ATTRIBUTES = words(
    "distribution inProcess subscriberCount remoteCount deliveriesIngress deliveriesEgress "
    "deliveriesTransit deliveriesToContainer deliveriesFromContainer name priority watch"
)


def _priority(row: Row) -> str:
    priority = row.get("priority")
    return "-" if priority is None or priority < 0 else str(priority)


def _address_columns(verbose: bool) -> list[Column]:
    in_process = Column("in-proc", text("inProcess"))
    more = (
        Column("to-proc", text("deliveriesToContainer")),
        Column("from-proc", text("deliveriesFromContainer")),
        Column("watch", lambda row: "Y" if row.get("watch") else ""),
    )
    return [
        Column("class", lambda row: address_class(row, "name")),
        Column("addr", lambda row: address_text(row, "name")),
        Column("distrib", text("distribution")),
        Column("pri", _priority),
        *((in_process,) if verbose else ()),
        Column("local", text("subscriberCount")),
        Column("remote", text("remoteCount")),
        Column("in", text("deliveriesIngress")),
        Column("out", text("deliveriesEgress")),
        Column("thru", text("deliveriesTransit")),
        *(more if verbose else ()),
    ]


def addresses(source: Source, verbose: bool) -> Parts:
    """The address table, by address."""
    rows = source.rows(PREFIX + "router.address", ADDRESS_ATTRIBUTES)
    ordered = sorted(rows, key=lambda row: address_text(row, "name"))
    return [table("Router Addresses", _address_columns(verbose), ordered)]


AUTO_LINK_COLUMNS = (
    Column("addr", text("address")),
    Column("dir", text("direction")),
    Column("extAddr", text("externalAddress")),
    Column("link", text("linkRef")),
    Column("status", text("operStatus")),
    Column("lastErr", text("lastError")),
)


def auto_links(source: Source, _: bool) -> Parts:
    """Auto-links by address; one without an address comes first, where the reference fails."""
    rows = source.rows(PREFIX + "router.config.autoLink")
    ordered = sorted(rows, key=lambda row: row.get("address") or "")
    return [table("AutoLinks", AUTO_LINK_COLUMNS, ordered)] if rows else ["No AutoLinks found"]
