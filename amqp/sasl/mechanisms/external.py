"""EXTERNAL (RFC 4422 appendix A): the identity is that of the TLS certificate."""

from typing import Final

from skrouter.amqp.sasl.mechanisms.steps import Challenge, Fail, Step, Succeed

NAME: Final = "EXTERNAL"

CLIENT_RESPONSE: Final = b""
"""No authorization identity of our own: the certificate says all."""


def server_step(response: bytes | None, user: str) -> Step:
    """Accept the certificate's `user`; an authorization identity may only repeat it."""
    if response is None:
        return Challenge(b"")
    if response in (b"", user.encode()):
        return Succeed(user)
    return Fail("the authorization identity is not that of the certificate")
