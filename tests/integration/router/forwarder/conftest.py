"""One router for a module's tests; each test's peers must leave nothing behind in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from skrouter_testing.engines import LIVE, Bench, Node, bench

CONF = """
router {
    mode: interior
    id: A
}
listener {
    name: clients
    host: 127.0.0.1
    port: 0
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}
listener {
    name: edges
    host: 127.0.0.1
    port: 0
    role: edge
    saslMechanisms: ANONYMOUS
    linkCapacity: 10
}
address {
    prefix: mc
    distribution: multicast
}
address {
    prefix: closest
    distribution: closest
}
address {
    prefix: nowhere
    distribution: unavailable
}
"""


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("bench")) as made:
        made.node(CONF)
        yield made


@pytest.fixture
def the_bench(module_bench: Bench) -> Iterator[Bench]:
    """The bench; afterwards the router is as empty as before."""
    (node,) = module_bench.nodes
    before = node.live()
    assert all(before[name] == 0 for name in LIVE if name != "links_live")
    yield module_bench
    module_bench.drop_peers()
    module_bench.rest()
    assert node.live() == before
    assert node.router.core.links.by_handle == {}
    own = re.compile(r"M_\$qd|M(sfe|vfcr)\.|Mmc/sfe\.")  # of the router itself: edge protocol, flow records
    assert [key for key in node.router.execution.entries if key[0] == "M" and not own.match(key)] == []


@pytest.fixture
def node(the_bench: Bench) -> Node:
    """Its router."""
    return the_bench.nodes[0]
