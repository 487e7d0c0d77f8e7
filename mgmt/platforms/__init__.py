"""Back ends: one package for each platform, each a `skrouter.mgmt.sites.platform.Platform`.

Belongs here: reading what a platform holds and writing what a change asks for. Does not: decisions.
"""
