"""Which CAs and certificates must exist, which are right, and when to look again. Keys are made elsewhere.

A certificate is right if its subject and hosts are those wanted, its CA is the present one, its end is far.
What the user provided is used as it is, with a warning before its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from skrouter.mgmt.sites.changes import (
    AdoptCredentials,
    AdoptIssuer,
    Change,
    IssueCertificate,
    MakeIssuer,
    RemoveCredentials,
)
from skrouter.mgmt.sites.facts import Credentials, Observed

SITE_CA = "skupper-site-ca"
LOCAL_CA = "skupper-local-ca"
SERVICE_CA = "skupper-service-ca"
SITE_SERVER = "skupper-site-server"
LOCAL_SERVER = "skupper-local-server"
LOCAL_CLIENT = "skupper-local-client"

LONGEST_NAME = 64
"""Characters of a common name (RFC 5280, ub-common-name)."""

DAY = 86400.0
MOST_TIME_BEFORE = 30 * DAY
"""Renewal comes at the latest so long before the end; earlier than the last third of a short life never."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A CA that must exist."""

    name: str
    subject: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", self.subject[:LONGEST_NAME])


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that must exist, made by us unless the user provides it."""

    name: str
    issuer: str
    subject: str
    hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", self.subject[:LONGEST_NAME])


@dataclass(frozen=True, slots=True)
class Adopted:
    """Credentials of the user, `source`, that must exist under a name of ours."""

    name: str
    source: str


@dataclass(slots=True)
class Wanted:
    """All that must exist, by name; names of one kind are unique."""

    issuers: dict[str, Issuer] = field(default_factory=dict)
    issued: dict[str, Issued] = field(default_factory=dict)
    adopted: dict[str, Adopted] = field(default_factory=dict)

    def names(self) -> set[str]:
        """All credentials that must exist, but for issuers."""
        return {*self.issued, *self.adopted}


@dataclass(frozen=True, slots=True)
class CertificatePlan:
    """`usable` are the names whose present content may be used; `next_check` is in seconds since 1970."""

    changes: tuple[Change, ...]
    usable: frozenset[str]
    missing: Mapping[str, str]
    warnings: tuple[str, ...]
    next_check: float | None


def plan(wanted: Wanted, observed: Observed, now: float) -> CertificatePlan:
    """What to make first, and what can be used meanwhile."""
    changes = [
        *_issuers(wanted, observed, now),
        *_issued(wanted, observed, now),
        *_adopted(wanted, observed),
        *_unused(wanted, observed),
    ]
    missing = {
        one.name: one.source
        for one in wanted.adopted.values()
        if one.source not in observed.provided_credentials and one.name not in observed.credentials
    }
    usable = frozenset(wanted.names() & observed.credentials.keys())
    return CertificatePlan(
        tuple(changes),
        usable,
        missing,
        tuple(_warnings(wanted, observed, now)),
        _next_check(wanted, observed),
    )


def renewal_time(credentials: Credentials) -> float:
    """When to renew, in seconds since 1970."""
    life = credentials.not_after - credentials.not_before
    return credentials.not_after - min(MOST_TIME_BEFORE, life / 3)


def _issuers(wanted: Wanted, observed: Observed, now: float) -> Iterator[Change]:
    for one in wanted.issuers.values():
        existing = observed.issuers.get(one.name)
        provided = observed.provided_issuers.get(one.name)
        if provided is not None:
            if existing is None or existing.digest != provided.digest:
                yield AdoptIssuer(one.name)
        elif existing is None or not existing.signing:
            yield MakeIssuer(one.name, one.subject, "there is none")
        elif now >= renewal_time(existing):
            yield MakeIssuer(one.name, one.subject, "its end is near", keep_key=True)


def _issued(wanted: Wanted, observed: Observed, now: float) -> Iterator[Change]:
    for one in wanted.issued.values():
        provided = observed.provided_credentials.get(one.name)
        existing = observed.credentials.get(one.name)
        if provided is not None:
            if existing is None or existing.digest != provided.digest:
                yield AdoptCredentials(one.name, one.name)
            continue
        issuer = observed.issuers.get(one.issuer)
        if issuer is None or _will_be_replaced(one.issuer, issuer, observed):
            continue
        reason = _what_is_wrong(one, existing, issuer, now)
        if reason:
            yield IssueCertificate(one.name, one.issuer, one.subject, tuple(sorted(one.hosts)), reason)


def _will_be_replaced(name: str, issuer: Credentials, observed: Observed) -> bool:
    """Whether the user's CA is about to take the place of this one: what it would sign is not wanted."""
    provided = observed.provided_issuers.get(name)
    return provided is not None and provided.digest != issuer.digest


