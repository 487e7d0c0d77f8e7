"""NetworkObserver: the web console as a resource; its spec are values of the chart (resources.md §15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from skrouter.config.resources.common import MESSAGE_COLUMN, STATUS_COLUMN, CustomResource, Kind, Status
from skrouter.config.resources.rules import one_of
from skrouter.config.resources.shape import attr, mapping


@dataclass(frozen=True, slots=True)
class Resources:
    """Computing resources of the observer's container."""

    requests: Mapping[str, str] = mapping("What is reserved: cpu, memory.", number_is_text=True)
    limits: Mapping[str, str] = mapping("What it may use at most: cpu, memory.", number_is_text=True)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account of the OpenShift strategy."""

    create: bool = attr("Make it.", default=True)
    name_override: str = attr("Its name, if it shall be another than the observer's.")


@dataclass(frozen=True, slots=True)
class OpenShiftAuth:
    """Who may look, on OpenShift."""

    create_cookie_secret: bool = attr("Make the secret of session cookies.", default=True)
    cookie_secret_name: str = attr("The secret of session cookies.")
    service_account: ServiceAccount | None = attr("The account that asks OpenShift.", default=None)


@dataclass(frozen=True, slots=True)
class Auth:
    """Who may look."""

    strategy: str = attr("How people log in.", default="none", rule=one_of("none", "basic", "openshift"))
    openshift: OpenShiftAuth | None = attr("Of the strategy openshift.", default=None)
    basic: Mapping[str, Any] = mapping("Of the strategy basic: values of the chart.")


@dataclass(frozen=True, slots=True)
class NetworkObserverSpec:
    """The values that are meant to be set; the chart's others are accepted as they are."""

    resources: Resources | None = attr("Computing resources.", default=None)
    auth: Auth | None = attr("Who may look.", default=None)


@dataclass(frozen=True, slots=True)
class NetworkObserver(CustomResource):
    """A web console."""

    KIND: ClassVar[Kind] = Kind(
        name="NetworkObserver",
        plural="networkobservers",
        description="A web console that shows the network of the site in its namespace.",
        spec=NetworkObserverSpec,
        status=Status,
        columns=(STATUS_COLUMN, MESSAGE_COLUMN),
        required=("Configured",),
        group="observability.skupper.io",
        spec_schema={"x-kubernetes-preserve-unknown-fields": True},
    )
    spec: NetworkObserverSpec = field(default_factory=NetworkObserverSpec)
    status: Status = field(default_factory=Status)
