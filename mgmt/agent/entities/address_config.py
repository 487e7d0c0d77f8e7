"""router.config.address: prefixes and patterns and the treatment of addresses that match them."""

from skrouter.amqp.types import Int
from skrouter.mgmt.agent.entities.entity import Column, CoreEntity, GeneralEntity, column, columns, constant
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.settings import AddressConfigFacts
from skrouter.mgmt.agent.status import Status


def _identity(facts: AddressConfigFacts) -> str:
    return str(facts.identity)


ENTITY = CoreEntity(
    type_name="router.config.address",
    columns=(
        column("name"),
        Column("identity", _identity),
        constant("type", long_name("router.config.address")),
        *columns("prefix distribution pattern"),
        column("priority", Int),
    ),
    facts=lambda view: view.address_configs(),
    identity=_identity,
    name=lambda facts: facts.name,
    refused={"UPDATE": Status.NOT_IMPLEMENTED},
)

AS_CONFIGURED = GeneralEntity(
    "router.config.address", ENTITY.facts, _identity, computed={"name": lambda facts: facts.name}
)
"""The same rows where a query does not name the type."""
