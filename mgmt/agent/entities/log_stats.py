"""logStats: events of a log module by level; named by the module alone."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity(
    "logStats",
    lambda view: view.log_stats(),
    lambda facts: facts.module,
    computed={"name": lambda facts: facts.module},
)
