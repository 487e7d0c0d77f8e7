"""Receivers, senders and routers that go away: no sender is left without an answer, nothing else suffers."""

import random

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client, Outcome
from skrouter_testing.process import wait_until
from skrouter_testing.router_line import RouterLine
from skrouter_testing.traffic import carry, head

LOST = Outcome("modified", failed=True)
RELEASED = Outcome("released")
PART = head(0, 5_000_000, 0) + bytes(300_000)


def test_unsettled_messages_of_a_receiver_that_detaches_are_modified(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address, answer=None)
        sender = here.sender(address)
        sender.wait_credit()
        sent = [sender.send(Message(body=n)) for n in range(10)]
        receiver.take(10)

        receiver.close()

        assert [each.outcome() for each in sent] == [LOST] * 10


def test_d4_messages_of_a_killed_receiver_are_modified_or_released(way, address):
    """What it had is modified; what waited for its credit is released."""
    with Client(way.ports[0]) as here:
        there = Client(way.ports[1]).__enter__()
        receiver = there.receiver(address, credit=5, answer=None)
        sender = here.sender(address)
        sender.wait_credit()
        sent = [sender.send(Message(body=n)) for n in range(20)]
        receiver.take(5)

        there.kill()

        outcomes = [each.outcome() for each in sent]
        assert outcomes[:5] == [LOST] * 5
        assert outcomes[5:] == [RELEASED] * 15


def test_sender_of_a_half_delivered_message_learns_that_its_receiver_was_killed(way, address):
    with Client(way.ports[0]) as here:
        there = Client(way.ports[1]).__enter__()
        receiver = there.receiver(address, answer=None)
        sender = here.sender(address)
        sender.wait_credit()
        sent = sender.begin(PART)
        there.wait(lambda: receiver.partial >= 200_000, "the first part")

        there.kill()

        assert sent.heard() in (LOST, RELEASED)
        sent.finish()
        assert sent.outcome() == sent.heard()
        assert here.trouble is None
        with Client(way.ports[1]) as again:
            other = again.receiver(address)
            wait_until(lambda: any(way.line.consumers(way.first, address)), "the new consumer")
            sender.wait_credit()
            assert sender.send(Message(body="next")).outcome().state == "accepted"
            assert other.take()[0].body == "next"


def test_d7_aborted_message_is_taken_back_at_the_receiver(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address)
        sender = here.sender(address)
        sender.wait_credit()
        sent = sender.begin(PART)
        there.wait(lambda: receiver.partial >= 200_000, "the first part")

        sent.abort()

        there.wait(lambda: receiver.aborted, "the abort")
        assert receiver.arrivals == []
        assert sender.send(Message(body="next")).outcome().state == "accepted"
        assert receiver.take()[0].body == "next"


def test_receiver_sees_an_abort_when_the_sender_is_killed_in_the_middle(way, address):
    with Client(way.ports[1]) as there:
        receiver = there.receiver(address)
        here = Client(way.ports[0]).__enter__()
        sender = here.sender(address)
        sender.wait_credit()
        sender.begin(PART)
        there.wait(lambda: receiver.partial >= 200_000, "the first part")

        here.kill()

        there.wait(lambda: receiver.aborted, "the abort")
        assert receiver.arrivals == []
        assert there.trouble is None


def test_receiver_gets_a_long_message_while_it_is_still_being_sent(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address)
        sender = here.sender(address)
        sender.wait_credit()
        content = random.Random(3).randbytes(2_000_000)
        octets = Message(body=content).encode()

        sent = sender.begin(octets[:1_000_000])
        there.wait(lambda: receiver.partial >= 900_000, "the first half")
        sent.stream(octets[1_000_000:])
        sent.finish()

        assert sent.outcome().state == "accepted"
        assert receiver.take()[0].octets == octets


@pytest.mark.parametrize("names", ["AB", "ABC"])
def test_killing_a_router_mid_traffic_leaves_no_sender_without_outcome_and_the_mesh_heals(routers, names):
    line = RouterLine(routers, names).start()
    last = names[-1]
    with Client(line.ports["A"]) as here:
        there = Client(line.ports[last]).__enter__()
        long = there.receiver("long", answer=None)
        short = there.receiver("short", answer=None, credit=40)
        senders = {name: here.sender(name) for name in ("long", "short")}
        for sender in senders.values():
            sender.wait_credit()
        half = senders["long"].begin(PART)
        there.wait(lambda: long.partial >= 200_000, "the first part")
        sent = [senders["short"].send(Message(body=n)) for n in range(100)]
        short.take(40)

        line["B"].kill()

        outcomes = [half.heard(), *(each.outcome() for each in sent)]
        assert all(outcome in (LOST, RELEASED) for outcome in outcomes)
        assert outcomes[1:41] == [LOST] * 40
        assert here.trouble is None
        assert line["A"].running
        there.kill()
        line.start("B")
        carry((line.ports["A"], line.ports[last]), "again", [10, 100_000, 1_000_000] * 5)
        assert [line[name].stop() for name in names] == [0] * len(names)


def test_router_that_was_away_is_found_again_by_its_neighbors(routers):
    line = RouterLine(routers, "ABC").start()
    for _ in range(2):
        line["B"].kill()
        line.wait_known("A", "A")
        line.start("B")
    carry((line.ports["A"], line.ports["C"]), "q", [10] * 10)
    assert not line["A"].found("critical")
