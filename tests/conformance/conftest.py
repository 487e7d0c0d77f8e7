"""Every scenario on every topology with every client: proton; rhea if `SKROUTER_RHEA` says where it is."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter_testing.portable import AnyClient, ProtonClient
from skrouter_testing.process import Routers
from skrouter_testing.rhea_client import RheaClient
from skrouter_testing.topology import Link, Topology

RHEA = os.environ.get("SKROUTER_RHEA")
CLIENTS = ["proton", *(["rhea"] if RHEA else [])]
TOPOLOGIES = {
    "one router": (["S"], [], "S", "S"),
    "two routers": (["A", "B"], [Link("B", "A")], "A", "B"),
    "edge to edge": (["I", "E1", "E2"], [Link("E1", "I"), Link("E2", "I")], "E1", "E2"),
}
_DRIVER = Path(__file__).with_name("rhea_driver.mjs")
_numbers = itertools.count()


class World:
    """A topology and a maker of clients: `here` senders attach, `there` receivers do."""

    def __init__(self, topology: Topology, here: str, there: str, kind: str) -> None:
        self.topology = topology
        self.names = {"here": here, "there": there}
        self.kind = kind
        self.is_one_router = here == there
        self.has_edges = here.startswith("E")
        self.center = "I" if self.has_edges else here

    def client(self, place: str) -> AnyClient:
        """A connection to the router at this end."""
        port = self.topology.ports[self.names[place]]
        if self.kind == "proton":
            return ProtonClient(port)
        return RheaClient(port, _DRIVER, Path(RHEA or ""))

    def address(self, prefix: str = "conformance") -> str:
        """One that no other scenario uses."""
        return f"{prefix}/{next(_numbers)}"

    def wait_known(self, address: str) -> None:
        """Until messages from here would reach a consumer; an edge router leaves that to its interior one."""
        self.topology.wait_reachable(self.center, address)

    def wait_count(self, address: str, count: int) -> None:
        """Until messages from here would have so many ways: consumers here, and other routers."""
        self.topology.wait_count(self.center, address, count)

    def wait_there(self, address: str, consumers: int) -> None:
        """Until the router there has so many consumers of its own."""
        self.topology.wait_local(self.names["there"], address, consumers)


@pytest.fixture(scope="session", params=list(TOPOLOGIES))
def topology(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Topology, str, str]]:
    """Routers that run for all scenarios."""
    names, links, here, there = TOPOLOGIES[request.param]
    with Routers(tmp_path_factory.mktemp("conformance")) as made:
        yield Topology(made, names, links).start(), here, there


@pytest.fixture(params=CLIENTS)
def world(request: pytest.FixtureRequest, topology: tuple[Topology, str, str]) -> World:
    """Where a scenario takes place."""
    return World(*topology, request.param)
