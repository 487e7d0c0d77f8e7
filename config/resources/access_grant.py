"""AccessGrant: the permission to make links to this site, redeemed by tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from skrouter.config.resources.common import (
    MESSAGE_COLUMN,
    SETTINGS_HELP,
    STATUS_COLUMN,
    Column,
    CustomResource,
    Kind,
    Status,
)
from skrouter.config.resources.rules import COUNT, DURATION
from skrouter.config.resources.shape import attr, mapping


@dataclass(frozen=True, slots=True)
class AccessGrantSpec:
    """How often, how long."""

    redemptions_allowed: int = attr("How often it may be redeemed.", default=1, rule=COUNT)
    expiration_window: str = attr("How long it may be redeemed.", default="15m", rule=DURATION)
    code: str = attr("The secret code; empty: a random one is made.")
    issuer: str = attr("The CA that signs the credentials; empty: the site's default.")
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class AccessGrantStatus(Status):
    """What a token needs, and how often it was redeemed."""

    url: str = attr("Where tokens are redeemed.")
    code: str = attr("The secret code.")
    ca: str = attr("Certificate of the CA of that place, PEM.")
    redemptions: int = attr("How often it was redeemed.", default=0)
    expiration_time: str = attr("Until when, RFC 3339.")


@dataclass(frozen=True, slots=True)
class AccessGrant(CustomResource):
    """A grant."""

    KIND: ClassVar[Kind] = Kind(
        name="AccessGrant",
        plural="accessgrants",
        description="A grant lets remote sites make links to this one.",
        spec=AccessGrantSpec,
        status=AccessGrantStatus,
        short_names=("grant", "gr"),
        columns=(
            Column("Redemptions Allowed", ".spec.redemptionsAllowed", "integer"),
            Column("Redemptions Made", ".status.redemptions", "integer"),
            Column("Expiration", ".status.expirationTime"),
            STATUS_COLUMN,
            MESSAGE_COLUMN,
        ),
        required=("Processed", "Resolved"),
    )
    spec: AccessGrantSpec = field(default_factory=AccessGrantSpec)
    status: AccessGrantStatus = field(default_factory=AccessGrantStatus)
