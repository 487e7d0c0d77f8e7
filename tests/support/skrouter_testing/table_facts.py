"""The facts behind the tables that the reference's skstat printed."""

import re
from collections.abc import Mapping
from datetime import datetime

from skrouter.mgmt.agent.facts import (
    AddressFacts,
    ConnectionFacts,
    LinkFacts,
    MemoryFacts,
    MetricsFacts,
    NodeFacts,
)
from skrouter.mgmt.agent.settings import AutoLinkFacts, PolicyFacts, RouterFacts

from skrouter_testing.fake_router import FakeRouter
from skrouter_testing.tool_outputs import tables

CLASS_LETTERS = {
    "mobile": "M",
    "network": "N",
    "router": "R",
    "local": "L",
    "topo": "T",
    "edge": "H",
}
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
Cells = Mapping[str, str]


def seconds(text: str) -> int | None:
    if text == "-":
        return None
    days, hours, minutes, rest = map(int, text.split(":"))
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def octets(text: str) -> int:
    number, unit = text.split()
    return round(float(number) * UNITS[unit])


def number(text: str) -> int:
    return int(text.replace(",", ""))


def connection(cells: Cells) -> ConnectionFacts:
    anonymous = cells["authentication"] == "anonymous-user"
    return ConnectionFacts(
        identity=int(cells["id"]),
        host=cells["host"],
        container=cells["container"],
        role=cells.get("role", "edge"),
        protocol=cells.get("proto", "amqp"),
        dir=cells["dir"],
        is_authenticated=anonymous,
        sasl="ANONYMOUS" if anonymous else None,
        user="anonymous" if anonymous else None,
        mesh_id=cells.get("meshId") or None,
        last_dlv_seconds=seconds(cells.get("last dlv", "-")),
        uptime_seconds=seconds(cells.get("uptime", "000:00:00:00")) or 0,
        active=cells.get("active", "yes") == "yes",
    )


def link(cells: Cells) -> LinkFacts:
    return LinkFacts(
        identity=int(cells["id"]),
        link_name="l",
        connection_id=int(cells["conn id"]),
        link_dir=cells["dir"],
        link_type=cells["type"],
        owning_addr=CLASS_LETTERS[cells["class"]] + cells["addr"] if cells["class"] else None,
        capacity=int(cells["cap"]),
        priority=int(cells["pri"]),
        undelivered_count=int(cells["undel"]),
        unsettled_count=int(cells["unsett"]),
        delivery_count=int(cells["deliv"]),
        presettled_count=int(cells["presett"]),
        dropped_presettled_count=int(cells["psdrop"]),
        accepted_count=int(cells["acc"]),
        rejected_count=int(cells["rej"]),
        released_count=int(cells["rel"]),
        modified_count=int(cells["mod"]),
        deliveries_delayed1_sec=int(cells["delay"]),
        settle_rate=int(cells["rate"]),
        deliveries_stuck=int(cells["stuck"]),
        credit_available=int(cells["cred"]),
        zero_credit_seconds=seconds(cells["blkd"]) or 0,
    )


def address(cells: Cells) -> AddressFacts:
    return AddressFacts(
        key=CLASS_LETTERS[cells["class"]] + cells["addr"],
        distribution=cells["distrib"],
        priority=-1 if cells["pri"] == "-" else int(cells["pri"]),
        in_process=int(cells.get("in-proc", 0)),
        subscriber_count=int(cells["local"]),
        remote_count=int(cells["remote"]),
        deliveries_ingress=int(cells["in"]),
        deliveries_egress=int(cells["out"]),
        deliveries_transit=int(cells["thru"]),
        deliveries_to_container=int(cells.get("to-proc", 0)),
        deliveries_from_container=int(cells.get("from-proc", 0)),
        watch=cells.get("watch") == "Y",
    )


def node(index: int, cells: Cells, changed: int | None) -> NodeFacts:
    return NodeFacts(
        id=cells["router-id"],
        index=index,
        instance=1,
        next_hop=None if cells["next-hop"] == "-" else cells["next-hop"],
        router_link=None if cells["link"] == "-" else int(cells["link"]),
        cost=int(cells["cost"]) if cells.get("cost") else None,
        link_state=tuple(re.findall(r"'(\w+)'", cells.get("neighbors", ""))),
        last_topo_change=changed if cells["next-hop"] == "(self)" else None,
    )


