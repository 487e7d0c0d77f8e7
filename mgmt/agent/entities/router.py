"""router: the one entity that says what this router is."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("router", lambda view: (view.router(),), lambda facts: facts.id)
