"""Credit, drain, and messages larger than anybody wants to hold."""

from __future__ import annotations

import pytest
from skrouter_testing.engines import Bench, Node
from skrouter_testing.peers import Link, message

MIB = 1 << 20
HELD = MIB // 2
"""Octets of one message that may be held for a receiver that does not take them: Q2 and one read."""


def content_held(node: Node) -> int:
    return node.metrics()["chunks_live"]


def ready(bench: Bench, node: Node, address: str = "x", credit: int = 10) -> tuple[Link, Link]:
    receiver = bench.peer(node.ports[0], "receiver").receiver(address, credit)
    sender = bench.peer(node.ports[0], "sender").sender(address)
    bench.run_until(lambda: sender.credit == 10, "no credit for the sender")
    return sender, receiver


# --- credit


def test_a_sender_without_a_destination_has_no_credit_until_one_comes(the_bench: Bench, node: Node) -> None:
    sender = the_bench.peer(node.ports[0]).sender("x")
    the_bench.rest()
    assert sender.attach is not None
    assert sender.credit == 0
    receiver = the_bench.peer(node.ports[0]).receiver("x", 0)
    the_bench.rest()
    assert sender.credit == 10
    receiver.close()
    the_bench.rest()
    other = the_bench.peer(node.ports[0]).sender("x")
    the_bench.rest()
    assert other.credit == 0


def test_b7_credit_comes_back_with_each_settlement_and_never_exceeds_the_capacity(
    the_bench: Bench, node: Node
) -> None:
    sender, receiver = ready(the_bench, node, credit=100)
    for _ in range(10):
        sender.send(message(b"x"))
    the_bench.rest()
    assert sender.credit == 0
    for count, item in enumerate(receiver.received, start=1):
        receiver.settle(item)
        the_bench.rest()
        assert sender.credit == count


def test_a_sender_whose_last_destination_has_gone_is_asked_for_credit(the_bench: Bench, node: Node) -> None:
    """At its first delivery that is released; it has all of it again when there is a destination."""
    sender, receiver = ready(the_bench, node, "asked")
    receiver.close()
    the_bench.rest()
    assert sender.credit == 10
    sent = [sender.send(message(b"nobody")) for _ in range(3)]
    the_bench.run_until(lambda: all(one.is_settled for one in sent), "not settled")
    the_bench.rest()
    assert [one.outcome for one in sent] == ["released"] * 3
    assert sender.credit == 0
    assert sender.flows[-1]["drain"] is True
    late = the_bench.peer(node.ports[0], "late").receiver("asked", 5)
    the_bench.run_until(lambda: sender.credit == 10, "the credit is lost")
    assert sender.flows[-1]["drain"] is False
    sender.send(message(b"somebody"))
    the_bench.run_until(lambda: late.received, "nobody gets it")


def test_a_sender_that_keeps_its_credit_though_asked_loses_nothing(the_bench: Bench, node: Node) -> None:
    sender, receiver = ready(the_bench, node, "kept")
    sender.answers_drain = False
    receiver.close()
    the_bench.rest()
    sent = [sender.send(message(b"nobody")) for _ in range(12) if sender.credit > 0]
    the_bench.run_until(lambda: all(one.is_settled for one in sent), "not settled")
    assert len(sent) == 10 and {one.outcome for one in sent} == {"released"}
    the_bench.peer(node.ports[0], "late").receiver("kept", 5)
    the_bench.run_until(lambda: sender.credit == 10, "the credit is lost")


def test_a_receiver_gets_no_more_than_its_credit(the_bench: Bench, node: Node) -> None:
    sender, receiver = ready(the_bench, node, credit=3)
    for index in range(10):
        sender.send(message(bytes((index,))))
    the_bench.rest()
    assert len(receiver.received) == 3
    receiver.give(2)
    the_bench.rest()
    assert len(receiver.received) == 5
    assert [item.content[-1] for item in receiver.received] == [0, 1, 2, 3, 4]


