"""vhostStats: counters of a vhost."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("vhostStats", lambda view: view.vhost_stats(), lambda facts: facts.hostname)
