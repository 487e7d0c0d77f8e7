"""tcpListener: sockets on which TCP clients reach a service address."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "tcpListener",
    lambda view: view.tcp_listeners(),
    lambda facts: f"{facts.host}:{facts.port}",
    named_identifier=True,
)
