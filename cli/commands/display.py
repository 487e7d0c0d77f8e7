"""Documents and tables as people and scripts read them: YAML, JSON, columns that are aligned by tabs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

TAB = 8


def document(content: Mapping[str, Any], form: str) -> str:
    """One document as `json` or `yaml`, without what is empty, keys sorted."""
    from skrouter.config.resources.documents import dump_one  # noqa: PLC0415 — loads YAML
    from skrouter.config.resources.writing import pruned  # noqa: PLC0415

    if form == "json":
        return json.dumps(pruned(content), indent=2, sort_keys=True)
    return dump_one(content).rstrip("\n")


def documents(contents: Iterable[Mapping[str, Any]], form: str) -> None:
    """Print documents, in YAML separated by `---`."""
    separator = "\n---\n" if form == "yaml" else "\n"
    click.echo(separator.join(document(one, form) for one in contents))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns, each as wide as its longest cell, filled with tabs."""
    lines = [tuple(headings), *(tuple(row) for row in rows)]
    widths = [_width(max(len(cell) for cell in cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        filled = [_filled(cell, width) for cell, width in zip(line[:-1], widths, strict=False)]
        click.echo("".join((*filled, line[-1])).rstrip())


def pairs(values: Iterable[tuple[str, str]]) -> None:
    """Print names with values, aligned by tabs."""
    rows = [(f"{name}:", value) for name, value in values]
    width = _width(max(len(name) for name, _ in rows))
    for name, value in rows:
        click.echo(f"{_filled(name, width)}{value}".rstrip())


def _width(longest: int) -> int:
    return (longest // TAB + 1) * TAB


def _filled(cell: str, width: int) -> str:
    return cell + "\t" * -(-(width - len(cell)) // TAB)
