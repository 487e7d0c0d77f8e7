"""What happens to one delivery: settled once, with the right outcome, whatever becomes of its links."""

from __future__ import annotations

import pytest
from skrouter.amqp.types import Described, ULong
from skrouter_testing.engines import Bench, Node
from skrouter_testing.link_pairs import DECLARED, arrived, joined, settled, settled_once
from skrouter_testing.peers import Peer, composite, message

# --- outcomes


@pytest.mark.parametrize("outcome", ["accepted", "rejected", "released", "modified", None])
def test_an_outcome_reaches_the_sender_as_it_is_and_once(
    the_bench: Bench, node: Node, outcome: str | None
) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message(b"hello"))
    arrived(the_bench, receiver)
    assert receiver.received[0].content == message(b"hello")
    receiver.settle(receiver.received[0], outcome)
    settled(the_bench, sent)
    settled_once(sent, outcome)
    assert sender.credit == 10


def test_the_reason_of_a_rejection_reaches_the_sender(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message())
    arrived(the_bench, receiver)
    error = composite("error", condition="test:reason", description="because")
    receiver.settle(receiver.received[0], "rejected", error=error)
    settled(the_bench, sent)
    assert sent.fields == [error] or sent.fields[0].value[:2] == ["test:reason", "because"]  # type: ignore[attr-defined]


def test_a_modified_outcome_keeps_its_fields_and_always_has_failed(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message())
    arrived(the_bench, receiver)
    receiver.settle(receiver.received[0], "modified", delivery_failed=False, undeliverable_here=True)
    settled(the_bench, sent)
    assert sent.fields[:2] == [True, True]


def test_an_outcome_before_its_settlement_reaches_the_sender_at_once(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message())
    arrived(the_bench, receiver)
    number = receiver.received[0].number
    receiver.peer.dispose(number, "received", settled=False, section_number=1, section_offset=7)
    the_bench.run_until(lambda: sent.states, "no news")
    assert sent.states == [("received", False)]
    assert [int(item) for item in sent.fields] == [1, 7]  # type: ignore[call-overload]
    receiver.peer.dispose(number, "accepted", settled=False)
    the_bench.run_until(lambda: len(sent.states) == 2, "no outcome")
    assert sent.states[1] == ("accepted", False)
    receiver.peer.dispose(number, "accepted", settled=True)
    settled(the_bench, sent)
    settled_once(sent, "accepted")


def test_a_sender_that_settles_first_settles_the_receiver_too(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message())
    arrived(the_bench, receiver)
    sender.peer.settle_sent(sent)
    the_bench.run_until(lambda: receiver.received[0].settled, "the receiver hears nothing")
    the_bench.rest()
    assert sent.states == []
    assert sender.credit == 10


def test_a_delivery_that_its_sender_settles_while_it_is_queued_goes_out_settled(
    the_bench: Bench, node: Node
) -> None:
    sender, receiver = joined(the_bench, node, "x", credit=0)
    sent = sender.send(message(b"late"))
    the_bench.rest()
    sender.peer.settle_sent(sent)
    the_bench.rest()
    receiver.give(1)
    arrived(the_bench, receiver)
    assert receiver.received[0].settled
    assert sent.states == []


def test_a_presettled_delivery_is_presettled_on_its_way(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message(b"quick"), settled=True)
    arrived(the_bench, receiver)
    the_bench.rest()
    assert receiver.received[0].settled
    assert sent.states == []
    assert sender.credit == 10


def test_a_receiver_that_wants_everything_settled_gets_it_and_the_sender_hears_accepted(
    the_bench: Bench, node: Node
) -> None:
    receiver = the_bench.peer(node.ports[0]).receiver("x", 10, snd_settle_mode=1)
    sender = the_bench.peer(node.ports[0]).sender("x")
    the_bench.run_until(lambda: sender.credit, "no credit")
    sent = sender.send(message())
    settled(the_bench, sent)
    settled_once(sent, "accepted")
    assert [item.settled for item in receiver.received] == [True]


