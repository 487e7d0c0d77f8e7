"""What a router tells over HTTP, as its owner provides it: light, for HTTP is loaded only where used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MetricsPage = Callable[[str], tuple[str, bytes]]
"""From the request's Accept to content type and body."""


@dataclass(slots=True)
class Pages:
    """`health()` makes a round trip through the core, RuntimeError if something is wrong.

    `metrics` is None where nobody tells any.
    """

    health: Callable[[], None]
    metrics: MetricsPage | None = None
