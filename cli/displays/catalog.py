"""All displays by the name of their option."""

from skrouter.cli.displays import connections, links, memory, policy, routers
from skrouter.cli.displays.source import Display

DISPLAYS = {
    "general": Display(routers.general),
    "connections": Display(connections.connections),
    "links": Display(links.links),
    "nodes": Display(routers.nodes),
    "edge": Display(connections.edges),
    "address": Display(links.addresses),
    "memory": Display(memory.memory),
    "policy": Display(policy.policy),
    "autolinks": Display(links.auto_links),
    "vhosts": Display(policy.vhosts, headed=False),
    "vhostgroups": Display(policy.vhost_groups, headed=False),
    "vhoststats": Display(policy.vhost_stats, headed=False),
}

ALL_ENTITIES = (
    "links",
    "address",
    "connections",
    "autolinks",
    "general",
    "memory",
    "policy",
    "vhosts",
    "vhoststats",
)
"""The displays of `--all-entities` in their order."""
