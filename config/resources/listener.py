"""Listener: a host and port of this site whose connections go to a routing key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skrouter.config.resources.common import (
    MESSAGE_COLUMN,
    SETTINGS_HELP,
    STATUS_COLUMN,
    TLS_HELP,
    Column,
    CustomResource,
    Kind,
    Status,
)
from skrouter.config.resources.rules import HOST, PORT, SOME_TEXT, one_of
from skrouter.config.resources.shape import attr, mapping

OBSERVERS = one_of("auto", "none", "http1", "http2")
TCP_ONLY = one_of("tcp")


@dataclass(frozen=True, slots=True)
class ListenerSpec:
    """Where it listens and for whom."""

    routing_key: str = attr("Connections go to connectors with this key.", required=True, rule=SOME_TEXT)
    host: str = attr("Kubernetes: name of the Service; local: where to listen.", required=True, rule=HOST)
    port: int = attr("Port to listen on.", default=0, required=True, rule=PORT)
    tls_credentials: str = attr(TLS_HELP)
    type: str = attr("Kind of traffic.", default="tcp", rule=TCP_ONLY)
    observer: str = attr("What to look for in the traffic.", default="auto", rule=OBSERVERS)
    expose_pods_by_name: bool = attr("Make one Service for each pod behind the routing key.", default=False)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class ListenerStatus(Status):
    """Whether anybody answers."""

    has_matching_connector: bool = attr("Whether a connector has the routing key.", default=False)


@dataclass(frozen=True, slots=True)
class Listener(CustomResource):
    """A listener."""

    KIND: ClassVar[Kind] = Kind(
        name="Listener",
        plural="listeners",
        description="A listener binds a local connection endpoint to connectors in the network.",
        spec=ListenerSpec,
        status=ListenerStatus,
        short_names=("lnr",),
        columns=(
            Column("Routing Key", ".spec.routingKey"),
            Column("Port", ".spec.port", "integer"),
            Column("Host", ".spec.host"),
            STATUS_COLUMN,
            Column("Has Matching Connector", ".status.hasMatchingConnector", "boolean"),
            MESSAGE_COLUMN,
        ),
        required=("Configured", "Matched"),
    )
    spec: ListenerSpec = field(default_factory=ListenerSpec)
    status: ListenerStatus = field(default_factory=ListenerStatus)
