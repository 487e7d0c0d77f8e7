"""A request and a response, as routes see them: pure."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body; header names are in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    version: str = "1.1"

    def values(self, name: str) -> list[str]:
        """Every value of a header, in order."""
        return [value for known, value in self.headers if known == name]

    def tokens(self, name: str) -> list[str]:
        """The elements of a header that is a comma list, however often it is there."""
        found = (item.strip() for value in self.values(name) for item in value.split(","))
        return [item for item in found if item]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response, or the head of one whose body of `length` octets follows in pieces."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    length: int | None = None

    @property
    def content_length(self) -> int:
        """Octets of the body, wherever they come from."""
        return len(self.body) if self.length is None else self.length


def text_response(status: int, text: str = "", *headers: tuple[str, str]) -> Response:
    """A short answer for people; without a text the status says it."""
    shown = text or HTTPStatus(status).phrase
    return Response(status, (("Content-Type", TEXT), *headers), f"{shown}\n".encode())
