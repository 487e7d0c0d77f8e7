"""What a platform observes of a site, as values. Keys of certificates are never part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skrouter.config.resources.common import Resource, Status
from skrouter.config.resources.link import Link
from skrouter.mgmt.sites.entities import RouterConfig, RouterEntity
from skrouter.mgmt.sites.network import Network


@dataclass(frozen=True, slots=True)
class Host:
    """The machine: its name and addresses go into certificates, ports in use are not chosen."""

    name: str = "localhost"
    addresses: tuple[str, ...] = ()
    ports_in_use: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Identity:
    """What a site is from its first day: kept where there is something kept, else new ones.

    `router_suffix` follows the site's name in the id of its router.
    """

    site_id: str
    router_suffix: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """CA, certificate and key that exist somewhere under one name; times in seconds since 1970.

    `digest` is that of all their content, `ca_digest` and `certificate_digest` those of the two certificates,
    `ca_key` that of the CA's public key, which outlives renewals.
    """

    name: str
    subject: str
    hosts: frozenset[str]
    not_before: float
    not_after: float
    digest: str
    ca_digest: str
    certificate_digest: str
    signing: bool = False
    ca_key: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """Which content of credentials the router was told of last, and as which ordinal.

    `since` is the first ordinal under the CA whose public key has the digest `ca_key`.
    """

    digest: str
    ordinal: int
    ca_key: str = ""
    since: int = 0


@dataclass(frozen=True, slots=True)
class StaticLink:
    """A link that is kept for other sites: its document, and the digest of the credentials beside it."""

    link: Link
    digest: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What is kept of a grant. `uid` is its part of the URL, `expiration` a time of RFC 3339.

    `host` is the one under which this site is reached by those who redeem; empty: the machine's own.
    """

    uid: str
    name: str
    code: str = field(repr=False)
    allowed: int
    redemptions: int
    expiration: str
    issuer: str
    host: str = ""


@dataclass(frozen=True, slots=True)
class GrantServer:
    """The server where grants are redeemed: how others reach it; the host of each grant it knows, by uid."""

    host: str
    port: int
    ca: str
    grants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that is known of a site. What is broken counts as absent.

    `provided_*` are from the user and win over generated ones. `config` is the stored file. `started`: the
    platform keeps a router running; `running`: what management shows of it, None if it does not answer.
    `provided_credentials` hold those of redeemed tokens too, whose documents are in `redeemed` by token.
    `refusals` are the router's words to the last attempt, by type and name. `statuses` are those told last.
    `passwords` are digests of the passwords of proxies that are stored, by proxyProfile.
    `grants` are kept by name; `grant_server` is None while none runs.
    `taken_ports` are those that other programs have; nothing while the site's own router may be one of them.
    `has_run`: the router has answered once, so others may know its ports.
    """

    host: Host
    identity: Identity
    issuers: Mapping[str, Credentials] = field(default_factory=dict)
    credentials: Mapping[str, Credentials] = field(default_factory=dict)
    provided_issuers: Mapping[str, Credentials] = field(default_factory=dict)
    provided_credentials: Mapping[str, Credentials] = field(default_factory=dict)
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    config: RouterConfig = ()
    started: bool = False
    running: tuple[RouterEntity, ...] | None = None
    network: Network | None = None
    static_links: Mapping[str, StaticLink] = field(default_factory=dict)
    refusals: Mapping[tuple[str, str], str] = field(default_factory=dict)
    statuses: Mapping[tuple[str, str], Status] = field(default_factory=dict)
    redeemed: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)
    grants: Mapping[str, Grant] = field(default_factory=dict)
    grant_server: GrantServer | None = None
    taken_ports: frozenset[int] = frozenset()
    has_run: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a site lives: what differs between platforms. `profiles` is the directory of sslProfiles."""

    platform: str
    namespace: str
    version: str
    profiles: str
