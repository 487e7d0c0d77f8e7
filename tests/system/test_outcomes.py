"""What a receiver says of a message is what its sender hears."""

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client, Outcome

SAID = {
    "accepted": Outcome("accepted"),
    "rejected": Outcome("rejected", "test:no", "not like this"),
    "released": Outcome("released"),
    "modified": Outcome("modified", failed=True, undeliverable=True, annotations={"x-why": "busy", "x-n": 7}),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_d4_outcome_reaches_the_sender_with_all_it_says(way, address, said):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address, answer=None)
        sender = here.sender(address)
        sender.wait_credit()
        sent = sender.send(Message(body="one"))

        receiver.take()[0].settle(said)

        assert sent.outcome() == said


def test_modified_always_tells_that_delivery_failed(way, address):
    """Specification: routing-protocol §5.8, any modified that is passed on sets delivery-failed."""
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address, answer=None)
        sender = here.sender(address)
        sender.wait_credit()
        sent = sender.send(Message(body="one"))

        receiver.take()[0].settle(Outcome("modified", failed=False))

        assert sent.outcome() == Outcome("modified", failed=True)


def test_outcomes_given_out_of_order_reach_their_own_messages(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address, answer=None)
        sender = here.sender(address)
        sender.wait_credit()
        sent = [sender.send(Message(body=number)) for number in range(20)]
        arrivals = receiver.take(20)
        wanted = [list(SAID.values())[number % 4] for number in range(20)]

        for number in (*range(1, 20, 2), *range(0, 20, 2)):
            arrivals[number].settle(wanted[number])

        assert [each.outcome() for each in sent] == wanted
        assert [arrival.body for arrival in arrivals] == list(range(20))


def test_pre_settled_message_arrives_settled(way, address):
    with Client(way.ports[0]) as here, Client(way.ports[1]) as there:
        receiver = there.receiver(address)
        sender = here.sender(address)
        sender.wait_credit()

        sender.send(Message(body="gone"), settled=True)

        arrival = receiver.take()[0]
        assert arrival.settled
        assert arrival.body == "gone"
