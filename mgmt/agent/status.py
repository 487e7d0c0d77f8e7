"""Answers of the agent other than success: codes, their standard phrases, and the errors that become them."""

from enum import IntEnum


class Status(IntEnum):
    """Codes of the AMQP management draft that a router uses."""

    OK = 200
    CREATED = 201
    NO_CONTENT = 204
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    INTERNAL_SERVER_ERROR = 500
    NOT_IMPLEMENTED = 501

    @property
    def phrase(self) -> str:
        """The description of an answer that has nothing more to say."""
        return "OK" if self is Status.OK else self.name.replace("_", " ").title()


class ManagementError(Exception):
    """A request that is refused; the text is the answer's statusDescription."""

    status = Status.INTERNAL_SERVER_ERROR

    def __init__(self, text: str | None = None) -> None:
        """Take the text, or the standard phrase of the code."""
        super().__init__(self.status.phrase if text is None else text)


class BadRequestError(ManagementError):
    """The request itself is wrong."""

    status = Status.BAD_REQUEST


class ForbiddenError(ManagementError):
    """Nobody, or not this peer, may do it."""

    status = Status.FORBIDDEN


class NotFoundError(ManagementError):
    """There is no such entity or attribute."""

    status = Status.NOT_FOUND


class UnsupportedError(ManagementError):
    """The entity type has no such operation."""

    status = Status.NOT_IMPLEMENTED


class InternalError(ManagementError):
    """What the reference answers with code 500."""


class ConfigurationError(InternalError):
    """The router refuses a configuration: `CError: Configuration: <text>`, as the reference says it."""

    def __init__(self, text: str) -> None:
        """Take the reason alone."""
        super().__init__(f"CError: Configuration: {text}")
