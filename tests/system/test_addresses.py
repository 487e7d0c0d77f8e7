"""Addresses: anonymous senders, dynamic receivers, replies, unknown and unavailable ones, credit."""

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client, ClientError, Outcome
from skrouter_testing.process import wait_until


def test_anonymous_sender_reaches_the_address_of_each_message(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receivers = {f"{address}-{n}": there.receiver(f"{address}-{n}") for n in range(3)}
        for name in receivers:
            wait_until(lambda name=name: any(way.line.consumers(way.first, name)), f"{name} to be known")
        sender = here.sender(None)
        sender.wait_credit()

        sent = [sender.send(Message(address=f"{address}-{n % 3}", body=n)) for n in range(9)]

        assert {each.outcome().state for each in sent} == {"accepted"}
        for number, receiver in enumerate(receivers.values()):
            assert [arrival.body for arrival in receiver.take(3)] == [number, number + 3, number + 6]


def test_anonymous_message_without_address_is_rejected(alone):
    with Client(alone.ports["S"]) as client:
        sender = client.sender(None)
        sender.wait_credit()

        outcome = sender.send(Message(body="to nobody")).outcome()

        assert outcome.state == "rejected"
        assert outcome.condition == "amqp:precondition-failed"
        assert "Routing failure: no address present" in outcome.description


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
def test_anonymous_message_to_an_unknown_address_is_released_and_leaves_credit(way, address, settled):
    with Client(way.ports[0]) as client:
        sender = client.sender(None)
        sender.wait_credit()

        sent = [sender.send(Message(address=address, body=n), settled=settled) for n in range(300)]

        if not settled:
            assert all(each.outcome() == Outcome("released") for each in sent)
        sender.wait_credit()
        assert client.trouble is None


def test_request_and_reply_through_a_dynamic_address(way, address):
    with Client(way.ports[0]) as asking, Client(way.ports[1]) as answering:
        requests = answering.receiver(address)
        replies = asking.receiver(None, dynamic=True)
        assert f"/{way.first}/temp." in replies.address
        sender = asking.sender(address)
        sender.wait_credit()
        back = answering.sender(None)
        back.wait_credit()

        for number in range(20):
            sender.send(Message(body=number, reply_to=replies.address, correlation_id=number))
        for request in requests.take(20):
            message = request.message
            answer = Message(
                address=message.reply_to, correlation_id=message.correlation_id, body=message.body**2
            )
            assert back.send(answer).outcome().state == "accepted"

        answers = [arrival.message for arrival in replies.take(20)]
        assert [(each.correlation_id, each.body) for each in answers] == [(n, n * n) for n in range(20)]


def test_targeted_sender_reaches_a_dynamic_address_on_another_router(row):
    with Client(row.ports["A"]) as asking, Client(row.ports["C"]) as answering:
        replies = asking.receiver(None, dynamic=True)
        sender = answering.sender(replies.address)
        sender.wait_credit()

        assert sender.send(Message(body="found")).outcome().state == "accepted"
        assert replies.take()[0].body == "found"


def test_dynamic_addresses_are_never_the_same(alone):
    with Client(alone.ports["S"]) as client:
        addresses = {client.receiver(None, dynamic=True).address for _ in range(20)}
    assert len(addresses) == 20


def test_sender_gets_no_credit_until_a_consumer_appears(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        sender = here.sender(address)
        with pytest.raises(ClientError):
            sender.wait_credit(timeout=0.5)

        receiver = there.receiver(address)

        sender.wait_credit()
        assert sender.credit == 250
        assert sender.send(Message(body="now")).outcome().state == "accepted"
        assert receiver.take()[0].body == "now"


def test_messages_sent_after_the_last_consumer_left_are_released(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address)
        sender = here.sender(address)
        sender.wait_credit()
        receiver.close()
        wait_until(lambda: way.line.consumers(way.first, address) == (0, 0), "the consumer to be forgotten")

        assert sender.send(Message(body="late")).outcome() == Outcome("released")


def test_consumer_that_comes_back_gets_the_messages_again(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        sender = here.sender(address)
        for life in range(2):
            receiver = there.receiver(address)
            wait_until(lambda: any(way.line.consumers(way.first, address)), "the consumer to be known")
            sender.wait_credit()
            assert sender.send(Message(body=life)).outcome().state == "accepted"
            assert [arrival.body for arrival in receiver.take()] == [life]
            receiver.close()
            wait_until(lambda: way.line.consumers(way.first, address) == (0, 0), "it to be forgotten")


@pytest.mark.parametrize("direction", ["sender", "receiver"])
def test_d1_attach_to_an_unavailable_address_is_refused(alone, address_below, direction):
    with Client(alone.ports["S"]) as client:
        link = getattr(client, direction)(address_below("unavailable"), ready=False)

        client.wait(lambda: link.trouble, "the detach")

        assert (link.trouble.condition, link.trouble.description) == ("amqp:not-found", "Node not found")
        assert not link.attached
        assert client.trouble is None


def test_anonymous_message_to_an_unavailable_address_is_rejected(alone, address_below):
    with Client(alone.ports["S"]) as client:
        sender = client.sender(None)
        sender.wait_credit()

        outcome = sender.send(Message(address=address_below("unavailable"), body="no")).outcome()

        assert (outcome.state, outcome.condition) == ("rejected", "amqp:not-found")


def test_message_passes_unchanged_with_all_its_sections(way, address):
    message = Message(
        durable=True,
        priority=7,
        ttl=60.0,
        id="id-1",
        subject="sub",
        user_id=b"me",
        reply_to="back",
        correlation_id=5,
        content_type="text/plain",
        group_id="group",
        annotations={"x-opt-mine": 1},
        instructions={"x-opt-other": [1, 2]},
        properties={"a": "b", "n": 3},
        body={"deep": ["list", b"bytes", 1.5, None, True]},
    )
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address)
        sender = here.sender(address)
        sender.wait_credit()

        assert sender.send(message).outcome().state == "accepted"

        assert receiver.take()[0].octets == message.encode()
