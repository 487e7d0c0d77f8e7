"""What a plan may ask for: a closed list, in the order in which changes of one plan are carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.link import Link
from skrouter.mgmt.sites.entities import RouterConfig, RouterEntity


@dataclass(frozen=True, slots=True)
class MakeIssuer:
    """Make a CA; `keep_key` if it only renews its certificate."""

    name: str
    subject: str
    reason: str
    keep_key: bool = False


@dataclass(frozen=True, slots=True)
class AdoptIssuer:
    """Use the user's CA."""

    name: str


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Make a key and have it signed."""

    name: str
    issuer: str
    subject: str
    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class AdoptCredentials:
    """Use credentials of the user under a name of ours."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class StoreRevisions:
    """Remember which contents the router knows."""

    revisions: Mapping[str, tuple[str, int, str, int]]


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """Write the file that the router starts from."""

    config: RouterConfig


@dataclass(frozen=True, slots=True)
class StartRouter:
    """Have a router running, now and after a restart of the machine."""


@dataclass(frozen=True, slots=True)
class RestartRouter:
    """End it and start it anew, for what cannot be changed while it runs."""

    reason: str


@dataclass(frozen=True, slots=True)
class CreateEntity:
    """CREATE over management."""

    entity: RouterEntity


@dataclass(frozen=True, slots=True)
class UpdateEntity:
    """UPDATE over management; `attributes` are the changed ones."""

    entity: RouterEntity
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DeleteEntity:
    """DELETE over management."""

    type: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoveCredentials:
    """Nobody uses them."""

    name: str


@dataclass(frozen=True, slots=True)
class StoreStaticLink:
    """Keep a link for other sites, with these credentials of ours as its Secret."""

    file: str
    link: Link
    credentials: str


@dataclass(frozen=True, slots=True)
class RemoveStaticLink:
    """Nobody can link to there."""

    file: str


@dataclass(frozen=True, slots=True)
class RedeemToken:
    """Ask the other site for a link."""

    token: AccessToken
    subject: str


@dataclass(frozen=True, slots=True)
class StorePassword:
    """Write the file with the password of a proxy."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeepGrant:
    """Keep a grant. Its end, `window` seconds from now, its identity and a random code are made once only."""

    name: str
    allowed: int
    window: float
    code: str = field(repr=False)
    issuer: str
    host: str


@dataclass(frozen=True, slots=True)
class RemoveGrant:
    """Nobody may redeem it any more."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoveSite:
    """End the router and remove all but what the user wrote."""


Change = (
    MakeIssuer
    | AdoptIssuer
    | IssueCertificate
    | AdoptCredentials
    | StoreRevisions
    | StoreConfig
    | StartRouter
    | RestartRouter
    | CreateEntity
    | UpdateEntity
    | DeleteEntity
    | RemoveCredentials
    | StoreStaticLink
    | RemoveStaticLink
    | RedeemToken
    | StorePassword
    | KeepGrant
    | RemoveGrant
    | RemoveSite
)
