"""routerMetrics: the router's totals, one row.

The reference's answer to "all attributes" is shifted by one at its end: a null `version` and a column without
a name that holds it. We keep the columns, and put the version where its name is too
(`docs/compatibility.md`).
"""

from skrouter.amqp.types import UInt, ULong
from skrouter.mgmt.agent.entities.entity import Column, CoreEntity, column, columns, constant
from skrouter.mgmt.agent.facts import MetricsFacts
from skrouter.mgmt.agent.status import Status

OLD_TYPE_NAME = "org.apache.qpid.dispatch.routerMetrics"
"""The value of `type` that the reference still reports."""


def _counters(facts: MetricsFacts) -> object:
    return {protocol: ULong(count) for protocol, count in facts.connection_counters.items()}


ENTITY = CoreEntity(
    type_name="routerMetrics",
    columns=(
        constant("identity", "1"),
        constant("type", OLD_TYPE_NAME),
        column("id"),
        *columns("addrCount linkCount nodeCount autoLinkCount connectionCount", ULong),
        *columns("presettledDeliveries droppedPresettledDeliveries", ULong),
        *columns("acceptedDeliveries rejectedDeliveries releasedDeliveries modifiedDeliveries", ULong),
        *columns("deliveriesDelayed1Sec deliveriesDelayed10Sec deliveriesStuck", ULong),
        *columns("deliveriesIngress deliveriesEgress deliveriesTransit", ULong),
        *columns("deliveriesIngressRouteContainer deliveriesEgressRouteContainer", ULong),
        *columns("deliveriesIngressInterNetwork deliveriesEgressInterNetwork", ULong),
        column("deliveriesRedirectedToFallback", ULong),
        *columns("linksBlocked uptimeSeconds", UInt),
        *columns("memoryUsage residentMemoryUsage", ULong),
        Column("connectionCounters", _counters),
        column("version"),
        Column("", lambda facts: facts.version),
    ),
    facts=lambda view: (view.metrics(),),
    identity=lambda _: "1",
    name=lambda _: None,
    refused=dict.fromkeys(("READ", "CREATE", "UPDATE", "DELETE"), Status.FORBIDDEN),
)
