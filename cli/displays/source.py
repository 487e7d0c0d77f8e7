"""Where a display gets its rows, and what it is made of. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from skrouter.cli.render import Prose, Table

PREFIX = "io.skupper.router."

Part = Table | Prose | str
Parts = list[Part]
"""Tables, prose, or a line of text where there is nothing to tabulate."""


class Source(Protocol):
    """The router asked, with the limit on rows built in."""

    def rows(self, entity_type: str, names: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Entities of a type by long name, with these attributes or all."""


@dataclass(frozen=True, slots=True)
class Display:
    """One display: its parts for a source, with more columns if verbose."""

    parts: Callable[[Source, bool], Parts]
    headed: bool = True
    """Whether date and router id come first."""


def words(text: str) -> tuple[str, ...]:
    """Names separated by blanks."""
    return tuple(text.split())
