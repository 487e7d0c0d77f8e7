"""What happens to a delivery whose sender or receiver goes, at each stage of its way."""

from __future__ import annotations

import pytest
from skrouter_testing.engines import Bench, Node
from skrouter_testing.link_pairs import ENDS, OFTEN, arrived, joined, lose, settled, settled_once
from skrouter_testing.peers import message

# --- the end of the receiver, stage by stage


@pytest.mark.parametrize("how", ENDS)
def test_a_queued_delivery_whose_receiver_goes_is_released(the_bench: Bench, node: Node, how: str) -> None:
    sender, receiver = joined(the_bench, node, "x", credit=0)
    sent = sender.send(message(b"queued"))
    the_bench.rest()
    assert receiver.received == []
    lose(receiver, how)
    settled(the_bench, sent)
    settled_once(sent, "released")


@pytest.mark.parametrize("how", ENDS)
def test_a_sent_delivery_whose_receiver_goes_is_modified_and_has_failed(
    the_bench: Bench, node: Node, how: str
) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message(b"sent"))
    arrived(the_bench, receiver)
    lose(receiver, how)
    settled(the_bench, sent)
    settled_once(sent, "modified")
    assert sent.fields[0] is True


def test_d7_a_receiver_that_leaves_in_the_middle_hears_no_end_of_a_whole_message(
    the_bench: Bench, node: Node
) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sender.send(message(bytes(400_000))[:300_000], more=True)
    the_bench.run_until(lambda: receiver.received and receiver.received[0].content, "it does not begin")
    receiver.close()
    the_bench.run_until(lambda: receiver.detach is not None, "no detach")
    (item,) = receiver.received
    assert (item.complete, item.aborted) == (False, True)


@pytest.mark.parametrize("how", ENDS)
def test_a_partly_sent_delivery_whose_receiver_goes_is_modified_once_it_is_complete(
    the_bench: Bench, node: Node, how: str
) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message(bytes(400_000)), more=True)
    the_bench.run_until(
        lambda: receiver.received and len(receiver.received[0].content) > 100_000, "no stream"
    )
    lose(receiver, how)
    the_bench.rest()
    assert not sent.is_settled
    sender.go_on(bytes(400_000))
    settled(the_bench, sent)
    settled_once(sent, "modified")


def test_a_receiver_that_settles_in_the_middle_ends_the_transfer_and_the_rest_is_dropped(
    the_bench: Bench, node: Node
) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message(bytes(400_000)), more=True)
    the_bench.run_until(
        lambda: receiver.received and len(receiver.received[0].content) > 100_000, "no stream"
    )
    receiver.settle(receiver.received[0], "rejected")
    the_bench.run_until(lambda: sent.states, "the sender hears nothing")
    assert sent.states == [("rejected", False)]
    sender.go_on(bytes(5_000_000))
    settled(the_bench, sent)
    settled_once(sent, "rejected")
    follower = sender.send(message(b"next"))
    the_bench.run_until(lambda: receiver.received[-1].content == message(b"next"), "the link is stuck")
    receiver.settle(receiver.received[-1])
    settled(the_bench, follower)
    settled_once(follower, "accepted")


# --- the end of the sender


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("stage", ["queued", "sent", "accepted"])
def test_a_complete_delivery_outlives_its_sender(the_bench: Bench, node: Node, how: str, stage: str) -> None:
    sender, receiver = joined(the_bench, node, "x", credit=0 if stage == "queued" else 5)
    sender.send(message(b"last words"))
    the_bench.rest()
    if stage == "accepted":
        receiver.peer.dispose(receiver.received[0].number, "accepted", settled=False)
        the_bench.rest()
    lose(sender, how)
    the_bench.rest()
    if stage == "queued":
        receiver.give(1)
    arrived(the_bench, receiver)
    receiver.settle(receiver.received[0])
    the_bench.rest()
    assert receiver.received[0].content == message(b"last words")


