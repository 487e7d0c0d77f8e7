"""network: which AMQP network this router belongs to; an empty id is shown as 0."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "network",
    lambda view: (view.network(),),
    lambda facts: facts.first_id or facts.network_id or "0",
)