def _what_is_wrong(one: Issued, existing: Credentials | None, issuer: Credentials, now: float) -> str:
    if existing is None:
        return "there is none"
    if existing.subject != one.subject:
        return f"its subject is {existing.subject!r}"
    if existing.hosts != one.hosts:
        return "its hosts have changed"
    if existing.ca_digest != issuer.certificate_digest:
        return "its CA has changed"
    return "its end is near" if now >= renewal_time(existing) else ""


def _adopted(wanted: Wanted, observed: Observed) -> Iterator[Change]:
    for one in wanted.adopted.values():
        provided = observed.provided_credentials.get(one.source)
        existing = observed.credentials.get(one.name)
        if provided is not None and (existing is None or existing.digest != provided.digest):
            yield AdoptCredentials(one.source, one.name)


def _unused(wanted: Wanted, observed: Observed) -> Iterator[Change]:
    """Files that a running router still names are left until it no longer does."""
    named = {one.name for one in observed.running or () if one.type == "sslProfile"}
    stored = {one.name for one in observed.config if one.type == "sslProfile"}
    for name in sorted(observed.credentials.keys() - wanted.names() - named - stored):
        if observed.running is not None or not observed.started:
            yield RemoveCredentials(name)


def _warnings(wanted: Wanted, observed: Observed, now: float) -> Iterator[str]:
    provided = {
        **{name: observed.provided_issuers.get(name) for name in wanted.issuers},
        **{name: observed.provided_credentials.get(name) for name in wanted.issued},
        **{one.name: observed.provided_credentials.get(one.source) for one in wanted.adopted.values()},
    }
    for name, one in sorted(provided.items()):
        if one is not None and now >= renewal_time(one):
            yield f"certificate {name} {_end(one, now)}; provide a new one"


def first_end(observed: Observed) -> Credentials | None:
    """Which of CAs and certificates in use ends first."""
    found = (*observed.issuers.values(), *observed.credentials.values())
    return min(found, key=lambda one: (one.not_after, one.name), default=None)


def expiry_warnings(observed: Observed, now: float) -> Iterator[str]:
    """Whatever of CAs and certificates in use has ended or soon will, and what to do about it."""
    for found, provided in (
        (observed.issuers, observed.provided_issuers),
        (observed.credentials, observed.provided_credentials),
    ):
        theirs = {one.digest for one in provided.values()}
        for name, one in sorted(found.items()):
            if now >= renewal_time(one):
                remedy = "provide a new one" if one.digest in theirs else "renew it: skupper system reload"
                yield f"certificate {name} {_end(one, now)}; {remedy}"


def _end(one: Credentials, now: float) -> str:
    if now >= one.not_after:
        return "has expired"
    return f"expires in {int((one.not_after - now) / DAY)} days"


def _next_check(wanted: Wanted, observed: Observed) -> float | None:
    times = [
        renewal_time(one)
        for found, names in (
            (observed.issuers, wanted.issuers.keys()),
            (observed.credentials, wanted.names()),
        )
        for name, one in found.items()
        if name in names
    ]
    return min(times, default=None)
