"""How a line of the log looks: pure (spec: texts.md §1)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Final

MAX_TEXT: Final = 2047
"""Octets of an event's text."""

DEFAULT_FORMAT: Final = "%Y-%m-%d %H:%M:%S.%%06lu %z"
ISO_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%%06lu%z"
"""The default of JSON lines (ISO 8601)."""
_CONNECTION = re.compile(r"\[C(\d+)\](?:\[L(\d+)\])?")
_MICROSECONDS = re.compile(r"%(?:(%)|(0?)(\d*)l?u)")


class Stamp:
    """Writes times: strftime first, then microseconds where the result has a printf field such as `%06lu`."""

    def __init__(self, form: str | None, in_utc: bool) -> None:
        self._form = form or DEFAULT_FORMAT
        self._in_utc = in_utc
        self._second: tuple[int, str] = (-1, "")

    def text(self, time: float) -> str:
        """The time stamp for a time in seconds since 1970."""
        micros = round(time * 1_000_000)
        second, fraction = divmod(micros, 1_000_000)
        if second != self._second[0]:
            self._second = (second, self._strftime(second))
        return _MICROSECONDS.sub(lambda field: _printed(field, fraction), self._second[1])

    def _strftime(self, second: int) -> str:
        moment = datetime.fromtimestamp(second, UTC)
        return (moment if self._in_utc else moment.astimezone()).strftime(self._form)


def _printed(field: re.Match[str], fraction: int) -> str:
    if field[1]:
        return "%"
    return str(fraction).rjust(int(field[3] or 0), field[2] or " ")


def cut(text: str) -> str:
    """The text on one line, at most MAX_TEXT octets of UTF-8."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)
    octets = text.encode("utf-8", "backslashreplace")
    return octets[:MAX_TEXT].decode("utf-8", "ignore") if len(octets) > MAX_TEXT else text


def line(stamp: str, module: str, level: str, text: str, source: str) -> str:
    """The line without its end; `stamp` and `source` (`file:line`) may be empty."""
    head = f"{stamp} " if stamp else ""
    tail = f" ({source})" if source else ""
    return f"{head}{module} ({level}) {text}{tail}"


def json_line(stamp: str, module: str, level: str, text: str, source: tuple[str, int] | None) -> str:
    """The line as one JSON object; `connection` and `link` are the numbers that the text begins with."""
    fields: dict[str, object] = {"time": stamp} if stamp else {}
    fields.update(module=module, level=level, text=text)
    if (about := _CONNECTION.match(text)) is not None:
        fields["connection"] = int(about[1])
        if about[2] is not None:
            fields["link"] = int(about[2])
    if source is not None:
        fields["file"], fields["line"] = source
    return json.dumps(fields, ensure_ascii=False)
