"""Two networks joined by autoLinks: what passes between them is, octet for octet, what real routers send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from skrouter.amqp import message as messages
from skrouter.amqp.codec import COMPACT
from skrouter.amqp.types import ULong
from skrouter_testing.amqp_client import Client
from skrouter_testing.captures import CapturedFrame
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.relay import Frame, Relay
from skrouter_testing.wire import captured, expected, masked, shown

SERVICE = "service-A-to-B"
FILE = "09-inter-network.txt"
OPENS = (7, 9)
BEFORE = 7
"""Frames with a body before the sessions: three of SASL, two headers, two opens."""
STEPS = {
    "B->A": (13, 14, 15, 16, 17, 18, 23, 41, 45, 46),
    "A->B": (10, 11, 12, 19, 20, 21, 22, 39, 42, 43, 44),
}
"""By direction in their order: begins, attaches and their answers, credit, request, reply, outcomes."""


def configuration(router: str, **port: object) -> str:
    network, other = f"net-{router}", "B" if router == "A" else "A"
    kind = "listener" if router == "A" else "connector"
    link = {"connection": "federation", "direction": "in"}
    return "".join((
        section("router", mode="interior", id=router),
        section("network", networkId=network),
        section(kind, name="federation", host=HOST, role="inter-network", saslMechanisms="ANONYMOUS", **port),
        section("autoLink", name="replies", externalAddress=f"_xtopo/{network}", **link),
        section("autoLink", name="service", address=f"service-{router}-to-{other}", **link),
    ))  # fmt: skip


def content(properties: messages.Properties, body: str) -> bytes:
    """As the clients of the capture write it."""
    return messages.encode_message(messages.Message(properties=properties, body=body), COMPACT)


def ask(port: int, served_at: int) -> None:
    """The request of the capture from B and its reply from A, the reply accepted."""
    with Client(served_at) as there, Client(port) as here:
        replies = here.receiver(None, dynamic=True, answer=None)
        sender = here.sender(SERVICE)
        requests = there.receiver(SERVICE, answer=None)
        request = messages.Properties(message_id=ULong(1), reply_to=replies.address)
        sent = sender.send(content(request, "request AB"))
        (arrival,) = requests.take()
        arrival.settle("accepted")
        assert sent.outcome().state == "accepted"
        reply = messages.Properties(to=str(arrival.message.reply_to), correlation_id=ULong(1))
        answer = there.sender(None).send(content(reply, "reply to request AB"))
        replies.take()[0].settle("accepted")
        assert answer.outcome().state == "accepted"


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Frame]]]:
    """What passed between A and B, by direction."""
    relay_port, network_port, a_port, b_port = (free_port() for _ in range(4))
    with Routers(tmp_path_factory.mktemp("wire")) as routers, Relay(relay_port, network_port) as relay:
        clients = {name: section("listener", name="clients", host=HOST, port=port)
                   for name, port in (("A", a_port), ("B", b_port))}  # fmt: skip
        routers.start("A", configuration("A", port=network_port) + clients["A"])
        routers.start("B", configuration("B", port=relay_port) + clients["B"])
        routers["B"].wait_line("Connection Opened: dir=out", "container_id=A")
        wait_until(
            lambda: sum(shown(one)[0].startswith("attach") for one in relay.frames()) == 8, "8 attaches"
        )
        ask(b_port, a_port)
        wanted = sum(len(numbers) for numbers in STEPS.values()) + BEFORE
        wait_until(lambda: sum(bool(one.body) for one in relay.frames()) >= wanted, f"{wanted} frames")
        seen = list(relay.frames())
    yield {name: [one for one in seen if one.dialled is (name == "B->A")] for name in STEPS}


@pytest.mark.parametrize("frame", captured(FILE, OPENS), ids=lambda frame: frame.source)
def test_the_open_of_either_side_is_that_of_a_real_router(
    frame: CapturedFrame, frames: dict[str, list[Frame]]
) -> None:
    opens = [shown(one) for one in frames[frame.direction] if shown(one)[0].startswith("open")]
    assert opens == [expected(frame)]


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("direction", STEPS)
def test_each_session_is_that_of_real_routers_octet_for_octet(
    direction: str, channel: int, frames: dict[str, list[Frame]]
) -> None:
    ours = [one for one in frames[direction] if one.body and one.octets[5] == 0 and one.channel == channel]
    begin = next(place for place, one in enumerate(ours) if shown(one)[0].startswith("begin"))
    found = [masked(one.octets) for one in ours[begin:]]
    real = [frame for frame in captured(FILE, STEPS[direction]) if frame.channel == channel]
    print(*(shown(one) for one in ours[begin:]), sep="\n")
    print("missing:", *(one.source for one in real if masked(one.octets) not in found))
    assert found == [masked(one.octets) for one in real]
