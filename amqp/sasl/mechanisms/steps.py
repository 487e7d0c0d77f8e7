"""What a mechanism of the server side can answer to a client's octets."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Succeed:
    """The client is `user`; `data` goes with the outcome."""

    user: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The client is not believed; `detail` is for the log, never for the peer."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Challenge:
    """More is needed from the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AskPassword:
    """Somebody who holds passwords must decide."""

    user: str
    password: str = field(repr=False)
    authzid: str


@dataclass(frozen=True, slots=True)
class AskRelay:
    """Cyrus must decide; `response` is None if the client has not said anything yet."""

    response: bytes | None


Step = Succeed | Fail | Challenge | AskPassword | AskRelay
