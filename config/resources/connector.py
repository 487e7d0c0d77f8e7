"""Connector: servers of this site that answer for a routing key."""

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
from skrouter.config.resources.listener import TCP_ONLY
from skrouter.config.resources.rules import HOST, PORT, SOME_TEXT
from skrouter.config.resources.shape import attr, mapping, texts

ONE_TARGET = {"oneOf": [{"required": ["selector"]}, {"required": ["host"]}]}


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """Which servers, and for which key."""

    routing_key: str = attr("Listeners with this key lead here.", required=True, rule=SOME_TEXT)
    port: int = attr("Port of the servers.", default=0, required=True, rule=PORT)
    selector: str = attr("Kubernetes: labels of the pods that serve; or give host.")
    host: str = attr("Host name or address of the server; or give selector.", rule=HOST)
    tls_credentials: str = attr(TLS_HELP)
    use_client_cert: bool = attr("Show the certificate to the server, not only trust its CA.", default=False)
    verify_hostname: bool = attr("Compare the server's certificate with the host.", default=False)
    type: str = attr("Kind of traffic.", default="tcp", rule=TCP_ONLY)
    include_not_ready_pods: bool = attr("Use pods that are not ready too.", default=False)
    expose_pods_by_name: bool = attr("Offer each pod under a routing key of its own too.", default=False)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class SelectedPod:
    """A pod that the selector found."""

    name: str = attr("Name of the pod.")
    ip: str = attr("Its address.")


@dataclass(frozen=True, slots=True)
class ConnectorStatus(Status):
    """Whether anybody asks, and who answers."""

    has_matching_listener: bool = attr("Whether a listener has the routing key.", default=False)
    selected_pods: tuple[SelectedPod, ...] = texts("Pods that the selector found.")


@dataclass(frozen=True, slots=True)
class Connector(CustomResource):
    """A connector."""

    KIND: ClassVar[Kind] = Kind(
        name="Connector",
        plural="connectors",
        description="A connector binds local servers to listeners in the network.",
        spec=ConnectorSpec,
        status=ConnectorStatus,
        short_names=("cnr",),
        columns=(
            Column("Routing Key", ".spec.routingKey"),
            Column("Port", ".spec.port", "integer"),
            Column("Host", ".spec.host"),
            Column("Selector", ".spec.selector"),
            STATUS_COLUMN,
            Column("Has Matching Listener", ".status.hasMatchingListener", "boolean"),
            MESSAGE_COLUMN,
        ),
        required=("Configured", "Matched"),
        spec_schema=ONE_TARGET,
    )
    spec: ConnectorSpec = field(default_factory=ConnectorSpec)
    status: ConnectorStatus = field(default_factory=ConnectorStatus)
