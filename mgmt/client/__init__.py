"""Asking a router's management agent: requests and answers (pure, `request.py`), the connection (`net.py`).

Belongs here: what any management client needs. Does not: programs and their output (`skrouter.cli`), and
answering requests (`skrouter.mgmt.agent`).
"""

from skrouter.mgmt.client.request import ManagementError, Node, Rows, Transport

__all__ = ["ManagementError", "Node", "Rows", "Transport"]