def test_deliveries_come_in_order_and_each_gets_its_own_outcome(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, "x")
    outcomes = ("accepted", "released", "rejected", "modified") * 2
    sent = [sender.send(message(bytes((index,)))) for index in range(len(outcomes))]
    arrived(the_bench, receiver, len(outcomes))
    assert [item.content[-1] for item in receiver.received] == list(range(len(outcomes)))
    for item, outcome in reversed(list(zip(receiver.received, outcomes, strict=True))):
        receiver.settle(item, outcome)
    settled(the_bench, *sent)
    for item, outcome in zip(sent, outcomes, strict=True):
        settled_once(item, outcome)


# --- refusals


@pytest.mark.parametrize(
    ("content", "outcome", "condition"),
    [
        (message(b"x"), "rejected", "amqp:precondition-failed"),
        (message(b"x", to=""), "rejected", "amqp:precondition-failed"),
        (message(b"x", to="nobody.is.here"), "released", None),
        (b"", "rejected", "amqp:precondition-failed"),
        (b"\xff\xff", "rejected", "amqp:precondition-failed"),
    ],
)
def test_a_delivery_on_an_anonymous_link_that_can_go_nowhere_is_refused(
    the_bench: Bench, node: Node, content: bytes, outcome: str, condition: str | None
) -> None:
    sender = the_bench.peer(node.ports[0]).sender(None)
    the_bench.run_until(lambda: sender.credit == 10, "no credit")
    sent = sender.send(content)
    settled(the_bench, sent)
    settled_once(sent, outcome)
    assert sender.credit == 10
    if condition is not None:
        assert sent.fields[0].value[0] == condition  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize("size", [100_000, 300_000, 700_000])
def test_a_large_delivery_that_can_go_nowhere_is_refused_and_the_link_goes_on(
    the_bench: Bench, node: Node, size: int, is_settled: bool
) -> None:
    receiver = the_bench.peer(node.ports[0]).receiver("x", 5)
    sender = the_bench.peer(node.ports[0]).sender(None)
    the_bench.run_until(lambda: sender.credit and receiver.attach, "no credit")
    refused = sender.send(message(bytes(size), to="nobody.is.here"), settled=is_settled)
    follower = sender.send(message(b"next", to="x"))
    the_bench.rest()
    arrived(the_bench, receiver)
    receiver.settle(receiver.received[0])
    settled(the_bench, follower)
    settled_once(follower, "accepted")
    if not is_settled:
        settled_once(refused, "released")


def test_an_anonymous_link_sends_to_the_address_in_the_message(the_bench: Bench, node: Node) -> None:
    peer = the_bench.peer(node.ports[0])
    receivers = [peer.receiver(address, 5) for address in ("x", "y")]
    sender = peer.sender(None)
    the_bench.run_until(lambda: sender.credit and all(item.attach for item in receivers), "no credit")
    sent = [sender.send(message(b"", to=address)) for address in ("y", "x", "amqp://host/y", "/x/")]
    for receiver in receivers:
        arrived(the_bench, receiver, 2)
        for item in receiver.received:
            receiver.settle(item)
    settled(the_bench, *sent)


@pytest.mark.parametrize("outcome", ["rejected", "released"])
def test_the_counters_of_a_link_count_a_refusal_once(the_bench: Bench, node: Node, outcome: str) -> None:
    before = node.metrics()
    sender = the_bench.peer(node.ports[0]).sender(None)
    the_bench.run_until(lambda: sender.credit, "no credit")
    (handle,) = node.router.core.links.by_handle
    sent = sender.send(message(to=None if outcome == "rejected" else "nobody.is.here"))
    settled(the_bench, sent)
    facts = node.router.forwarder.link_facts(handle)
    assert dict(zip(("accepted", "rejected", "released", "modified"), facts[6:10], strict=True))[outcome] == 1
    name = f"{outcome}_deliveries"
    assert node.metrics()[name] - before[name] == 1


def test_the_counters_of_both_links_count_an_outcome_once_however_it_is_told(
    the_bench: Bench, node: Node
) -> None:
    before = node.metrics()["accepted_deliveries"]
    sender, receiver = joined(the_bench, node, "x")
    sent = sender.send(message())
    arrived(the_bench, receiver)
    for is_settled in (False, True):
        receiver.peer.dispose(receiver.received[0].number, "accepted", settled=is_settled)
        the_bench.rest()
    settled_once(sent, "accepted")
    for handle in node.router.core.links.by_handle:
        assert node.router.forwarder.link_facts(handle)[6] == 1
    assert node.metrics()["accepted_deliveries"] - before == 1


# --- multicast

