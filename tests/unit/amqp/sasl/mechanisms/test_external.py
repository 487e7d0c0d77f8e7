"""EXTERNAL: the certificate decides, an authorization identity may only repeat it."""

import pytest
from skrouter.amqp.sasl.mechanisms import external
from skrouter.amqp.sasl.mechanisms.steps import Challenge, Fail, Step, Succeed


@pytest.mark.parametrize(
    ("response", "step"),
    [
        (None, Challenge(b"")),
        (external.CLIENT_RESPONSE, Succeed("CN=é")),
        ("CN=é".encode(), Succeed("CN=é")),
        (b"CN=other", Fail("the authorization identity is not that of the certificate")),
        (b"\xff", Fail("the authorization identity is not that of the certificate")),
    ],
)
def test_only_the_certificate_s_user_is_accepted(response: bytes | None, step: Step) -> None:
    assert external.server_step(response, "CN=é") == step
