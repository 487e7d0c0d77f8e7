"""Routers of this machine as containers of Podman or Docker, by the API socket that both serve.

Belongs here: which container a site has, its unit, the system controller's container. Does not: the files of
a namespace, which are those of `platforms.linux`, or any decision about a site.
"""
