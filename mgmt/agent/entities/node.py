"""router.node: interior routers known to this one."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("router.node", lambda view: view.nodes(), lambda facts: facts.id)
