"""`skupper listener`: create, update, status, delete, generate."""

from __future__ import annotations

from skrouter.cli.commands.services import Column, Service, group_of, matched
from skrouter.config.resources.listener import Listener

SERVICE = Service(
    "listener",
    Listener,
    "0.0.0.0",
    "A listener binds a local host and port to connectors of the network with the same routing key.",
    (
        Column("NAME", "Name", lambda one: one.name),
        Column("STATUS", "Status", lambda one: one.status.status or "Pending"),
        Column("ROUTING-KEY", "Routing key", lambda one: one.spec.routing_key),
        Column("HOST", "Host", lambda one: one.spec.host),
        Column("PORT", "Port", lambda one: str(one.spec.port)),
        Column(
            "MATCHING-CONNECTOR",
            "Has Matching Connector",
            lambda one: matched(one.status.has_matching_connector),
        ),
        Column("MESSAGE", "Message", lambda one: one.status.message),
    ),
)

group = group_of(SERVICE)
