"""What is answered to a request for a link (kubernetes.md §7): the checks in their order, and their texts.

    method ─▶ body ─▶ identity ─▶ not expired ─▶ not used up ─▶ code ─▶ name and subject ─▶ redemption
      405      400       404           404            404        403          400

Who does not know the code learns from the answers whether a grant exists, is open or used up: its identity
is random and as hard to guess as the code.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from http import HTTPStatus

from skrouter.config.resources.rules import is_name
from skrouter.mgmt.sites.facts import Grant
from skrouter.mgmt.sites.grants import end

MAX_CODE = 1024
"""Octets of a code; ours have 24."""
MAX_NAME = 200
"""Characters of a name, which becomes a file name; it has to leave room for the kind and an ending."""
MAX_SUBJECT = 64
"""Characters of a common name (RFC 5280, ub-common-name)."""

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Request:
    """What a stranger asks; `body` is None if it could not be read."""

    method: str
    path: str
    name: str = ""
    subject: str = ""
    body: bytes | None = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What he gets; `retry_after` in seconds. The body of a success holds a key."""

    status: HTTPStatus
    body: str = field(repr=False)
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Redemption:
    """The grant may be used once, for a link of this name and a certificate of this subject."""

    grant: Grant
    name: str
    subject: str


NO_CLAIM = Response(HTTPStatus.NOT_FOUND, "No such claim")
USED_UP = Response(HTTPStatus.NOT_FOUND, "No such access granted")
WRONG_CODE = Response(HTTPStatus.FORBIDDEN, "Redemption of access token refused")
INTERNAL = Response(HTTPStatus.SERVICE_UNAVAILABLE, "Internal error")
NOT_VALID = Response(HTTPStatus.BAD_REQUEST, "Request body not valid")


def uid_of(path: str) -> str:
    """The identity of the grant that a path names, whatever its slashes; empty if it can be none."""
    found = path.partition("?")[0].replace("/", "")
    return found if _UID.fullmatch(found) else ""


def decide(request: Request, grant: Grant | None, now: float) -> Response | Redemption:
    """The redemption that the request may have, or the refusal; `now` in seconds since 1970."""
    if request.method != "POST":
        return Response(HTTPStatus.METHOD_NOT_ALLOWED, "Only POST is supported")
    if request.body is None or len(request.body) > MAX_CODE:
        return NOT_VALID
    if grant is None:
        return NO_CLAIM
    last = end(grant)
    if last is None:
        return Response(HTTPStatus.INTERNAL_SERVER_ERROR, "Corrupted claim")
    if now >= last:
        return NO_CLAIM
    if grant.redemptions >= grant.allowed:
        return USED_UP
    if not grant.code or not hmac.compare_digest(request.body, grant.code.encode()):
        return WRONG_CODE
    return _redemption(request, grant)


def _redemption(request: Request, grant: Grant) -> Response | Redemption:
    name = request.name or grant.name
    subject = request.subject or name
    if not is_name(name) or len(name) > MAX_NAME:
        return Response(HTTPStatus.BAD_REQUEST, "Request header name not valid")
    if not subject.isprintable() or len(subject) > MAX_SUBJECT:
        return Response(HTTPStatus.BAD_REQUEST, "Request header subject not valid")
    return Redemption(grant, name, subject)
