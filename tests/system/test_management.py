"""The agents of live routers through proton's client, and the tools as a person runs them (management.md)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query, request
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine

TYPES = (
    "router",
    "connection",
    "router.link",
    "router.address",
    "router.node",
    "listener",
    "connector",
    "tcpListener",
    "tcpConnector",
    "log",
    "network",
    "policy",
    "router.config.address",
    "routerMetrics",
    "logStats",
)
QUALIFIED = {"routerMetrics": ("org.apache.qpid.dispatch.routerMetrics",)}
"""Where the reference says another type than was asked for."""
CHANGING = {"connection", "router.link", "router.address", "logStats", "routerMetrics"}
"""Types whose entities come and go with those who ask."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RouterLine]:
    """A - B, a TCP listener on A and its connector on B."""
    with Routers(tmp_path_factory.mktemp("management")) as routers:
        extra = {
            "A": section("tcpListener", name="web", host=HOST, port=free_port(), address="web"),
            "B": section("tcpConnector", name="web", host=HOST, port=free_port(), address="web"),
        }
        yield RouterLine(routers, "AB", extra=extra).start()


@pytest.fixture(scope="module")
def traffic(line: RouterLine) -> Iterator[None]:
    """A receiver on B of "orders" that took five messages from A."""
    with Client(line.ports["A"]) as here, Client(line.ports["B"]) as there:
        receiver = there.receiver("orders")
        sender = here.sender("orders")
        sender.wait_credit()
        for number in range(5):
            assert sender.send(Message(body=number)).outcome().state == "accepted"
        receiver.take(5)
        yield


def run(tool: str, line: RouterLine, *arguments: str, at: str = "A") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", f"skrouter.cli.{tool}", "-b", f"{HOST}:{line.ports[at]}"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=20, check=False)


