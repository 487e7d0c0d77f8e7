"""The one model of a site, for every platform. Pure: what is wanted and what is observed in, what to do out.

Belongs here: which router entities, certificates and statuses follow from resources, and the smallest changes
that get there. Does not: reading or writing anything (`skrouter.mgmt.platforms`), keys and when to look again
(`skrouter.mgmt.controller`), the shape of documents (`skrouter.config.resources`).
"""
