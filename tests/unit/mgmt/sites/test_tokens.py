"""What another site answers to a token is used whole or not at all."""

from __future__ import annotations

import pytest
from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.documents import dump
from skrouter.config.resources.link import Link
from skrouter.mgmt.sites.tokens import TokenError, answer_documents, flaw
from skrouter_testing.site_world import token_documents

TOKEN = AccessToken(Metadata("far"), AccessTokenSpec("https://far.example/x", "code", "pem", link_cost=5))


def test_link_has_the_cost_of_the_token() -> None:
    _, link = answer_documents(TOKEN, dump(token_documents("far")))
    assert isinstance(link, Link) and link.spec.cost == 5


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "kind: [",
        dump(token_documents("far")[:1]),
        dump(token_documents("far")[1:]),
        "<html>not found</html>",
    ],
)
def test_answer_without_link_or_secret_is_refused(answer: str) -> None:
    with pytest.raises(TokenError, match="could not decode response"):
        answer_documents(TOKEN, answer)


def test_flaws_of_a_token_have_the_texts_that_people_know() -> None:
    assert flaw(TOKEN) == ""
    assert flaw(AccessToken(Metadata("x"), AccessTokenSpec("https://x", "c"))) == "token does not have a CA"
    assert flaw(AccessToken(Metadata("x"), AccessTokenSpec("http://x", "c", "pem"))) == (
        "token url scheme must be https"
    )
