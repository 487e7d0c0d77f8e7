"""allocator: pools of objects."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("allocator", lambda view: view.memory(), lambda facts: facts.type_name)