def test_balanced_deliveries_go_to_the_receiver_with_the_fewest_open_ones(
    the_bench: Bench, node: Node
) -> None:
    receivers = [the_bench.peer(node.ports[0]).receiver("x", 20) for _ in range(3)]
    sender = the_bench.peer(node.ports[0]).sender("x")
    the_bench.run_until(lambda: sender.credit == 10, "no credit")
    for _ in range(9):
        sender.send(message(b"x"))
        the_bench.rest()
    assert [len(receiver.received) for receiver in receivers] == [3, 3, 3]


def test_closest_deliveries_take_turns(the_bench: Bench, node: Node) -> None:
    receivers = [the_bench.peer(node.ports[0]).receiver("closest/x", 20) for _ in range(2)]
    sender = the_bench.peer(node.ports[0]).sender("closest/x")
    the_bench.run_until(lambda: sender.credit == 10, "no credit")
    for _ in range(8):
        sender.send(message(b"x"), settled=True)
    the_bench.rest()
    assert [len(receiver.received) for receiver in receivers] == [4, 4]


# --- drain


def test_d9_a_drain_of_an_empty_link_takes_all_credit_back(the_bench: Bench, node: Node) -> None:
    sender, receiver = ready(the_bench, node, credit=7)
    receiver.give(0, drain=True)
    the_bench.run_until(lambda: receiver.flows, "no answer to the drain")
    assert (receiver.credit, receiver.count) == (0, 7)
    sender.send(message(b"x"))
    the_bench.rest()
    assert receiver.received == []
    receiver.give(1)
    the_bench.rest()
    assert len(receiver.received) == 1


def test_d9_a_drain_sends_what_is_there_and_then_takes_the_credit_back(the_bench: Bench, node: Node) -> None:
    sender, receiver = ready(the_bench, node, credit=0)
    for _ in range(3):
        sender.send(message(b"x"))
    the_bench.rest()
    receiver.give(8, drain=True)
    the_bench.run_until(lambda: receiver.flows, "no answer to the drain")
    assert len(receiver.received) == 3
    assert (receiver.credit, receiver.count) == (0, 8)


def test_a_drain_in_the_middle_of_a_stream_is_answered_when_it_is_over(the_bench: Bench, node: Node) -> None:
    sender, receiver = ready(the_bench, node, credit=5)
    sender.send(message(bytes(400_000)), more=True)
    the_bench.run_until(lambda: receiver.received, "no stream")
    the_bench.rest()
    receiver.give(0, drain=True)
    the_bench.rest()
    assert receiver.flows == []
    sender.go_on(b"end")
    the_bench.run_until(lambda: receiver.flows, "no answer to the drain")
    assert receiver.received[0].complete
    assert receiver.credit == 0


# --- large messages


