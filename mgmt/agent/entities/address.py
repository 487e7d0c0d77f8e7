"""router.address: the address table."""

from skrouter.amqp.types import Int, Long, UInt, ULong
from skrouter.mgmt.agent.entities.entity import Column, CoreEntity, column, columns, constant
from skrouter.mgmt.agent.facts import AddressFacts
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.status import Status


def _outstanding(facts: AddressFacts) -> object:
    counts = facts.transit_outstanding
    return None if counts is None else [Long(count) for count in counts]


def _key(facts: AddressFacts) -> str:
    return facts.key


ENTITY = CoreEntity(
    type_name="router.address",
    columns=(
        Column("name", _key),
        Column("identity", _key),
        constant("type", long_name("router.address")),
        *columns("key distribution"),
        *columns("inProcess subscriberCount remoteCount", UInt),
        column("remoteHostRouters", list),
        *columns("deliveriesIngress deliveriesEgress deliveriesTransit", ULong),
        *columns("deliveriesToContainer deliveriesFromContainer", ULong),
        *columns("deliveriesEgressRouteContainer deliveriesIngressRouteContainer", ULong),
        *columns("deliveriesEgressInterNetwork deliveriesIngressInterNetwork", ULong),
        Column("transitOutstanding", _outstanding),
        column("trackedDeliveries", Long),
        column("priority", Int),
        column("deliveriesRedirectedToFallback", ULong),
        column("watch"),
    ),
    facts=lambda view: view.addresses(),
    identity=_key,
    name=_key,
    refused=dict.fromkeys(("CREATE", "UPDATE", "DELETE"), Status.NOT_IMPLEMENTED),
)
