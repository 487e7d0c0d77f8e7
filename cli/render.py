"""Rows to text: the tables of skstat as aligned columns or CSV, and the values in their cells. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GAP = 2
"""Blanks before the table and between columns."""

NIL = "(nil)"
"""How an unset attribute is shown in lists of settings."""

Row = Mapping[str, Any]
Cell = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and the text under it for a row of attributes."""

    heading: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of texts; `note` is a line between title and headings.

    `records` are for programs, where cells are drawn for eyes.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str | None = None
    records: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class Prose:
    """Lines as they are; `data` is what programs get in their place, under `name`."""

    name: str
    text: tuple[str, ...]
    data: object


def table(title: str, columns: Sequence[Column], rows: Sequence[Row], note: str | None = None) -> Table:
    """The table of these rows."""
    cells = tuple(tuple(item.cell(row) for item in columns) for row in rows)
    return Table(title, tuple(item.heading for item in columns), cells, note)


def pairs(title: str, values: Sequence[tuple[str, str]]) -> Table:
    """A table of names and values."""
    return Table(title, ("attr", "value"), tuple(values))


def lines(shown: Table, *, csv: bool = False) -> list[str]:
    """The lines of a table; one without rows is its title alone."""
    head = [shown.title] if shown.note is None else [shown.title, shown.note]
    if not shown.rows:
        return head
    if csv:
        return [*head, *(_csv(row) for row in (shown.headings, *shown.rows))]
    widths = [max(map(len, cells)) + GAP for cells in zip(shown.headings, *shown.rows, strict=True)]
    rule = "=" * sum(widths)
    return [*head, *(" " * GAP + line for line in (_aligned(shown.headings, widths), rule))] + [
        " " * GAP + _aligned(row, widths) for row in shown.rows
    ]


def for_programs(shown: Table) -> dict[str, object]:
    """A table for JSON and YAML: its records, else its cells by heading."""
    rows = [dict(zip(shown.headings, row, strict=True)) for row in shown.rows]
    if shown.records is not None:
        rows = [dict(record) for record in shown.records]
    found: dict[str, object] = {"title": shown.title, "rows": rows}
    return found if shown.note is None else {**found, "note": shown.note}


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    *left, last = (cell.ljust(width) for cell, width in zip(cells[:-1], widths[:-1], strict=True)), cells[-1]
    return "".join(left[0]) + last


def _csv(cells: Sequence[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' if cell else "" for cell in cells)


# --- cells ----------------------------------------------------------------------------------------------


def text(attribute: str) -> Cell:
    """The attribute, nothing for null."""
    return lambda row: "" if (value := row.get(attribute)) is None else str(value)


def plain(attribute: str) -> Cell:
    """The attribute as Python shows it, `None` for null."""
    return lambda row: str(row.get(attribute))


def setting(attribute: str) -> Cell:
    """The attribute, `(nil)` for null and for nothing."""
    return lambda row: NIL if (value := row.get(attribute)) is None or value == "" else str(value)


def dashed(attribute: str) -> Cell:
    """The attribute, `-` for null."""
    return lambda row: "-" if (value := row.get(attribute)) is None else str(value)


def grouped(attribute: str) -> Cell:
    """A number with thousands separators."""
    return lambda row: "" if (value := row.get(attribute)) is None else f"{int(value):,}"


def duration(seconds: int | None) -> str:
    """`ddd:hh:mm:ss`, or `-` for null."""
    if seconds is None:
        return "-"
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days:03}:{hour:02}:{minute:02}:{second:02}"


def memory_size(octets: int | None) -> str:
    """Three significant digits in the unit that fits: `464 MiB`, `28.4 MiB`, `2.50 MiB`."""
    if octets is None:
        return ""
    size, unit = float(octets), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    if unit == "B":
        return f"{octets} B"
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{size:.{decimals}f} {unit}"


def time_of_change(seconds: int | None) -> str:
    """`Monday Nov 23 01:33:24 2026 GMT`; `-` for null."""
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%A %b %d %H:%M:%S %Y GMT")
