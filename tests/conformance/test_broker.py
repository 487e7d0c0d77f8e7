"""autoLinks to a broker that others have made: its queues under addresses of the network (D18)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, Routers, section, wait_until
from skrouter_testing.rabbitmq import PASSWORD, USER, RabbitMQ
from skrouter_testing.router_line import RouterLine

pytestmark = pytest.mark.timeout(600)  # a virtual machine starts, several times
BODY = "x" * 300_000
"""More than a router holds of one message."""
QUEUES = ("plain", "returned", "waiting", "restarted", "killed")


class Site:
    """A - B; A has a connector to the broker, whose queues are `to/NAME` and `from/NAME` in the network."""

    def __init__(self, routers: Routers, broker: RabbitMQ) -> None:
        self.broker = broker
        text = section(
            "connector",
            name="broker",
            host=HOST,
            port=broker.port,
            role="route-container",
            saslMechanisms="PLAIN",
            saslUsername=USER,
            saslPassword=PASSWORD,
        )
        for queue in QUEUES:
            for direction, prefix in (("out", "to"), ("in", "from")):
                text += section(
                    "autoLink",
                    name=f"{prefix}-{queue}",
                    direction=direction,
                    address=f"{prefix}/{queue}",
                    externalAddress=f"/amq/queue/{queue}",
                    connection="broker",
                )
        self.line = RouterLine(routers, "AB", extra={"A": text}).start()
        self.wait("active")

    def links(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in query(self.line.ports["A"], "router.config.autoLink")}

    def wait(self, state: str) -> None:
        wait_until(
            lambda: {row["operStatus"] for row in self.links().values()} == {state}, f"all {state}", 60.0
        )

    def wait_forgotten(self, address: str) -> None:
        """Until B has heard that nobody takes what is sent there."""
        wait_until(
            lambda: (
                not any(
                    row["remoteCount"]
                    for row in query(self.line.ports["B"], "router.address")
                    if row["key"] == f"M{address}"
                )
            ),
            f"{address} to be forgotten",
        )

    def put(self, queue: str, *bodies: object, durable: bool = False) -> None:
        """Send to the queue from B; the broker accepts each."""
        with Client(self.line.ports["B"]) as client:
            sender = client.sender(f"to/{queue}")
            sender.wait_credit()
            for body in bodies:
                sent = sender.send(Message(body=body, durable=durable, properties={"n": 1}))
                assert sent.outcome().state == "accepted"

    def take(self, queue: str, count: int) -> list[Any]:
        """Receive from the queue at B."""
        with Client(self.line.ports["B"]) as client:
            return [one.body for one in client.receiver(f"from/{queue}").take(count)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    with RabbitMQ(directory / "broker", *QUEUES) as broker, Routers(directory) as routers:
        yield Site(routers, broker)


@pytest.mark.parametrize("body", ["hello", 7, BODY], ids=["text", "number", "large"])
def test_d18_messages_go_through_a_queue_of_the_broker_unchanged(site: Site, body: object) -> None:
    site.put("plain", body)
    with Client(site.line.ports["B"]) as client:
        (arrival,) = client.receiver("from/plain").take()
        assert arrival.body == body
        assert arrival.message.properties == {"n": 1}


def test_d18_messages_stay_in_the_queue_until_somebody_in_the_network_wants_them(site: Site) -> None:
    site.put("waiting", *range(20))
    rows = {row["key"]: row for row in query(site.line.ports["A"], "router.address")}
    assert rows["Mto/waiting"]["deliveriesEgressRouteContainer"] == 20
    assert rows["Mfrom/waiting"]["deliveriesIngressRouteContainer"] == 0
    assert site.take("waiting", 20) == list(range(20))
    rows = {row["key"]: row for row in query(site.line.ports["A"], "router.address")}
    assert rows["Mfrom/waiting"]["deliveriesIngressRouteContainer"] == 20


def test_d18_what_a_receiver_releases_or_loses_the_broker_delivers_again(site: Site) -> None:
    site.put("returned", "first", "second")
    with Client(site.line.ports["B"]) as client:
        receiver = client.receiver("from/returned", answer=None, credit=2)
        one, other = receiver.take(2)
        one.settle("released")
        receiver.flow(1)
        (back,) = receiver.take()
        assert back.body == "first"
        assert back.message.delivery_count or not back.message.first_acquirer
        other.settle("accepted")
        client.kill()  # the one that came again is lost with its receiver
    assert site.take("returned", 1) == ["first"]


@pytest.mark.parametrize(
    ("queue", "how"), [("restarted", signal.SIGTERM), ("killed", signal.SIGKILL)], ids=["stopped", "killed"]
)
def test_d18_a_broker_that_comes_again_has_its_links_and_its_durable_messages_again(
    site: Site, queue: str, how: signal.Signals
) -> None:
    site.put(queue, "kept", durable=True)
    site.broker.end(how)
    site.wait("inactive")
    site.wait_forgotten(f"to/{queue}")
    with Client(site.line.ports["B"]) as client:
        anonymous, sender = client.sender(None), client.sender(f"to/{queue}")
        nowhere = anonymous.send(Message(address=f"to/{queue}", body="nobody is there"))
        assert nowhere.outcome().state == "released"
        assert sender.credit == 0
        site.broker.start()
        site.wait("active")
        sender.wait_credit()
        assert sender.send(Message(body="after", durable=True)).outcome().state == "accepted"
    assert site.take(queue, 2) == ["kept", "after"]
