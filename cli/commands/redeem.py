"""Redeeming a token: the request to the site that issued it (local-system.md §7)."""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urlsplit

from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.common import Resource
from skrouter.mgmt.sites.platform import PlatformError
from skrouter.mgmt.sites.tokens import TokenError, answer_documents, flaw

TIMEOUT = 10.0
LONGEST_ANSWER = 1 << 20


def redeem(token: AccessToken, subject: str, timeout: float = TIMEOUT) -> tuple[Resource, ...]:
    """The documents that the token becomes; PlatformError if it is refused or nobody answers.

    TLS 1.3 and the token's CA only, no redirects, no proxies.
    """
    if flaw(token):
        raise PlatformError(flaw(token))
    status, body = _post(token, subject, timeout)
    if status != http.client.OK:
        raise PlatformError(f"Received HTTP Response {status}: {body.strip()}")
    try:
        return answer_documents(token, body)
    except TokenError as error:
        raise PlatformError(str(error)) from error


def _post(token: AccessToken, subject: str, timeout: float) -> tuple[int, str]:
    url = urlsplit(token.spec.url)
    try:
        context = ssl.create_default_context(cadata=token.spec.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        connection = http.client.HTTPSConnection(
            url.hostname or "", url.port or 443, timeout=timeout, context=context
        )
        try:
            headers = {"name": token.name, "subject": subject}
            connection.request("POST", url.path or "/", token.spec.code.encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(LONGEST_ANSWER).decode("utf-8", "replace")
        finally:
            connection.close()
    except (OSError, socket.gaierror, http.client.HTTPException, ValueError) as error:
        raise PlatformError(f"Controller got error: {error}") from error
