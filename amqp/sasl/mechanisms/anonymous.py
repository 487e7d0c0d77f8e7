"""ANONYMOUS (RFC 4505): the trace text says who the peer claims to be, and is not believed."""

from typing import Final

from skrouter.amqp.sasl.mechanisms.steps import Step, Succeed

NAME: Final = "ANONYMOUS"
USER: Final = "anonymous"
"""User id of every anonymous peer, whatever its trace text."""


def server_step(response: bytes | None) -> Step:  # noqa: ARG001  (any trace text is accepted)
    """Let the peer in."""
    return Succeed(USER)


def client_response(host_name: str) -> bytes:
    """The trace text that the reference sends."""
    return f"{USER}@{host_name}".encode()
