"""autoLinks to a broker: its queues by addresses of the network, and what follows when they come and go."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.broker import Broker
from skrouter_testing.live_management import query, request
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.router_line import RouterLine

BROKER = "broker-1"


class Site:
    """A - B; A has a connector to the broker, whose queue `jobs` is `to/jobs` and `from/jobs` here."""

    def __init__(self, routers: Routers, *, strip: str | None = None) -> None:
        self.broker_port = free_port()
        extra = section(
            "connector",
            name="broker",
            host=HOST,
            port=self.broker_port,
            role="route-container",
            saslMechanisms="ANONYMOUS",
            stripAnnotations=strip,
        )
        extra += section(
            "autoLink",
            name="put",
            direction="out",
            address="to/jobs",
            externalAddress="jobs",
            connection="broker",
        )
        extra += section(
            "autoLink",
            name="get",
            direction="in",
            address="from/jobs",
            externalAddress="jobs",
            containerId=BROKER,
        )
        self.line = RouterLine(routers, "AB", extra={"A": extra}).start()

    def links(self) -> dict[str, dict[str, Any]]:
        """The autoLinks of A by name."""
        return {row["name"]: row for row in query(self.line.ports["A"], "router.config.autoLink")}

    def wait(self, state: str) -> None:
        """Until both are in this state."""
        wait_until(lambda: {row["operStatus"] for row in self.links().values()} == {state}, state)


@pytest.fixture
def site(routers: Routers) -> Iterator[Site]:
    yield Site(routers)


def test_b2_messages_go_to_a_queue_and_come_from_it_anywhere_in_the_network(site: Site) -> None:
    with Broker(site.broker_port, BROKER, "jobs") as broker:
        site.wait("active")
        assert broker.attached() == [("in", "jobs"), ("out", "jobs")]
        with Client(site.line.ports["B"]) as client:
            sender = client.sender("to/jobs")
            sender.wait_credit()
            for number in range(3):
                assert sender.send(Message(body=number)).outcome().state == "accepted"
            assert len(broker.queues["jobs"]) == 3  # nobody here wants them: no credit
            receiver = client.receiver("from/jobs")
            assert [one.body for one in receiver.take(3)] == [0, 1, 2]
        wait_until(lambda: len(broker.outcomes) == 3, "the broker to hear of all three")
        (metrics,) = query(site.line.ports["A"], "routerMetrics")
        assert metrics["deliveriesEgressRouteContainer"] == metrics["deliveriesIngressRouteContainer"] == 3
        rows = {row["key"]: row for row in query(site.line.ports["A"], "router.address")}
        assert rows["Mto/jobs"]["deliveriesEgressRouteContainer"] == 3
        assert rows["Mfrom/jobs"]["deliveriesIngressRouteContainer"] == 3


def test_a_broker_sees_no_annotations_of_routers(site: Site) -> None:
    with Broker(site.broker_port, BROKER, "jobs") as broker:
        site.wait("active")
        with Client(site.line.ports["B"]) as client:
            sender = client.sender("to/jobs")
            sender.wait_credit()
            plain = bytes(Message(body="x", id="1").encode())
            assert sender.send(plain).outcome().state == "accepted"
        assert bytes(broker.queues["jobs"][0].encode()) == plain


def test_a_refused_link_is_tried_again_until_the_queue_is_there(site: Site) -> None:
    with Broker(site.broker_port, BROKER) as broker:
        site.wait("failed")
        assert {row["lastError"] for row in site.links().values()} == {
            "amqp:not-found: there is no queue jobs"
        }
        assert {row["linkRef"] for row in site.links().values()} == {None}
        broker.declare("jobs")
        site.wait("active")
        assert {row["lastError"] for row in site.links().values()} == {None}
        links = {row["identity"]: row for row in query(site.line.ports["A"], "router.link")}
        found = {name: links[row["linkRef"]] for name, row in site.links().items()}
        assert {name: (row["linkDir"], row["owningAddr"]) for name, row in found.items()} == {
            "put": ("out", "Mto/jobs"),
            "get": ("in", "Mfrom/jobs"),
        }


def test_a_queue_that_is_deleted_is_no_destination_until_it_is_there_again(site: Site) -> None:
    with Broker(site.broker_port, BROKER, "jobs") as broker:
        site.wait("active")
        with Client(site.line.ports["B"]) as client:
            sender = client.sender("to/jobs")
            sender.wait_credit()
            broker.delete("jobs")
            site.wait("failed")
            wait_until(lambda: sender.send(Message(body="x")).outcome().state == "released", "a release")
            broker.declare("jobs")
            site.wait("active")
            wait_until(lambda: sender.send(Message(body="x")).outcome().state == "accepted", "an acceptance")


def test_the_end_of_the_broker_makes_its_links_inactive_and_its_return_active(site: Site) -> None:
    with Broker(site.broker_port, BROKER, "jobs"):
        site.wait("active")
    site.wait("inactive")
    with Broker(site.broker_port, "broker-2", "jobs") as other:
        wait_until(lambda: site.links()["put"]["operStatus"] == "active", "the link to the connector's peer")
        assert site.links()["get"]["operStatus"] == "inactive"  # that is for another container
        assert other.attached() == [("out", "jobs")]


def test_auto_links_come_and_go_while_the_router_runs(site: Site) -> None:
    port = site.line.ports["A"]
    kind = "io.skupper.router.router.config.autoLink"
    with Broker(site.broker_port, BROKER, "jobs", "mail") as broker:
        site.wait("active")
        body = {"address": "mail", "direction": "in", "connection": "broker"}
        made = request(port, body, operation="CREATE", type=kind, name="more")
        assert made.properties["statusCode"] == 201, made.properties
        site.wait("active")
        assert broker.attached() == [("in", "jobs"), ("in", "mail"), ("out", "jobs")]
        for name in ("more", "put"):
            gone = request(port, {}, operation="DELETE", type=kind, name=name)
            assert gone.properties["statusCode"] == 204, gone.properties
        wait_until(lambda: broker.attached() == [("in", "jobs")], "the links to be detached")
        assert set(site.links()) == {"get"}
        keys = {row["key"] for row in query(port, "router.address")}
        assert "Mfrom/jobs" in keys
        assert not keys & {"Mmail", "Mto/jobs"}


def test_the_tool_shows_auto_links(site: Site) -> None:
    with Broker(site.broker_port, BROKER, "jobs"):
        site.wait("active")
        refs = {name: row["linkRef"] for name, row in site.links().items()}
        command = [sys.executable, "-P", "-m", "skrouter.cli.skstat", "--autolinks"]
        bus = f"{HOST}:{site.line.ports['A']}"
        shown = subprocess.run([*command, "-b", bus], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in shown.split("\n")]
    assert ["addr", "dir", "extAddr", "link", "status", "lastErr"] in rows
    assert ["from/jobs", "in", "jobs", refs["get"], "active"] in rows
    assert ["to/jobs", "out", "jobs", refs["put"], "active"] in rows
