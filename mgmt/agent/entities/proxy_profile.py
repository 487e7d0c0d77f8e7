"""proxyProfile: an HTTP proxy for connectors; its password is never shown."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "proxyProfile",
    lambda view: view.proxy_profiles(),
    lambda facts: facts.name,
    computed={"password": lambda _: None},
)
