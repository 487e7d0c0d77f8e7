"""site: what VanFlow tells of the site this router stands in."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("site", lambda view: view.sites(), lambda facts: facts.name or "0")
