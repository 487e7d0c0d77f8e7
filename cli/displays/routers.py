"""The router and the network: `-g` and `-n`."""

from collections.abc import Callable
from typing import Any

from skrouter.cli.displays.source import PREFIX, Parts, Source
from skrouter.cli.render import Column, dashed, duration, memory_size, pairs, table, text, time_of_change


def nodes(source: Source, verbose: bool) -> Parts:
    """Routers of the network; an edge or standalone router knows of none."""
    rows = sorted(source.rows(PREFIX + "router.node"), key=lambda row: str(row.get("id")))
    if not rows:
        return ["Router is Standalone - No Router List"]
    columns = [
        Column("router-id", text("id")),
        Column("next-hop", dashed("nextHop")),
        Column("link", dashed("routerLink")),
    ]
    if verbose:
        columns += [
            Column("ver", text("protocolVersion")),
            Column("cost", text("cost")),
            Column("neighbors", text("linkState")),
            Column("valid-origins", text("validOrigins")),
        ]
    changes = [row["lastTopoChange"] for row in rows if row.get("lastTopoChange") is not None]
    note = f"Last Topology Change: {time_of_change(max(changes, default=None))}"
    return [table("Routers in the Network", columns, rows, note)]


_GENERAL_ROUTER = (
    ("Mode", "mode"),
    ("Router Id", "id"),
    ("Network Id", "networkId"),
    ("Tenant Id", "tenantId"),
    ("Host Name", "hostName"),
    ("Hello Interval Seconds", "helloIntervalSeconds"),
    ("Hello Max Age Seconds", "helloMaxAgeSeconds"),
    ("RA Interval Seconds", "raIntervalSeconds"),
    ("RA Interval Flux Seconds", "raIntervalFluxSeconds"),
    ("Remote Ls Max Age Seconds", "remoteLsMaxAgeSeconds"),
    ("Debug Dump File", "debugDumpFile"),
    ("Sasl Config Dir", "saslConfigDir"),
    ("Sasl Config Name", "saslConfigName"),
    ("Timestamps In UTC", "timestampsInUTC"),
    ("Timestamp Format", "timestampFormat"),
    ("Default Distribution", "defaultDistribution"),
    ("Metadata", "metadata"),
    ("Data Connection Count", "dataConnectionCount"),
    ("Worker Threads", "workerThreads"),
    ("Uptime", "uptimeSeconds"),
    ("VmSize", "memoryUsage"),
    ("RSS", "residentMemoryUsage"),
    ("Area", "area"),
    ("Auto Links", "autoLinkCount"),
    ("Links", "linkCount"),
    ("Nodes", "nodeCount"),
    ("Addresses", "addrCount"),
    ("Total Connections", "connectionCount"),
    ("Presettled Count", "presettledDeliveries"),
    ("Dropped Presettled Count", "droppedPresettledDeliveries"),
    ("Accepted Count", "acceptedDeliveries"),
    ("Rejected Count", "rejectedDeliveries"),
    ("Released Count", "releasedDeliveries"),
    ("Modified Count", "modifiedDeliveries"),
    ("Deliveries Delayed > 1sec", "deliveriesDelayed1Sec"),
    ("Deliveries Delayed > 10sec", "deliveriesDelayed10Sec"),
    ("Deliveries Stuck > 10sec", "deliveriesStuck"),
    ("Ingress Count", "deliveriesIngress"),
    ("Egress Count", "deliveriesEgress"),
    ("Transit Count", "deliveriesTransit"),
    ("Deliveries from Route Container", "deliveriesIngressRouteContainer"),
    ("Deliveries to Route Container", "deliveriesEgressRouteContainer"),
    ("Deliveries from Remote Network", "deliveriesIngressInterNetwork"),
    ("Deliveries to Remote Network", "deliveriesEgressInterNetwork"),
)

_ONLY_IF_SET = ("networkId", "tenantId")

_FORMATS: dict[str, Callable[[Any], str]] = {
    "timestampsInUTC": lambda value: "yes" if value else "no",
    "uptimeSeconds": duration,
    "memoryUsage": memory_size,
    "residentMemoryUsage": memory_size,
}


def general(source: Source, _: bool) -> Parts:
    """The router, its settings and totals."""
    found: dict[str, Any] = {}
    for kind in ("network", "router", "routerMetrics"):
        for row in source.rows(PREFIX + kind):
            found |= row
    found["version"] = found.get("version") or found.get("")  # the reference has it under no name
    values = [("Version", "" if found["version"] is None else str(found["version"]))]
    for label, attribute in _GENERAL_ROUTER:
        value = found.get(attribute)
        if value is None and attribute in _ONLY_IF_SET:
            continue
        shown = _FORMATS.get(attribute, lambda value: "" if value is None else str(value))(value)
        values.append((label, shown))
    for protocol, count in (found.get("connectionCounters") or {}).items():
        values.append((f"{protocol.upper()} Service Connections", str(count)))
    return [pairs("Router Statistics", values)]
