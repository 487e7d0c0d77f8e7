"""Machines of their own, on which `skupper` runs as users run it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter_testing import machine as machines
from skrouter_testing.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """With a user manager of systemd if that can be had here."""
    if not machines.possible():
        pytest.skip("needs root and namespaces")
    with Machine(tmp_path / "machine", systemd=machines.manager_possible()) as found:
        yield found


@pytest.fixture(params=["systemd", "supervisor"])
def each_machine(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """One with a user manager of systemd, one without."""
    wants_manager = request.param == "systemd"
    if not (machines.manager_possible() if wants_manager else machines.possible()):
        pytest.skip("needs root, namespaces and systemd")
    with Machine(tmp_path / "machine", systemd=wants_manager) as found:
        yield found
