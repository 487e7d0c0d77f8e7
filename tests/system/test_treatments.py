"""Who gets a message: everyone, the nearest, or the least busy (routing-protocol §5.4 to §5.6)."""

from contextlib import ExitStack

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client, Outcome, Receiver
from skrouter_testing.process import wait_until


def clients(stack, line, names):
    """An open client at each router."""
    return {name: stack.enter_context(Client(line.ports[name])) for name in names}


def counts(receivers: dict[str, Receiver]) -> dict[str, int]:
    return {name: len(receiver.arrivals) for name, receiver in receivers.items()}


@pytest.mark.parametrize("settled", [False, True], ids=["unsettled", "pre-settled"])
def test_d1_multicast_reaches_every_receiver_on_all_routers_exactly_once(row, address_below, settled):
    address = address_below("multicast")
    with ExitStack() as stack:
        at = clients(stack, row, "ABC")
        receivers = {f"{name}{number}": at[name].receiver(address) for name in "ABC" for number in (1, 2)}
        row.wait_address("A", address, local=2, remote=2)
        row.wait_address("B", address, local=2, remote=2)
        sender = at["A"].sender(address)
        sender.wait_credit()

        sent = [sender.send(Message(body=number), settled=settled) for number in range(50)]

        for receiver in receivers.values():
            assert [arrival.body for arrival in receiver.take(50)] == list(range(50))
        if not settled:
            assert {each.outcome().state for each in sent} == {"accepted"}
        fence = [sender.send(Message(body="fence"))]
        assert [each.outcome().state for each in fence] == ["accepted"]
        assert counts(receivers) == dict.fromkeys(receivers, 51)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (("accepted", "released"), "accepted"),
        (("rejected", "accepted"), "rejected"),
        (("modified", "released"), "modified"),
        (("modified", "accepted"), "accepted"),
        (("released", "released"), "released"),
    ],
)
def test_d5_multicast_sender_hears_the_weightiest_outcome_of_all_copies(row, address_below, said, heard):
    address = address_below("multicast")
    with Client(row.ports["A"]) as here, Client(row.ports["C"]) as there:
        receivers = [here.receiver(address, answer=None), there.receiver(address, answer=None)]
        row.wait_address("A", address, local=1, remote=1)
        sender = here.sender(address)
        sender.wait_credit()
        sent = sender.send(Message(body="all"))

        for receiver, outcome in zip(receivers, said, strict=True):
            receiver.take()[0].settle(Outcome(outcome, failed=outcome == "modified"))

        assert sent.outcome().state == heard


def test_d1_closest_stays_local_and_then_goes_to_the_nearest(row, address_below):
    address = address_below("closest")
    with ExitStack() as stack:
        at = clients(stack, row, "ABC")
        receivers = {name: at[name].receiver(address) for name in "ABC"}
        row.wait_address("A", address, local=1, remote=2)
        sender = at["A"].sender(address)
        sender.wait_credit()

        assert {sender.send(Message(body=n)).outcome().state for n in range(10)} == {"accepted"}
        assert counts(receivers) == {"A": 10, "B": 0, "C": 0}

        receivers["A"].close()
        row.wait_address("A", address, remote=2)
        assert {sender.send(Message(body=n)).outcome().state for n in range(10)} == {"accepted"}
        assert counts(receivers) == {"A": 10, "B": 10, "C": 0}

        receivers["B"].close()
        row.wait_address("A", address, remote=1)
        assert {sender.send(Message(body=n)).outcome().state for n in range(10)} == {"accepted"}
        assert counts(receivers) == {"A": 10, "B": 10, "C": 10}


def test_closest_serves_local_receivers_in_turn(alone, address_below):
    address = address_below("closest")
    with Client(alone.ports["S"]) as client:
        receivers = {str(n): client.receiver(address) for n in range(3)}
        sender = client.sender(address)
        sender.wait_credit()

        for number in range(30):
            assert sender.send(Message(body=number)).outcome().state == "accepted"

        assert counts(receivers) == {"0": 10, "1": 10, "2": 10}


def test_balanced_gives_unsettled_messages_to_the_receiver_with_the_fewest(alone, address):
    with Client(alone.ports["S"]) as client:
        receivers = {str(n): client.receiver(address, answer=None) for n in range(3)}
        sender = client.sender(address)
        sender.wait_credit()

        for number in range(30):
            sender.send(Message(body=number))

        wait_until(lambda: sum(counts(receivers).values()) == 30, "all to arrive")
        assert counts(receivers) == {"0": 10, "1": 10, "2": 10}


def test_balanced_passes_by_a_receiver_that_does_not_settle(alone, address):
    with Client(alone.ports["S"]) as client:
        slow, fast = client.receiver(address, answer=None), client.receiver(address)
        sender = client.sender(address)
        sender.wait_credit()

        for number in range(50):
            sent = sender.send(Message(body=number))
            if len(slow.arrivals) + len(fast.arrivals) <= number and not sent.result:
                wanted = number + 1
                client.wait(lambda wanted=wanted: len(slow.arrivals + fast.arrivals) >= wanted, "arrival")

        assert counts({"slow": slow}) == {"slow": 1}
        assert counts({"fast": fast}) == {"fast": 49}


def test_d1_balanced_spills_over_to_remote_routers_by_cost(row, address):
    """Value of a choice: what it has not settled, plus the cost of the way: A 0, B 1, C 2."""
    with ExitStack() as stack:
        at = clients(stack, row, "ABC")
        receivers = {name: at[name].receiver(address, answer=None) for name in "ABC"}
        row.wait_address("A", address, local=1, remote=2)
        sender = at["A"].sender(address)
        sender.wait_credit()

        for number in range(60):
            sender.send(Message(body=number))

        wait_until(lambda: sum(counts(receivers).values()) == 60, "all to arrive")
        spread = counts(receivers)
        assert spread["A"] > 15
        assert spread["B"] >= spread["C"]
        assert spread["A"] + 1 >= spread["B"] > 0
