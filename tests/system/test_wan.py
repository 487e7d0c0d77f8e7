"""TCP services over a long link: one stream is about as fast as a direct connection over the same link."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter_testing import wan
from skrouter_testing.process import HOST, Routers, free_port, section

DAEMON = (sys.executable, "-P", "-m", "skrouter.cli.skrouterd", "-c")
WARM_UP, SECONDS = 4.0, 6.0
SHARE = 0.8
"""Of the throughput of a direct connection."""
RATE = 20e6
"""Octets a second: at a round trip of 100 ms twice the reference's window of 1 MiB."""
MAX_MEMORY = 120_000_000

pytestmark = pytest.mark.skipif(not wan.possible(), reason="needs root, network namespaces and TUN devices")


class Net:
    """A at the near end with a tcpListener, B at the far end with a tcpConnector."""

    def __init__(self, routers: Routers, link: wan.Wan) -> None:
        self.link, self.port, self.sink = link, free_port(), free_port()
        mesh = free_port()
        self.a = routers.add(
            "A",
            section("router", mode="interior", id="A")
            + section("listener", host="0.0.0.0", port=mesh, role="inter-router")
            + section("tcpListener", name="in", host=HOST, port=self.port, address="far"),
        )
        self.b = routers.add(
            "B",
            section("router", mode="interior", id="B")
            + section("connector", host=wan.NEAR, port=mesh, role="inter-router")
            + section("tcpConnector", name="out", host=HOST, port=self.sink, address="far"),
        )
        self.a.start(command=link.command(link.near, *DAEMON))
        self.b.start(command=link.command(link.far, *DAEMON))
        self.a.wait_line(": listening for client connections")


@pytest.fixture(params=[0.0, 0.02], ids=["no loss", "2 % loss"])
def net(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Net]:
    with wan.Wan(0.05, request.param, RATE) as link, Routers(tmp_path) as routers:
        yield Net(routers, link)


@pytest.mark.slow
def test_e5_one_stream_over_a_long_link_is_about_as_fast_as_a_direct_connection(net):
    direct = net.link.throughput(wan.FAR, net.sink, net.sink, WARM_UP, SECONDS)

    routed = net.link.throughput(HOST, net.port, net.sink, WARM_UP, SECONDS)

    assert routed > SHARE * direct, f"{routed / 1e6:.1f} of {direct / 1e6:.1f} MB/s"
    assert max(router.memory().peak for router in (net.a, net.b)) < MAX_MEMORY
