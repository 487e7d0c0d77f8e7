"""What the routers of a network say, put together: a map, and the way of a message for an address.

Belongs here: which routers to ask for what, and what follows from their answers. Does not: carrying requests
(`skrouter.mgmt.client`), and columns and lines (`skrouter.cli.displays`).
"""
