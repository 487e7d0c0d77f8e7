"""The documents people write about a network: their kinds, shapes and what is wrong with them. Pure.

Belongs here: one module for each kind, with spec and status; reading and writing YAML; rules between
documents; the CRDs made from the shapes. Does not: what a kind does to a site (`skrouter.mgmt.sites.kinds`).
"""
