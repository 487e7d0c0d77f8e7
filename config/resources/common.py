"""What all kinds share: metadata, conditions, the status of every kind, and what a kind is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, ClassVar

from skrouter.config.resources.rules import one_of
from skrouter.config.resources.shape import attr, mapping, texts

GROUP = "skupper.io"
VERSION = "v2alpha1"


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata that we use; `generation` counts changes of the spec where a platform counts them."""

    name: str = attr("Name of the resource.")
    namespace: str = attr("Namespace of the resource.")
    uid: str = attr("Identity given by the platform.")
    generation: int = attr("Number of the spec's version.", default=0)
    resource_version: str = attr("Version given by the platform.")
    creation_timestamp: str = attr("When it was made.")
    deletion_timestamp: str = attr("When its deletion began.")
    labels: Mapping[str, str] = mapping("Labels.")
    annotations: Mapping[str, str] = mapping("Annotations.")


@dataclass(frozen=True, slots=True)
class Condition:
    """A standard condition: `status` is True, False or Unknown."""

    type: str = attr("What it is about.", required=True)
    status: str = attr("Whether it holds.", required=True, rule=one_of("True", "False", "Unknown"))
    reason: str = attr("One word.", required=True)
    message: str = attr("Text for people.")
    observed_generation: int = attr("The spec's version that it is about.", default=0)
    last_transition_time: str = attr("When `status` changed last, RFC 3339.")


@dataclass(frozen=True, slots=True)
class Status:
    """The part that the status of every kind has."""

    status: str = attr("Pending, Error or Ready.")
    message: str = attr("What keeps it from being ready, or OK.")
    conditions: tuple[Condition, ...] = texts("All conditions.")

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type."""
        return next((one for one in self.conditions if one.type == kind), None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a router can be reached; `name` is its role: inter-router or edge."""

    name: str = attr("Role of the listener.", required=True)
    host: str = attr("Host name or address.", required=True)
    port: str = attr("Port.", required=True, number_is_text=True)
    group: str = attr("Group of routers that share a role.")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`: heading, and where its value stands."""

    name: str
    path: str
    type: str = "string"


STATUS_COLUMN = Column("Status", ".status.status")
MESSAGE_COLUMN = Column("Message", ".status.message")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource. `required` are the conditions of being ready, in the order in which they are told.

    `rules` are what OpenAPI says beside the shape of the spec, as validation rules of Kubernetes.
    """

    name: str
    plural: str
    description: str
    spec: type = NoneType
    status: type = NoneType
    short_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    required: tuple[str, ...] = ()
    group: str = GROUP
    version: str = VERSION
    spec_schema: Mapping[str, Any] = field(default_factory=dict)

    @property
    def api_version(self) -> str:
        """As documents state it."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class Resource:
    """A document of any kind."""

    KIND: ClassVar[Kind]
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def name(self) -> str:
        """The name, unique for its kind and namespace."""
        return self.metadata.name

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name."""
        return (self.KIND.name, self.metadata.name)

    def describe(self) -> str:
        """`Kind/name`."""
        return f"{self.KIND.name}/{self.metadata.name}"


@dataclass(frozen=True, slots=True)
class CustomResource(Resource):
    """A document with spec and status, as all kinds of ours have them."""

    spec: Any = None
    status: Any = None


SETTINGS_HELP = "Further settings by name; unknown ones have no effect."
TLS_HELP = "Name of the Secret or directory that holds ca.crt, tls.crt and tls.key."
