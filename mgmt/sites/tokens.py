"""Tokens: which to redeem, and the documents in the other site's answer. The request is made elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.common import Resource
from skrouter.config.resources.core import Secret
from skrouter.config.resources.documents import load
from skrouter.config.resources.link import Link
from skrouter.config.resources.problems import ResourceError
from skrouter.config.resources.site import Site
from skrouter.mgmt.sites.changes import Change, RedeemToken
from skrouter.mgmt.sites.facts import Observed

NO_CA = "token does not have a CA"
NO_HTTPS = "token url scheme must be https"


class TokenError(Exception):
    """A token, or the answer to it, that cannot be used; the text is for the user."""


def plan(tokens: Iterable[AccessToken], site: Site, observed: Observed) -> Iterator[Change]:
    """The tokens to redeem: each until it has become a link, and then never again."""
    for token in sorted(tokens, key=lambda one: one.name):
        if token.name not in observed.redeemed and not token.status.redeemed and not flaw(token):
            yield RedeemToken(token, site.name)


def flaw(token: AccessToken) -> str:
    """Why the token cannot be redeemed anywhere; empty if it can be tried."""
    if not token.spec.ca:
        return NO_CA
    return "" if token.spec.url.startswith("https://") else NO_HTTPS


def answer_documents(token: AccessToken, answer: str) -> tuple[Resource, ...]:
    """Secret and links of an answer, the links with the token's cost; TokenError if it holds less."""
    try:
        resources = load(answer).good()
    except ResourceError as problem:
        raise TokenError("Controller could not decode response") from problem
    secrets = {one.name for one in resources if isinstance(one, Secret) and one.holds_credentials}
    links = [one for one in resources if isinstance(one, Link)]
    if not links or any(one.spec.tls_credentials not in secrets for one in links):
        raise TokenError("Controller could not decode response")
    cost = max(token.spec.link_cost, 1)
    return tuple(
        replace(one, spec=replace(one.spec, cost=cost)) if isinstance(one, Link) else one
        for one in resources
        if isinstance(one, Link | Secret)
    )
