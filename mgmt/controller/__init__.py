"""The one loop that keeps sites as they are wanted, on every platform.

Belongs here: noticing changes, asking `skrouter.mgmt.sites` what to do, having it done, trying again; making
keys. Does not: what to do (`sites`), how it is done on a platform (`platforms`).
"""
