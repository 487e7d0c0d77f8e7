"""tcpConnection: in the schema; routers usually show TCP connections under `connection`."""

from skrouter.mgmt.agent.entities.entity import GeneralEntity

ENTITY = GeneralEntity("tcpConnection", lambda view: view.tcp_connections(), lambda facts: facts.identity)