@pytest.mark.parametrize("stall", ["no credit", "no reading"])
def test_d6_a_large_message_to_a_stalled_receiver_is_held_back_and_goes_on(
    the_bench: Bench, node: Node, stall: str
) -> None:
    sender, receiver = ready(the_bench, node, credit=0 if stall == "no credit" else 1)
    receiver.peer.reading = stall == "no credit"
    body = bytes(range(256)) * (20 * MIB // 256)
    sent = sender.send(message(body))
    held = 0

    def stuck() -> bool:
        nonlocal held
        held = max(held, content_held(node))
        return node.router.connections.facts(sender_handle)[0] > MIB and not the_bench.moved

    (sender_handle,) = (
        handle
        for handle, facts in node.router.shell.open_connections.items()
        if facts.host == sender.peer.host
    )
    the_bench.run_until(stuck, "everything was taken")
    assert sender.peer.is_writing
    assert 0 < held <= HELD
    receiver.peer.reading = True
    if stall == "no credit":
        receiver.give(1)
    the_bench.run_until(lambda: receiver.received and receiver.received[0].complete, "it does not go on")
    assert receiver.received[0].content == message(body)
    receiver.settle(receiver.received[0])
    the_bench.run_until(lambda: sent.is_settled, "not settled")
    assert sent.states == [("accepted", True)]


def test_one_stalled_receiver_of_a_large_multicast_holds_all_back_until_it_goes(
    the_bench: Bench, node: Node
) -> None:
    quick, stalled = (the_bench.peer(node.ports[0]).receiver("mc/x", credit) for credit in (1, 0))
    sender = the_bench.peer(node.ports[0]).sender("mc/x")
    the_bench.run_until(lambda: sender.credit == 10, "no credit")
    sent = sender.send(message(bytes(2 * MIB)))
    the_bench.run_until(lambda: quick.received and content_held(node) > 200_000, "nothing comes")
    the_bench.rest()
    assert not quick.received[0].complete
    assert content_held(node) <= HELD
    stalled.peer.kill()
    the_bench.run_until(lambda: quick.received[0].complete, "still held back")
    assert len(quick.received[0].content) == len(message(bytes(2 * MIB)))
    quick.settle(quick.received[0])
    the_bench.run_until(lambda: sent.is_settled, "not settled")
    assert sent.outcome == "accepted"


@pytest.mark.parametrize(
    "size", [0, 1, 479, 480, 481, 16319, 16320, 16321, 65536, 262143, 262144, 262145, 700_001]
)
def test_a_message_of_any_size_comes_as_it_was_sent(the_bench: Bench, node: Node, size: int) -> None:
    sender, receiver = ready(the_bench, node)
    body = bytes(index % 251 for index in range(size))
    sender.send(message(body), settled=size % 2 == 0)
    the_bench.run_until(lambda: receiver.received and receiver.received[0].complete, "it does not come")
    assert receiver.received[0].content == message(body)
    if size % 2:
        receiver.settle(receiver.received[0])
    the_bench.rest()


@pytest.mark.parametrize("width", [1, 3, 20])
def test_an_address_that_comes_octet_by_octet_is_found(the_bench: Bench, node: Node, width: int) -> None:
    receiver = the_bench.peer(node.ports[0]).receiver("some/address", 2)
    sender = the_bench.peer(node.ports[0]).sender(None)
    the_bench.run_until(lambda: sender.credit and receiver.attach, "no credit")
    content = message(b"body", to="some/address", priority=7)
    sent = sender.send(content[:width], more=True)
    for at in range(width, len(content), width):
        sender.go_on(content[at : at + width], more=at + width < len(content))
        the_bench.rest()
    receiver.settle(receiver.received[0])
    the_bench.run_until(lambda: sent.is_settled, "not settled")
    assert receiver.received[0].content == content


def test_a_head_that_never_ends_is_refused_without_being_kept(the_bench: Bench, node: Node) -> None:
    sender = the_bench.peer(node.ports[0]).sender(None)
    the_bench.run_until(lambda: sender.credit, "no credit")
    size = 4 * MIB
    endless = (
        b"\x00\x53\x72\xd1" + size.to_bytes(4) + (2).to_bytes(4) + b"\xa3\x01k\xb0" + (size - 12).to_bytes(4)
    )
    sent = sender.send(endless, more=True)
    for _ in range(40):
        sender.go_on(bytes(50_000), more=True)
        the_bench.rest()
        assert content_held(node) <= HELD
    sender.go_on(b"")
    the_bench.run_until(lambda: sent.is_settled, "not settled")
    assert sent.outcome == "rejected"


def test_a_stream_settled_with_its_last_frame_while_it_is_held_back_is_settled_onward(
    the_bench: Bench, node: Node
) -> None:
    sender, receiver = ready(the_bench, node, credit=0)
    sender.send(message(bytes(MIB)), more=True)
    the_bench.rest()
    sender.go_on(b"end", settled=True)
    the_bench.rest()
    receiver.give(1)
    the_bench.run_until(lambda: receiver.received and receiver.received[0].complete, "it does not come")
    the_bench.run_until(
        lambda: receiver.received[0].settled, "the receiver waits for a settlement for ever", 3
    )