MULTICAST = [
    (("accepted",) * 3, "accepted"),
    (("released",) * 3, "released"),
    (("modified",) * 3, "modified"),
    (("rejected",) * 3, "rejected"),
    (("released", "modified", "released"), "modified"),
    (("released", "accepted", "modified"), "accepted"),
    (("accepted", "rejected", "released"), "rejected"),
    (("modified", "rejected", "accepted"), "rejected"),
    (("released", "declared", "accepted"), "rejected"),
    (("accepted", None, "released"), "accepted"),
]


@pytest.mark.parametrize(("outcomes", "combined"), MULTICAST)
@pytest.mark.parametrize("turned", [False, True])
def test_a_multicast_sender_hears_the_highest_outcome_after_the_last_one(
    the_bench: Bench, node: Node, outcomes: tuple[str | None, ...], combined: str, turned: bool
) -> None:
    receivers = [the_bench.peer(node.ports[0]).receiver("mc/x", 5) for _ in outcomes]
    sender = the_bench.peer(node.ports[0]).sender("mc/x")
    the_bench.run_until(lambda: sender.credit, "no credit")
    sent = sender.send(message(b"to all"))
    for receiver in receivers:
        arrived(the_bench, receiver)
    pairs = list(zip(receivers, outcomes, strict=True))
    for receiver, outcome in reversed(pairs) if turned else pairs:
        assert sent.states == []
        if outcome == "declared":
            state = Described(ULong(DECLARED), [b"transaction"])
            receiver.peer.queue(
                "disposition", role=True, first=receiver.received[0].number, settled=True, state=state
            )
        else:
            receiver.settle(receiver.received[0], outcome)
        the_bench.rest()
    settled(the_bench, sent)
    settled_once(sent, combined)
    assert [len(receiver.received) for receiver in receivers] == [1, 1, 1]


def test_a_multicast_to_nobody_is_released(the_bench: Bench, node: Node) -> None:
    sender = the_bench.peer(node.ports[0]).sender(None)
    the_bench.run_until(lambda: sender.credit, "no credit")
    sent = sender.send(message(to="mc/none"))
    settled(the_bench, sent)
    settled_once(sent, "released")


def test_a_multicast_copy_whose_receiver_goes_counts_as_modified(the_bench: Bench, node: Node) -> None:
    receivers = [the_bench.peer(node.ports[0]).receiver("mc/x", 5) for _ in range(2)]
    sender = the_bench.peer(node.ports[0]).sender("mc/x")
    the_bench.run_until(lambda: sender.credit, "no credit")
    sent = sender.send(message())
    for receiver in receivers:
        arrived(the_bench, receiver)
    receivers[0].settle(receivers[0].received[0], "released")
    receivers[1].peer.kill()
    settled(the_bench, sent)
    settled_once(sent, "modified")


def test_a_presettled_multicast_reaches_every_receiver(the_bench: Bench, node: Node) -> None:
    peer = the_bench.peer(node.ports[0])
    receivers = [peer.receiver("mc/x", 5) for _ in range(3)]
    sender = peer.sender("mc/x")
    the_bench.run_until(lambda: sender.credit, "no credit")
    sender.send(message(bytes(100_000)), settled=True)
    for receiver in receivers:
        arrived(the_bench, receiver)
        assert receiver.received[0].content == message(bytes(100_000))


# --- refusals of links leave no trace, sessions and peers


def test_a_link_to_an_unavailable_address_is_refused(the_bench: Bench, node: Node) -> None:
    peer = the_bench.peer(node.ports[0])
    links = [peer.sender("nowhere/x"), peer.receiver("nowhere/x")]
    the_bench.run_until(lambda: all(link.detach for link in links), "not refused")
    for link in links:
        assert link.detach is not None
        assert link.detach["error"].value[0] == "amqp:not-found"
        link.close()
    the_bench.rest()
    assert peer.alive


def test_a_detach_without_close_is_not_implemented(the_bench: Bench, node: Node) -> None:
    peer: Peer = the_bench.peer(node.ports[0])
    link = peer.receiver("x", 5)
    the_bench.run_until(lambda: link.attach, "no attach")
    link.close(closed=False)
    the_bench.run_until(lambda: peer.heard("close"), "no close")
    assert peer.heard("close")[0]["error"].value[0] == "amqp:not-implemented"
