"""tcpConnector: TCP servers behind a service address."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "tcpConnector",
    lambda view: view.tcp_connectors(),
    lambda facts: f"{facts.host}:{facts.port}",
    named_identifier=True,
)
