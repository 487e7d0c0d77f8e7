"""Redemption of tokens: what a stranger may ask for, and the HTTPS server that he asks.

Belongs here: the decision about a request, limits for strangers, one HTTP exchange, the server.
Does not: what a grant is and what it becomes (`mgmt/sites/grants.py`), its files (`mgmt/platforms`).
"""
