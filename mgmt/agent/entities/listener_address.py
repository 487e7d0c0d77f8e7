"""listenerAddress: one of the addresses of a multi-address tcpListener."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "listenerAddress",
    lambda view: view.listener_addresses(),
    lambda facts: f"{facts.listener}:{facts.address}",
    named_identifier=True,
)