@pytest.mark.parametrize("how", ["abort", *ENDS])
@pytest.mark.parametrize("begun", [False, True])
def test_a_streamed_delivery_whose_sender_gives_up_is_aborted_or_never_seen(
    the_bench: Bench, node: Node, how: str, begun: bool
) -> None:
    sender, receiver = joined(the_bench, node, "x", credit=1 if begun else 0)
    sender.send(message(bytes(400_000)), more=True)
    if begun:
        the_bench.run_until(lambda: receiver.received, "no stream")
    the_bench.rest()
    if how == "abort":
        sender.abort()
    else:
        lose(sender, how)
    the_bench.rest()
    if begun:
        assert (receiver.received[0].aborted, receiver.received[0].complete) == (True, False)
    receiver.give(1)
    the_bench.rest()
    assert len(receiver.received) == begun


@pytest.mark.parametrize("how", ["abort", *ENDS])
def test_a_short_delivery_that_is_never_finished_is_never_seen(
    the_bench: Bench, node: Node, how: str
) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sender.send(message(bytes(1000)), more=True)
    the_bench.rest()
    if how == "abort":
        sender.abort()
    else:
        lose(sender, how)
    the_bench.rest()
    assert receiver.received == []
    if how == "abort":
        sent = sender.send(message(b"next"))
        arrived(the_bench, receiver)
        receiver.settle(receiver.received[0])
        settled(the_bench, sent)
        assert sender.credit == 10


def test_a_multicast_that_is_aborted_is_aborted_everywhere(the_bench: Bench, node: Node) -> None:
    receivers = [the_bench.peer(node.ports[0]).receiver("mc/x", credit) for credit in (5, 5, 0)]
    sender = the_bench.peer(node.ports[0]).sender("mc/x")
    the_bench.run_until(lambda: sender.credit, "no credit")
    sender.send(message(bytes(300_000)), more=True)
    for receiver in receivers[:2]:
        the_bench.run_until(lambda receiver=receiver: receiver.received, "no stream")
    sender.abort()
    the_bench.rest()
    assert [item.aborted for receiver in receivers for item in receiver.received] == [True, True]


@pytest.mark.parametrize("how", ENDS)
def test_deliveries_between_links_of_one_connection_end_with_it(
    the_bench: Bench, node: Node, how: str
) -> None:
    peer = the_bench.peer(node.ports[0])
    receiver, sender = peer.receiver("x", 3), peer.sender("x")
    the_bench.run_until(lambda: sender.credit, "no credit")
    for _ in range(5):
        sender.send(message(bytes(1000)))
    sender.send(message(bytes(300_000)), more=True)
    the_bench.rest()
    lose(receiver, how)
    the_bench.rest()


# --- dropped


def test_d8_presettled_deliveries_behind_a_stalled_receiver_are_dropped_and_counted(
    the_bench: Bench, node: Node
) -> None:
    before = node.metrics()
    _, receiver = joined(the_bench, node, "x", credit=0)
    senders = [the_bench.peer(node.ports[0]).sender("x") for _ in range(4)]
    for index in range(OFTEN):
        sender = senders[index % len(senders)]
        the_bench.run_until(lambda sender=sender: sender.credit, "credit is not replaced")
        sender.send(message(bytes((index,))), settled=True)
        the_bench.rest()
    receiver.give(OFTEN)
    the_bench.rest()
    metrics = node.metrics()
    dropped = metrics["dropped_presettled_deliveries"] - before["dropped_presettled_deliveries"]
    assert dropped > 0
    assert len(receiver.received) + dropped == OFTEN
    numbers = [item.content[-1] for item in receiver.received]
    assert (numbers[0], numbers[-1]) == (0, OFTEN - 1)
    assert numbers == sorted(numbers)
    assert metrics["presettled_deliveries"] - before["presettled_deliveries"] == OFTEN


@pytest.mark.parametrize("how", ENDS)
def test_presettled_deliveries_whose_receiver_goes_are_counted_as_dropped(
    the_bench: Bench, node: Node, how: str
) -> None:
    before = node.metrics()["dropped_presettled_deliveries"]
    sender, receiver = joined(the_bench, node, "x", credit=0)
    for _ in range(5):
        sender.send(message(), settled=True)
    the_bench.rest()
    lose(receiver, how)
    the_bench.run_until(
        lambda: node.metrics()["dropped_presettled_deliveries"] - before == 5, "not all were counted"
    )
