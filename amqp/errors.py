"""Protocol errors, each with its AMQP condition. Local and remote mistakes are different types.

Belongs here: error types with a condition. Does not: the names (conditions.py), configuration errors.
"""

import reprlib

from skrouter.amqp import conditions


class ProtocolError(Exception):
    """A broken rule of AMQP: `condition` is the symbol for the wire, `description` the sentence beside it."""

    def __init__(self, description: str, condition: str = conditions.INTERNAL_ERROR) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description


class LocalProtocolError(ProtocolError):
    """This router was about to break the protocol: a defect here, never the peer's fault."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol; answer with the condition and close what it concerns."""

    def __init__(self, description: str, condition: str = conditions.FRAMING_ERROR) -> None:
        super().__init__(description, condition)


class DecodeError(RemoteProtocolError):
    """Octets that are not what the AMQP type system or a section's definition allows."""

    def __init__(self, description: str, condition: str = conditions.DECODE_ERROR) -> None:
        super().__init__(description, condition)


def shown(value: object) -> str:
    """A peer's value for an error text: escaped, and short however long it is."""
    return reprlib.repr(value)
