"""What the SASL machines ask for: the closed list, the same for both sides."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the peer is. Both None: it skipped SASL where that is allowed. The client side has no `user`."""

    mechanism: str | None
    user: str | None


@dataclass(frozen=True, slots=True)
class Send:
    """Write these octets."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Find out whether this is the user's password, then call `password_checked`."""

    user: str
    password: str = field(repr=False)
    authzid: str


@dataclass(frozen=True, slots=True)
class RelayStart:
    """Begin this mechanism in Cyrus, then call `relayed`. Server: with the client's response, if any."""

    mechanism: str
    initial_response: bytes | None


@dataclass(frozen=True, slots=True)
class RelayStep:
    """Give Cyrus what the peer sent, then call `relayed`."""

    response: bytes


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The SASL layer is done; the machine must not be given more octets.

    Server: `rest` begins with the peer's 8-octet AMQP header. Client: `rest` is what followed the outcome,
    possibly nothing, and our own AMQP header is still to be sent.
    """

    identity: Identity
    rest: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Write what was sent before, then close. `log_text`: condition, description, more for the operator."""

    condition: str
    description: str
    log_text: str


Effect = Send | CheckPassword | RelayStart | RelayStep | Authenticated | Refused
