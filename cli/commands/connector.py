"""`skupper connector`: create, update, status, delete, generate."""

from __future__ import annotations

from skrouter.cli.commands.services import Column, Service, group_of, matched
from skrouter.config.resources.connector import Connector

SERVICE = Service(
    "connector",
    Connector,
    "localhost",
    "A connector binds servers of this site to listeners of the network with the same routing key.",
    (
        Column("NAME", "Name", lambda one: one.name),
        Column("STATUS", "Status", lambda one: one.status.status or "Pending"),
        Column("ROUTING-KEY", "Routing key", lambda one: one.spec.routing_key),
        Column("SELECTOR", "Selector", lambda one: one.spec.selector),
        Column("HOST", "Host", lambda one: one.spec.host),
        Column("PORT", "Port", lambda one: str(one.spec.port)),
        Column(
            "HAS MATCHING LISTENER",
            "Has Matching Listener",
            lambda one: matched(one.status.has_matching_listener),
        ),
        Column("MESSAGE", "Message", lambda one: one.status.message),
    ),
)

group = group_of(SERVICE)
