"""Static files as requests and responses: pure (RFC 9110). Opening them is disk.py's.

No listing of directories, no ranges. Names that begin with a dot are not served, but for `.well-known`.
"""

from __future__ import annotations

import email.utils
import mimetypes
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from skrouter.router.net.http.messages import Request, Response, text_response

INDEX: Final = "index.html"
_TYPES: Final = mimetypes.MimeTypes(filenames=())
_OCTETS: Final = "application/octet-stream"
_MORE_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}
_VISIBLE: Final = ".well-known"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What counts of a file; `modified_ns` in nanoseconds since 1970."""

    size: int
    modified_ns: int


def parts_of(path: str) -> tuple[str, ...] | None:
    """The names below the root that a path of a request means; None for one that names no file."""
    try:
        text = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not text.startswith("/") or "\0" in text:
        return None
    *folders, name = text[1:].split("/")
    parts = (*folders, name or INDEX)
    return parts if all(part and (part[0] != "." or part == _VISIBLE) for part in parts) else None


def to_directory(parts: tuple[str, ...]) -> Response:
    """A directory was asked for without the slash that makes the links of its page right."""
    return text_response(301, "", ("Location", "".join(f"/{quote(part)}" for part in parts) + "/"))


def respond(request: Request, name: str, facts: FileFacts) -> Response:
    """The head of the response, or all of it if the peer has the file already."""
    validators = (
        ("ETag", etag(facts)),
        ("Last-Modified", email.utils.formatdate(_seconds(facts), usegmt=True)),
    )
    if _has_it(request, facts):
        return Response(304, validators)
    return Response(200, (("Content-Type", content_type(name)), *validators), length=facts.size)


def etag(facts: FileFacts) -> str:
    """Changes with every write that changes size or time."""
    return f'"{facts.modified_ns:x}-{facts.size:x}"'


def content_type(name: str) -> str:
    """By the name's ending; compressed files are what they are, not what is in them."""
    kind, encoding = _TYPES.guess_type(name)
    if encoding == "gzip":
        return "application/gzip"
    kind = _MORE_TYPES.get(name[name.rfind(".") :], kind)
    if kind is None or encoding is not None:
        return _OCTETS
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "application/json" else kind


def _has_it(request: Request, facts: FileFacts) -> bool:
    """Whether the peer's copy is current (RFC 9110 §13.1): a tag counts before a time."""
    tags = request.tokens("if-none-match")
    if tags:
        return any(tag == "*" or tag.removeprefix("W/") == etag(facts) for tag in tags)
    since = request.values("if-modified-since")
    if len(since) != 1:
        return False
    try:
        return _seconds(facts) <= email.utils.parsedate_to_datetime(since[0]).timestamp()
    except (ValueError, OverflowError):
        return False


def _seconds(facts: FileFacts) -> int:
    return facts.modified_ns // 1_000_000_000
