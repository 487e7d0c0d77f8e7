"""Every feature of the reference in these sections has a test whose name begins with its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FEATURES = {
    "a": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14),
    "b": (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 17, 18, 20, 21),
    "f": (1, 2, 3, 4, 6, 7),
    "g": (1, 2, 3, 4, 5, 6, 7, 9, 10, 11),
}
"""Process and configuration, connections, policy, management; without what the reference has removed."""
_NAME = re.compile(r"^ *(?:async )?def test_((?:[a-h]\d+_)+)", re.MULTILINE)


@pytest.fixture(scope="module")
def proved() -> set[str]:
    """The numbers that names of tests begin with."""
    found = (
        numbers
        for path in TESTS.rglob("test_*.py")
        for numbers in _NAME.findall(path.read_text(encoding="utf-8"))
    )
    return {number for numbers in found for number in numbers.split("_") if number}


@pytest.mark.parametrize("feature", [f"{section}{n}" for section, ns in FEATURES.items() for n in ns])
def test_a_feature_has_a_test_of_its_name(proved: set[str], feature: str) -> None:
    assert feature in proved
