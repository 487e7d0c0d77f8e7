"""Which routers of a network are asked."""

from __future__ import annotations

import pytest
from skrouter.mgmt.platforms.linux.live import is_reachable


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "a", "nextHop": "(self)", "cost": None}, True),
        ({"id": "b", "nextHop": None, "cost": 1}, True),
        ({"id": "c", "nextHop": "b", "cost": 2}, True),
        ({"id": "gone", "nextHop": None, "cost": None}, False),
        ({"id": None, "nextHop": None, "cost": 1}, False),
    ],
)
def test_router_without_a_path_is_not_asked(row: dict[str, object], expected: bool) -> None:
    assert is_reachable(row) is expected
