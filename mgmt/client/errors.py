"""Answers that are refusals, one class for each code.

The class names are interface: tools print them before the text (`NotFoundStatus: No entity with name=x`).
"""

from typing import ClassVar


class ManagementError(Exception):
    """An answer with a code that is no success; the text is its statusDescription."""

    status: ClassVar[int | None] = None

    def __init__(self, text: str, code: int) -> None:
        """Take the text and the code of the answer."""
        super().__init__(text)
        self.code = code


class BadRequestStatus(ManagementError):  # noqa: N818 — printed by the tools
    """400."""

    status = 400


class UnauthorizedStatus(ManagementError):  # noqa: N818 — printed by the tools
    """401."""

    status = 401


class ForbiddenStatus(ManagementError):  # noqa: N818 — printed by the tools
    """403."""

    status = 403


class NotFoundStatus(ManagementError):  # noqa: N818 — printed by the tools
    """404."""

    status = 404


class InternalServerErrorStatus(ManagementError):  # noqa: N818 — printed by the tools
    """500."""

    status = 500


class NotImplementedStatus(ManagementError):  # noqa: N818 — printed by the tools
    """501."""

    status = 501


class AnswerError(Exception):
    """What came back is no management answer."""


_CLASSES = {
    kind.status: kind
    for kind in (
        BadRequestStatus,
        UnauthorizedStatus,
        ForbiddenStatus,
        NotFoundStatus,
        InternalServerErrorStatus,
        NotImplementedStatus,
    )
}


def refusal(code: int, text: str) -> ManagementError:
    """The error for an answer with this code."""
    return _CLASSES.get(code, ManagementError)(text, code)
