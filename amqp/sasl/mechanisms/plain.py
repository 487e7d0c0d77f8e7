"""PLAIN (RFC 4616): authorization identity, user and password in clear, separated by NUL."""

from typing import Final

from skrouter.amqp.sasl.mechanisms.steps import AskPassword, Challenge, Fail, Step

NAME: Final = "PLAIN"


def server_step(response: bytes | None) -> Step:
    """Take the response apart and ask for a password check.

    Acting for somebody else (another authorization identity) is refused: no rule could allow it.
    """
    if response is None:
        return Challenge(b"")
    try:
        parts = response.decode().split("\0")
    except UnicodeDecodeError:
        return Fail("the response is not UTF-8")
    if len(parts) != 3:
        return Fail(f"the response has {len(parts)} parts, not 3")
    authzid, user, password = parts
    if not user or not password:
        return Fail("user or password is empty")
    if authzid not in ("", user):
        return Fail("the authorization identity is not the user")
    return AskPassword(user, password, authzid)


def client_response(user: str, password: str) -> bytes:
    """The initial response; ValueError for a NUL inside, which would shift the parts."""
    if "\0" in user + password:
        raise ValueError("user and password for SASL PLAIN must not contain NUL")
    return f"\0{user}\0{password}".encode()
