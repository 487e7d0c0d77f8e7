"""MultiKeyListener: a host and port whose connections go to one of several routing keys."""

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
from skrouter.config.resources.listener import OBSERVERS
from skrouter.config.resources.rules import HOST, PORT, Rule
from skrouter.config.resources.shape import attr, mapping, texts

MOST_KEYS = 256
WEIGHT = Rule("a whole number from 1 to 4294967295", "give 1 or more", minimum=1, maximum=(1 << 32) - 1)
ONE_STRATEGY = {
    "x-kubernetes-validations": [
        {
            "rule": "has(self.strategy.priority) == has(oldSelf.strategy.priority)",
            "message": "strategy is immutable",
        },
        {
            "rule": "has(self.strategy.priority) != has(self.strategy.weighted)",
            "message": "exactly one of the fields in [priority weighted] must be set",
        },
    ]
}


@dataclass(frozen=True, slots=True)
class Priority:
    """All traffic to the first key that can be reached."""

    routing_keys: tuple[str, ...] = texts("Highest priority first.", required=True, items=(1, MOST_KEYS))


@dataclass(frozen=True, slots=True)
class Weighted:
    """Traffic in proportion to weights."""

    routing_keys: Mapping[str, int] = mapping(
        "Weight by routing key.", required=True, rule=WEIGHT, items=(1, MOST_KEYS)
    )


@dataclass(frozen=True, slots=True)
class Strategy:
    """One of the two."""

    priority: Priority | None = attr("All traffic to the first key that can be reached.", default=None)
    weighted: Weighted | None = attr("Traffic in proportion to weights.", default=None)

    @property
    def name(self) -> str:
        """priority or weighted."""
        return "priority" if self.priority is not None else "weighted"

    def values(self) -> dict[str, int]:
        """The value of each key as the router takes it: most priority first, or the weight."""
        if self.priority is not None:
            keys = self.priority.routing_keys
            return {key: len(keys) - 1 - index for index, key in enumerate(keys)}
        return dict(self.weighted.routing_keys) if self.weighted is not None else {}


@dataclass(frozen=True, slots=True)
class MultiKeyListenerSpec:
    """Where it listens and how it chooses."""

    host: str = attr("Kubernetes: name of the Service; local: where to listen.", required=True, rule=HOST)
    port: int = attr("Port to listen on.", default=0, required=True, rule=PORT)
    strategy: Strategy | None = attr("How a routing key is chosen.", default=None, required=True)
    tls_credentials: str = attr(TLS_HELP)
    require_client_cert: bool = attr("Ask clients for a certificate.", default=False)
    observer: str = attr("What to look for in the traffic.", default="auto", rule=OBSERVERS)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class PriorityStatus:
    """Which keys can be reached."""

    routing_keys_reachable: tuple[str, ...] = texts("In order of priority.")


@dataclass(frozen=True, slots=True)
class WeightedStatus:
    """Which keys can be reached."""

    routing_keys_reachable: Mapping[str, int] = mapping("Weight by routing key.")


@dataclass(frozen=True, slots=True)
class StrategyStatus:
    """Which keys can be reached, in the form of the strategy."""

    priority: PriorityStatus | None = attr("Reachable keys.", default=None)
    weighted: WeightedStatus | None = attr("Reachable keys.", default=None)


@dataclass(frozen=True, slots=True)
class MultiKeyListenerStatus(Status):
    """Whether anybody answers."""

    has_destination: bool = attr("Whether a connector has one of the keys.", default=False)
    strategy: StrategyStatus | None = attr("Which keys can be reached.", default=None)


@dataclass(frozen=True, slots=True)
class MultiKeyListener(CustomResource):
    """A listener with several keys."""

    KIND: ClassVar[Kind] = Kind(
        name="MultiKeyListener",
        plural="multikeylisteners",
        description="A listener for several routing keys, by priority or by weight.",
        spec=MultiKeyListenerSpec,
        status=MultiKeyListenerStatus,
        columns=(
            STATUS_COLUMN,
            MESSAGE_COLUMN,
            Column("HasDestination", ".status.hasDestination", "boolean"),
        ),
        required=("Configured", "Operational"),
        spec_schema=ONE_STRATEGY,
    )
    spec: MultiKeyListenerSpec = field(default_factory=MultiKeyListenerSpec)
    status: MultiKeyListenerStatus = field(default_factory=MultiKeyListenerStatus)
