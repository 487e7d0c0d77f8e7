"""connector: connections that the router opens; their password is never shown."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "connector",
    lambda view: view.connectors(),
    lambda facts: f"{facts.host}:{facts.port}",
    computed={"saslPassword": lambda _: None},
    named_identifier=True,
)
