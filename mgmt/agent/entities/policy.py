"""policy: global limits and their counters."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("policy", lambda view: (view.policy(),), lambda _: "None")
"""The entity has no identifier: scripts know it as `policy/None`."""