def memory(cells: Cells) -> MemoryFacts:
    return MemoryFacts(
        type_name=cells["type"],
        type_size=number(cells["size"]),
        transfer_batch_size=number(cells["batch"]),
        local_free_list_max=number(cells["thread-max"]),
        total_alloc_from_heap=number(cells["total"]),
        held_by_threads=number(cells["in-threads"]),
        batches_rebalanced_to_threads=number(cells["rebal-in"]),
        batches_rebalanced_to_global=number(cells["rebal-out"]),
    )


def statistics(values: Cells) -> tuple[RouterFacts, MetricsFacts]:
    router = RouterFacts(
        id=values["Router Id"],
        mode=values["Mode"],
        host_name=values["Host Name"],
        metadata=values["Metadata"] or None,
        worker_threads=int(values["Worker Threads"]),
    )
    counters = {
        label.removesuffix(" Service Connections").lower(): int(value)
        for label, value in values.items()
        if label.endswith(" Service Connections")
    }
    metrics = MetricsFacts(
        id=values["Router Id"],
        version=values["Version"],
        addr_count=int(values["Addresses"]),
        link_count=int(values["Links"]),
        node_count=int(values["Nodes"]),
        auto_link_count=int(values["Auto Links"]),
        connection_count=int(values["Total Connections"]),
        presettled_deliveries=int(values["Presettled Count"]),
        dropped_presettled_deliveries=int(values["Dropped Presettled Count"]),
        accepted_deliveries=int(values["Accepted Count"]),
        deliveries_ingress=int(values["Ingress Count"]),
        deliveries_egress=int(values["Egress Count"]),
        deliveries_transit=int(values["Transit Count"]),
        uptime_seconds=seconds(values["Uptime"]) or 0,
        memory_usage=octets(values["VmSize"]),
        resident_memory_usage=octets(values["RSS"]),
        connection_counters=counters,
    )
    return router, metrics


def auto_link(index: int, cells: Cells) -> AutoLinkFacts:
    return AutoLinkFacts(index, cells["dir"], cells["addr"], oper_status=cells["status"])


def policy(values: Cells) -> PolicyFacts:
    return PolicyFacts(
        connections_processed=int(values["Connections Processed"]),
        connections_current=int(values["Connections Current"]),
    )


def router_in(text: str, router_id: str) -> FakeRouter:
    """The router behind the tables in an output."""
    found = tables(text)
    router = FakeRouter({"routerMetrics": [MetricsFacts(router_id, "")]})
    changed = re.search(r"Last Topology Change: (.*) GMT", text)
    when = (
        None
        if changed is None
        else int(datetime.strptime(changed[1] + " +0000", "%A %b %d %H:%M:%S %Y %z").timestamp())
    )
    router.rows |= {
        "connection": [connection(cells) for cells in found.get("Connections", ())],
        "router.link": [link(cells) for cells in found.get("Router Links", ())],
        "router.address": [address(cells) for cells in found.get("Router Addresses", ())],
        "router.node": [
            node(index, cells, when) for index, cells in enumerate(found.get("Routers in the Network", ()))
        ],
        "allocator": [memory(cells) for cells in found.get("Memory Pools", ())],
        "router.config.autoLink": [
            auto_link(index, cells) for index, cells in enumerate(found.get("AutoLinks", ()))
        ],
    }
    if "Router Statistics" in found:
        values = {cells["attr"]: cells["value"] for cells in found["Router Statistics"]}
        facts, metrics = statistics(values)
        router.rows |= {"router": [facts], "routerMetrics": [metrics]}
    elif "Memory Summary" in found:
        summary = found["Memory Summary"][0]
        router.rows["routerMetrics"] = [
            MetricsFacts(
                router_id,
                "",
                memory_usage=octets(summary["VmSize"]),
                resident_memory_usage=octets(summary["RSS"]),
            )
        ]
    if "Policy Status" in found:
        values = {cells["attr"]: cells["value"] for cells in found["Policy Status"]}
        router.rows["policy"] = [policy(values)]
    return router