def good(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


@pytest.mark.parametrize("entity", TYPES)
@pytest.mark.parametrize("router", [None, "B"], ids=["here", "through the mesh"])
def test_g2_every_type_is_queried_here_and_through_the_mesh(line, traffic, entity, router):
    rows = query(line.ports["A"], entity, router=router)
    owner = router or "A"
    if entity == "router":
        assert [row["id"] for row in rows] == [owner]
    elif entity == "tcpConnector":
        assert len(rows) == (owner == "B")
    elif entity == "tcpListener":
        assert len(rows) == (owner == "A")
    elif entity == "connector":
        assert len(rows) == (owner == "B")
    else:
        assert rows
    assert {row["type"] for row in rows} <= {f"io.skupper.router.{entity}", *QUALIFIED.get(entity, ())}
    identities = [row["identity"] for row in rows]
    assert len(set(identities)) == len(identities)


def test_nodes_name_every_router_and_the_way_to_it(line):
    rows = {row["id"]: row for row in query(line.ports["A"], "router.node")}
    assert set(rows) == {"A", "B"}
    assert rows["B"]["cost"] == 1


def test_address_counts_what_went_through_it(line, traffic):
    (row,) = [row for row in query(line.ports["B"], "router.address") if row["key"] == "Morders"]
    assert row["subscriberCount"] == 1
    assert row["deliveriesEgress"] >= 5
    (row,) = [row for row in query(line.ports["A"], "router.address") if row["key"] == "Morders"]
    assert row["remoteCount"] == 1
    assert row["deliveriesIngress"] >= 5


def test_links_of_a_client_count_its_deliveries(line, traffic):
    rows = [row for row in query(line.ports["A"], "router.link") if row["owningAddr"] == "Morders"]
    assert [(row["linkDir"], row["deliveryCount"], row["acceptedCount"]) for row in rows] == [("in", 5, 5)]


def test_mesh_connection_has_its_ten_priority_links_each_way_and_a_control_pair(line):
    rows = query(line.ports["A"], "router.link")
    kinds = [(row["linkType"], row["linkDir"]) for row in rows]
    assert kinds.count(("router-control", "in")) == kinds.count(("router-control", "out")) == 1
    assert kinds.count(("inter-router", "in")) == kinds.count(("inter-router", "out")) == 10


@pytest.mark.parametrize(
    ("properties", "body", "status"),
    [
        ({"operation": "READ", "type": "io.skupper.router.router", "name": "router/none"}, {}, 404),
        ({"operation": "QUERY", "type": "org.amqp.management", "name": "self"}, {"attributeNames": 3}, 400),
        ({"operation": "FLY", "type": "org.amqp.management", "name": "self"}, {}, 501),
        ({"type": "org.amqp.management"}, {}, 400),
        ({}, {}, 400),
    ],
)
def test_g1_every_request_is_answered_even_a_wrong_one(line, properties, body, status):
    answer = request(line.ports["A"], body, **properties)
    assert answer.properties["statusCode"] == status
    assert answer.properties["statusDescription"]


def test_skstat_shows_the_router(line):
    shown = good(run("skstat", line, "-g"))
    assert "Router Statistics" in shown
    assert "Router Id" in shown and "interior" in shown.lower()


@pytest.mark.parametrize(
    ("option", "parts"),
    [
        ("-c", ["Connections", "inter-router", "normal", "container"]),
        ("-l", ["Router Links", "inter-router", "router-control", "orders"]),
        ("-a", ["Router Addresses", "orders", "$management"]),
        ("-n", ["Routers in the Network", "(self)"]),
    ],
)
@pytest.mark.parametrize("router", [(), ("-r", "B")], ids=["here", "through the mesh"])
def test_skstat_tables_show_what_there_is(line, traffic, option, parts, router):
    shown = good(run("skstat", line, option, *router))
    for part in parts:
        assert part in shown, shown


def test_skstat_shows_another_router_as_that_router_sees_itself(line):
    here, there = good(run("skstat", line, "-g")), good(run("skstat", line, "-g", "-r", "B"))
    directly = good(run("skstat", line, "-g", at="B"))
    pick = lambda shown: [each for each in shown.splitlines() if "Router Id" in each]  # noqa: E731
    assert pick(there) == pick(directly) != pick(here)


@pytest.mark.parametrize("entity", TYPES[:9])
def test_skmanage_query_prints_one_json_text(line, traffic, entity):
    rows = json.loads(good(run("skmanage", line, "query", f"--type=io.skupper.router.{entity}")))
    ours = query(line.ports["A"], entity)
    assert rows or not ours
    if entity not in CHANGING:
        assert {row["identity"] for row in rows} == {row["identity"] for row in ours}


def test_skmanage_reads_through_the_mesh(line):
    read = run("skmanage", line, "-r", "B", "read", "--type=io.skupper.router.tcpConnector", "--name=web")
    assert json.loads(good(read))["address"] == "web"


def test_tools_fail_with_a_text_and_a_status_when_there_is_no_router(line):
    command = [sys.executable, "-P", "-m", "skrouter.cli.skstat", "-b", f"{HOST}:{free_port()}", "-g"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode != 0
    assert "refused" in (result.stdout + result.stderr).lower()
    assert "Traceback" not in result.stdout + result.stderr


def test_skmanage_fails_with_a_text_and_a_status_when_there_is_no_entity(line):
    result = run("skmanage", line, "read", "--type=io.skupper.router.listener", "--name=none")
    assert result.returncode != 0
    assert "NotFoundStatus" in result.stdout + result.stderr


def held(line: RouterLine) -> dict[str, int]:
    rows = query(line.ports["A"], "allocator")
    for row in rows:
        assert row["totalAllocFromHeap"] - row["totalFreeToHeap"] >= row["heldByThreads"] >= 0
        assert row["typeSize"] > 0
    return {row["typeName"]: row["heldByThreads"] for row in rows}


def test_allocator_counts_the_objects_that_there_are(line):
    before = held(line)
    assert {"qd_message_t", "qd_buffer_t", "qdr_delivery_t", "qdr_link_t", "qdr_address_t"} <= before.keys()
    with Client(line.ports["A"]) as client:
        for number in range(20):
            client.receiver(f"allocated-{number}")
        during = held(line)
        assert during["qdr_link_t"] - before["qdr_link_t"] == 20
        assert during["qdr_address_t"] - before["qdr_address_t"] == 20
    wait_until(lambda: held(line)["qdr_link_t"] == before["qdr_link_t"], "the links to be gone")


def test_skstat_shows_the_memory_of_the_data_plane(line):
    shown = good(run("skstat", line, "-m"))
    assert "Memory Pools" in shown and "qdr_link_t" in shown
    assert "Memory Summary" in shown and "MiB" in shown


def test_a_tcp_connector_counts_the_connection_that_stands_for_it_once(line):
    (row,) = query(line.ports["B"], "tcpConnector")
    assert (row["connectionsOpened"], row["connectionsClosed"]) == (1, 0)
