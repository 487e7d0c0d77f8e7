"""sslProfile: certificates and TLS settings by name."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("sslProfile", lambda view: view.ssl_profiles(), lambda facts: facts.name)
