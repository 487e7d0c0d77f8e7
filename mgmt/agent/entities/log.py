"""log: settings of a log module; null where it inherits."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("log", lambda view: view.logs(), lambda facts: facts.module)
