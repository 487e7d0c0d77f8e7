"""What each kind adds to a site: one module for each, `contribute(resource, context, parts)`.

Belongs here: names and attributes of router entities and the credentials they need. Does not: comparing with
what runs (`router_config`), statuses (`status`).
"""
