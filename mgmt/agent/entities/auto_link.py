"""router.config.autoLink: links that the router attaches by itself."""

from skrouter.mgmt.agent.entities.entity import Column, CoreEntity, GeneralEntity, column, columns, constant
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.settings import AutoLinkFacts
from skrouter.mgmt.agent.status import Status


def _identity(facts: AutoLinkFacts) -> str:
    return str(facts.identity)


ENTITY = CoreEntity(
    type_name="router.config.autoLink",
    columns=(
        column("name"),
        Column("identity", _identity),
        constant("type", long_name("router.config.autoLink")),
        *columns("address direction externalAddress connection containerId linkRef operStatus lastError"),
    ),
    facts=lambda view: view.auto_links(),
    identity=_identity,
    name=lambda facts: facts.name,
    refused={"UPDATE": Status.NOT_IMPLEMENTED},
)

AS_CONFIGURED = GeneralEntity(
    "router.config.autoLink", ENTITY.facts, _identity, computed={"name": lambda facts: facts.name}
)
"""The same rows where a query does not name the type."""
