"""management: the agent itself, entity `self`."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

SELF = "self"
"""Name and identity of the one row."""

ENTITY = GeneralEntity(
    "management",
    lambda _: (None,),
    lambda _: SELF,
    computed={"name": lambda _: SELF, "identity": lambda _: SELF},
)
