"""The `$management` agent of a router: a request in, an answer out, pure.

Belongs here: operations, entity types, texts and codes of management. Does not: asking other routers
(`skrouter.mgmt.client`), and carrying out changes, which the daemon does behind `RouterControl`.
"""

from skrouter.mgmt.agent.agent import Agent, Response
from skrouter.mgmt.agent.view import RouterControl, RouterView

__all__ = ["Agent", "Response", "RouterControl", "RouterView"]
