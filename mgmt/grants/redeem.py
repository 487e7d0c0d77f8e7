"""A request from beginning to end: limits, decision, certificate, one use of the grant, answer."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from math import ceil
from typing import Protocol

from skrouter.mgmt.grants.claims import (
    INTERNAL,
    NO_CLAIM,
    USED_UP,
    WRONG_CODE,
    Redemption,
    Request,
    Response,
    decide,
    uid_of,
)
from skrouter.mgmt.grants.limits import Buckets
from skrouter.mgmt.sites.facts import Grant
from skrouter.mgmt.sites.grants import GrantError

FAILURES = 10
"""Wrong guesses that an address has at once."""
FAILURES_A_SECOND = 0.1


class Grants(Protocol):
    """Where the grants of all sites are. Methods may block; OSError if something cannot be kept."""

    def find(self, uid: str) -> Grant | None:
        """The grant of this identity."""

    def answer(self, grant: Grant, name: str, subject: str) -> str:
        """Secret and links as YAML; GrantError if there can be none now."""

    def spend(self, grant: Grant) -> bool:
        """Keep, for good, that the grant was used once more; False if it was used up meanwhile."""


Log = Callable[[str, str], None]
"""Takes a level and a text; no text holds a code or a key."""


class Redeemer:
    """Answers requests, one after the other. `now` gives seconds since 1970, `clock` monotonic ones."""

    def __init__(
        self, grants: Grants, log: Log, *, now: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._grants = grants
        self._log = log
        self._now = now
        self._clock = clock
        self._failures = Buckets(FAILURES, FAILURES_A_SECOND)

    def __call__(self, request: Request, address: str) -> Response:
        """The response to a request that came from this address."""
        wait = self._failures.wait(address, self._clock())
        if wait > 0:
            return Response(HTTPStatus.TOO_MANY_REQUESTS, "Too many failed attempts", ceil(wait))
        uid = uid_of(request.path)
        try:
            grant = self._grants.find(uid) if uid else None
            decision = decide(request, grant, self._now())
            if isinstance(decision, Redemption):
                return self._redeem(decision, address)
        except OSError as error:
            self._log("error", f"a token cannot be redeemed: {error}")
            return INTERNAL
        if decision in (NO_CLAIM, WRONG_CODE):
            self._failures.add(address, self._clock())
        name = f" {grant.name}" if grant is not None else ""
        self._log(
            "warning", f"grant{name}: {address} was refused with {decision.status.value} {decision.body}"
        )
        return decision

    def _redeem(self, redemption: Redemption, address: str) -> Response:
        grant = redemption.grant
        try:
            documents = self._grants.answer(grant, redemption.name, redemption.subject)
        except GrantError as error:
            self._log("warning", f"grant {grant.name}: {address} gets no link: {error}")
            return Response(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        if not self._grants.spend(grant):
            return USED_UP
        self._log("info", f"grant {grant.name}: {address} has a link as {redemption.subject}")
        return Response(HTTPStatus.OK, documents)
