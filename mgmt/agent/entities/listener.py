"""listener: sockets on which the router accepts AMQP or HTTP."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "listener",
    lambda view: view.listeners(),
    lambda facts: f"{facts.host}:{facts.port}",
    named_identifier=True,
)
