"""AccessToken: a transferable claim that becomes a link where it is redeemed."""

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
from skrouter.config.resources.rules import COST, SOME_TEXT
from skrouter.config.resources.shape import attr, mapping


@dataclass(frozen=True, slots=True)
class AccessTokenSpec:
    """Where to redeem it, and the proof."""

    url: str = attr("Where it is redeemed.", required=True, rule=SOME_TEXT)
    code: str = attr("The secret code.", required=True, rule=SOME_TEXT)
    ca: str = attr("Certificate of the CA of that place, PEM.", required=True, rule=SOME_TEXT)
    link_cost: int = attr("Cost of the link that it becomes.", default=1, rule=COST)
    settings: Mapping[str, str] = mapping(SETTINGS_HELP)


@dataclass(frozen=True, slots=True)
class AccessTokenStatus(Status):
    """Whether it has become a link."""

    redeemed: bool = attr("Whether it was redeemed.", default=False)


@dataclass(frozen=True, slots=True)
class AccessToken(CustomResource):
    """A token."""

    KIND: ClassVar[Kind] = Kind(
        name="AccessToken",
        plural="accesstokens",
        description="A token is redeemed for a link to the site that issued it.",
        spec=AccessTokenSpec,
        status=AccessTokenStatus,
        short_names=("token", "to"),
        columns=(
            Column("URL", ".spec.url"),
            Column("Redeemed", ".status.redeemed", "boolean"),
            STATUS_COLUMN,
            MESSAGE_COLUMN,
        ),
        required=("Redeemed",),
    )
    spec: AccessTokenSpec = field(default_factory=AccessTokenSpec)
    status: AccessTokenStatus = field(default_factory=AccessTokenStatus)
