"""AttachedConnector, AttachedConnectorBinding: servers outside the site's namespace, and who lets them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skrouter.config.resources.common import (
    SETTINGS_HELP,
    STATUS_COLUMN,
    TLS_HELP,
    Column,
    CustomResource,
    Kind,
    Status,
)
from skrouter.config.resources.connector import SelectedPod
from skrouter.config.resources.listener import TCP_ONLY
from skrouter.config.resources.rules import LABEL, PORT, SOME_TEXT
from skrouter.config.resources.shape import attr, mapping, texts


@dataclass(frozen=True, slots=True)
class AttachedConnectorSpec:
    """Which pods of this namespace, for the site of which other."""

    site_namespace: str = attr("Namespace of the site.", required=True, rule=LABEL)
    port: int = attr("Port of the servers.", default=0, required=True, rule=PORT)
    selector: str = attr("Labels of the pods that serve.", required=True, rule=SOME_TEXT)
    tls_credentials: str = attr(TLS_HELP)
    use_client_cert: bool = attr("Show the certificate to the server, not only trust its CA.", default=False)
    type: str = attr("Kind of traffic.", default="tcp", rule=TCP_ONLY)
    include_not_ready_pods: bool = attr("Use pods that are not ready too.", default=False)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class AttachedConnectorStatus(Status):
    """Which pods were found."""

    selected_pods: tuple[SelectedPod, ...] = texts("Pods that the selector found.")


@dataclass(frozen=True, slots=True)
class AttachedConnector(CustomResource):
    """Servers for a site in another namespace."""

    KIND: ClassVar[Kind] = Kind(
        name="AttachedConnector",
        plural="attachedconnectors",
        description="A connector in a namespace other than that of the site.",
        spec=AttachedConnectorSpec,
        status=AttachedConnectorStatus,
        short_names=("acnr",),
        columns=(
            Column("Port", ".spec.port", "integer"),
            Column("Selector", ".spec.selector"),
            Column("Site Namespace", ".spec.siteNamespace"),
            STATUS_COLUMN,
        ),
        required=("Configured",),
    )
    spec: AttachedConnectorSpec = field(default_factory=AttachedConnectorSpec)
    status: AttachedConnectorStatus = field(default_factory=AttachedConnectorStatus)


@dataclass(frozen=True, slots=True)
class AttachedConnectorBindingSpec:
    """Which namespace may attach, under which key."""

    connector_namespace: str = attr("Namespace of the AttachedConnector.", required=True, rule=LABEL)
    routing_key: str = attr("Listeners with this key lead there.", required=True, rule=SOME_TEXT)
    expose_pods_by_name: bool = attr("Offer each pod under a routing key of its own too.", default=False)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class AttachedConnectorBindingStatus(Status):
    """Whether anybody asks."""

    has_matching_listener: bool = attr("Whether a listener has the routing key.", default=False)


@dataclass(frozen=True, slots=True)
class AttachedConnectorBinding(CustomResource):
    """Lets an AttachedConnector of the same name in."""

    KIND: ClassVar[Kind] = Kind(
        name="AttachedConnectorBinding",
        plural="attachedconnectorbindings",
        description="A binding of an AttachedConnector in another namespace to this site.",
        spec=AttachedConnectorBindingSpec,
        status=AttachedConnectorBindingStatus,
        short_names=("acnrb",),
        columns=(
            Column("Routing Key", ".spec.routingKey"),
            Column("Connector Namespace", ".spec.connectorNamespace"),
            STATUS_COLUMN,
            Column("Has Matching Listener", ".status.hasMatchingListener", "boolean"),
        ),
        required=("Configured", "Matched"),
    )
    spec: AttachedConnectorBindingSpec = field(default_factory=AttachedConnectorBindingSpec)
    status: AttachedConnectorBindingStatus = field(default_factory=AttachedConnectorBindingStatus)
