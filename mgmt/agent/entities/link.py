"""router.link: attached links."""

from skrouter.amqp.types import UInt, ULong
from skrouter.mgmt.agent.entities.entity import Column, CoreEntity, column, columns, constant
from skrouter.mgmt.agent.facts import LinkFacts
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.status import Status


def _histogram(facts: LinkFacts) -> object:
    counts = facts.ingress_histogram
    return None if counts is None else [ULong(count) for count in counts]


def _identity(facts: LinkFacts) -> str:
    return str(facts.identity)


def _name(facts: LinkFacts) -> str:
    return facts.link_name


ENTITY = CoreEntity(
    type_name="router.link",
    columns=(
        Column("name", _name),
        Column("identity", _identity),
        constant("type", long_name("router.link")),
        *columns("linkName linkType linkDir owningAddr"),
        column("capacity", UInt),
        *columns("undeliveredCount unsettledCount deliveryCount", ULong),
        column("connectionId", str),
        column("operStatus"),
        *columns("presettledCount droppedPresettledCount", ULong),
        *columns("acceptedCount rejectedCount releasedCount modifiedCount", ULong),
        *columns("deliveriesDelayed1Sec deliveriesDelayed10Sec deliveriesStuck openMovedStreams", ULong),
        Column("ingressHistogram", _histogram),
        *columns("priority settleRate creditAvailable zeroCreditSeconds", UInt),
        constant("", None),  # the reference's list ends with a column that has no name [captured]
    ),
    facts=lambda view: view.links(),
    identity=_identity,
    name=_name,
    refused={
        "READ": Status.NOT_IMPLEMENTED,
        **dict.fromkeys(("CREATE", "UPDATE", "DELETE"), Status.FORBIDDEN),
    },
)
