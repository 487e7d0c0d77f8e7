"""Routers for the tests: a lone one and a row of three for the whole session, and others on demand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from skrouter_testing.managed import Managed
from skrouter_testing.process import Routers
from skrouter_testing.router_line import RouterLine
from skrouter_testing.topology import Topology

LOG_LINES = 120

Addresses = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Way:
    """Where messages go in and where they come out."""

    line: RouterLine
    first: str
    last: str

    @property
    def ports(self) -> tuple[int, int]:
        """The clients' ports of both ends."""
        return self.line.ports[self.first], self.line.ports[self.last]


@pytest.fixture
def routers(tmp_path: Path) -> Iterator[Routers]:
    """The daemons of one test."""
    with Routers(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RouterLine]:
    """A standalone router S."""
    with Routers(tmp_path_factory.mktemp("alone")) as made:
        yield RouterLine(made, "S").start()


@pytest.fixture(scope="session")
def row(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RouterLine]:
    """Interior routers A - B - C."""
    with Routers(tmp_path_factory.mktemp("row")) as made:
        yield RouterLine(made, "ABC").start()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    """A standalone router S whose configuration the tests of a file change."""
    with Routers(tmp_path_factory.mktemp("managed")) as routers:
        line = RouterLine(routers, "S").start()
        yield Managed(line["S"], line.ports["S"])


@pytest.fixture(params=["one router", "A to B", "A to C"])
def way(request: pytest.FixtureRequest) -> Way:
    """Each number of routers that a message can pass: one, two, three."""
    if request.param == "one router":
        return Way(request.getfixturevalue("alone"), "S", "S")
    return Way(request.getfixturevalue("row"), "A", str(request.param)[-1])


_numbers = itertools.count()


@pytest.fixture
def address() -> str:
    """An address that no other test uses."""
    return f"address-{next(_numbers)}"


@pytest.fixture
def address_below() -> Addresses:
    """Makes such addresses below a configured prefix."""
    return lambda prefix: f"{prefix}/{next(_numbers)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    """A failed test shows what its routers said."""
    report = yield
    if report.when == "call" and report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            for router in _routers_of(value):
                log = "\n".join(router.lines[-LOG_LINES:])
                report.sections.append((f"log of {router.name} ({name})", log))
    return report


def _routers_of(value: object) -> list[Any]:
    if isinstance(value, Way):
        value = value.line
    if isinstance(value, RouterLine | Topology):
        value = value.routers
    return list(value.all.values()) if isinstance(value, Routers) else []
