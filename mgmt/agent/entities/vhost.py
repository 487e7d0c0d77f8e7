"""vhost: who may do what under a host name."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("vhost", lambda view: view.vhosts(), lambda facts: facts.hostname)
