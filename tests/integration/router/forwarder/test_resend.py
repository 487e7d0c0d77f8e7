"""What is marked to be resent goes another way when it is released: whole, until somebody takes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from skrouter.amqp.types import Array, Symbol
from skrouter_testing.engines import Bench, Node
from skrouter_testing.link_pairs import ENDS, lose
from skrouter_testing.peers import Link, Received, Sent, composite, message

RESEND = "qd.resend-released"
STREAMING = "qd.streaming-deliveries"
Q2 = 262144
SYMBOLS = 0xA3
ADDRESSES = ("x", "closest/x")


def marked(bench: Bench, node: Node, address: str | None, *capabilities: str) -> Link:
    """A sender whose messages ask for what the capabilities name, with credit."""
    names = Array(SYMBOLS, tuple(Symbol(name) for name in capabilities or (RESEND,)))
    target = composite("target", address=address, capabilities=names)
    sender = bench.peer(node.ports[0], "sender").sender(address, target=target)
    bench.run_until(lambda: sender.credit == 10, "no credit for the sender")
    return sender


def consumers(bench: Bench, node: Node, address: str, count: int = 3, credit: int = 5) -> list[Link]:
    """Receivers on connections of their own."""
    links = [
        bench.peer(node.ports[0], f"receiver{number}").receiver(address, credit) for number in range(count)
    ]
    bench.run_until(lambda: all(link.attach for link in links), "no receivers")
    bench.rest()
    return links


def holder(bench: Bench, receivers: list[Link], besides: list[Link] | None = None) -> Link:
    """Who has got the delivery, whole, besides those that had it before."""
    found: list[Link] = []

    def is_there() -> bool:
        found[:] = [
            link
            for link in receivers
            if link not in (besides or []) and link.received and link.received[-1].complete
        ]
        return bool(found)

    bench.run_until(is_there, "nobody gets it")
    bench.rest()
    (link,) = found
    return link


def released_by_all(bench: Bench, receivers: list[Link]) -> list[Link]:
    """Each in turn gets the delivery and releases it; the order in which they did."""
    had: list[Link] = []
    while len(had) < len(receivers):
        link = holder(bench, receivers, had)
        had.append(link)
        link.settle(link.received[-1], "released")
    return had


def settled(bench: Bench, sent: Sent, outcome: str | None) -> None:
    bench.run_until(lambda: sent.is_settled, "not settled")
    bench.rest()
    assert [was_settled for _, was_settled in sent.states].count(True) == 1, sent
    assert sent.outcome == outcome


def facts(node: Node) -> list[tuple[int, int, int]]:
    """(undelivered, unsettled, moved) of every link of a client."""
    found = [node.router.forwarder.link_facts(handle) for handle in node.router.core.links.by_handle]
    return [(item[1], item[2], item[12]) for item in found]


def nothing_left(bench: Bench, node: Node) -> None:
    """All links are idle, and no delivery is alive."""
    bench.rest()
    assert set(facts(node)) == {(0, 0, 0)}
    assert {name: count for name, count in node.live().items() if count and name != "links_live"} == {}


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("is_settled_first", [True, False])
def test_d10_a_released_delivery_goes_unchanged_to_the_next_consumer(
    the_bench: Bench, node: Node, address: str, is_settled_first: bool
) -> None:
    receivers = consumers(the_bench, node, address)
    sender = marked(the_bench, node, address)
    sent = sender.send(message(b"again", priority=7))
    first = holder(the_bench, receivers)
    if is_settled_first:
        first.settle(first.received[0], "released")
    else:
        first.peer.dispose(first.received[0].number, "released", settled=False)
    second = holder(the_bench, receivers, [first])
    assert first.received[0].settled
    assert second.received[0].content == first.received[0].content == message(b"again", priority=7)
    assert sent.states == []
    second.settle(second.received[0], "accepted")
    settled(the_bench, sent, "accepted")
    assert sender.credit == 10
    nothing_left(the_bench, node)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_delivery_that_all_have_released_is_released_once_and_was_offered_to_each_once(
    the_bench: Bench, node: Node, address: str
) -> None:
    before = node.metrics()
    receivers = consumers(the_bench, node, address)
    sent = marked(the_bench, node, address).send(message(b"nobody wants it"))
    released_by_all(the_bench, receivers)
    settled(the_bench, sent, "released")
    assert sent.states == [("released", True)]
    assert [len(link.received) for link in receivers] == [1, 1, 1]
    assert node.metrics()["released_deliveries"] - before["released_deliveries"] == 1
    counts = [
        node.router.forwarder.link_facts(handle)[8]
        for handle, link in node.router.core.links.by_handle.items()
        if link.outgoing
    ]
    assert counts == [1, 1, 1]
    nothing_left(the_bench, node)


@pytest.mark.parametrize("outcome", ["accepted", "modified", "rejected", None])
@pytest.mark.parametrize("released_before", [0, 1])
def test_any_other_outcome_is_the_last(
    the_bench: Bench, node: Node, outcome: str | None, released_before: int
) -> None:
    receivers = consumers(the_bench, node, "x")
    sent = marked(the_bench, node, "x").send(message())
    had: list[Link] = []
    for _ in range(released_before):
        had.append(holder(the_bench, receivers, had))
        had[-1].settle(had[-1].received[0], "released")
    last = holder(the_bench, receivers, had)
    last.settle(last.received[0], outcome)
    settled(the_bench, sent, outcome)
    assert sum(len(link.received) for link in receivers) == released_before + 1
    nothing_left(the_bench, node)


def test_a_delivery_of_a_sender_that_did_not_ask_is_released_at_once(the_bench: Bench, node: Node) -> None:
    receivers = consumers(the_bench, node, "x")
    sent = marked(the_bench, node, "x", STREAMING).send(message())
    first = holder(the_bench, receivers)
    first.settle(first.received[0], "released")
    settled(the_bench, sent, "released")
    assert sum(len(link.received) for link in receivers) == 1


def test_after_progress_was_told_a_release_is_the_last_word(the_bench: Bench, node: Node) -> None:
    receivers = consumers(the_bench, node, "x")
    sent = marked(the_bench, node, "x").send(message())
    first = holder(the_bench, receivers)
    first.peer.dispose(
        first.received[0].number, "received", settled=False, section_number=1, section_offset=7
    )
    the_bench.run_until(lambda: sent.states, "the sender hears nothing")
    first.settle(first.received[0], "released")
    settled(the_bench, sent, "released")
    assert sent.states == [("received", False), ("released", True)]
    assert sum(len(link.received) for link in receivers) == 1
    nothing_left(the_bench, node)


@pytest.mark.parametrize("how", ENDS)
def test_what_a_lost_consumer_had_not_begun_goes_to_another(the_bench: Bench, node: Node, how: str) -> None:
    lazy = the_bench.peer(node.ports[0], "lazy")
    stalled = [lazy.receiver("closest/x", 0), lazy.receiver("closest/x", 0)]
    the_bench.run_until(lambda: all(link.attach for link in stalled), "no receivers")
    sender = marked(the_bench, node, "closest/x")
    sent = [sender.send(message(bytes((number,)))) for number in range(4)]
    the_bench.rest()
    (eager,) = consumers(the_bench, node, "closest/x", 1)
    lose(stalled[0], how)
    expected = 2 if how == "detach" else 4
    the_bench.run_until(lambda: len(eager.received) + 0 >= expected // 2, "nothing moves on")
    if how == "detach":
        stalled[1].close()
    the_bench.run_until(lambda: len(eager.received) == 4, "not all move on")
    assert sorted(item.content[-1] for item in eager.received) == [0, 1, 2, 3]
    for item in eager.received:
        eager.settle(item)
    for item in sent:
        settled(the_bench, item, "accepted")
    nothing_left(the_bench, node)


@pytest.mark.parametrize("how", ENDS)
def test_what_a_lost_consumer_may_have_seen_is_modified(the_bench: Bench, node: Node, how: str) -> None:
    receivers = consumers(the_bench, node, "x")
    sent = marked(the_bench, node, "x").send(message())
    lose(holder(the_bench, receivers), how)
    settled(the_bench, sent, "modified")
    assert sum(len(link.received) for link in receivers) == 1


def begun(bench: Bench, receivers: list[Link], besides: list[Link] | None = None) -> Link:
    """Who has got the beginning of a stream."""
    found: list[Link] = []

    def is_there() -> bool:
        found[:] = [
            link
            for link in receivers
            if link not in (besides or []) and link.received and link.received[-1].content
        ]
        return bool(found)

    bench.run_until(is_there, "nobody gets it")
    return found[0]


@pytest.mark.parametrize("is_settled_first", [True, False])
def test_a_stream_that_is_released_half_way_begins_anew_elsewhere(
    the_bench: Bench, node: Node, is_settled_first: bool
) -> None:
    receivers = consumers(the_bench, node, "x")
    sender = marked(the_bench, node, "x", RESEND, STREAMING)
    content = message(bytes(number % 251 for number in range(90_000)))
    sent = sender.send(content[:50_000], more=True)
    first = begun(the_bench, receivers)
    the_bench.rest()
    first.peer.dispose(first.received[0].number, "released", settled=is_settled_first)
    second = begun(the_bench, receivers, [first])
    the_bench.rest()
    assert second.received[0].content == content[:50_000]
    assert sent.states == []
    sender.go_on(content[50_000:])
    assert holder(the_bench, receivers, [first]) is second
    assert second.received[0].content == content
    assert not first.received[0].complete or len(first.received[0].content) < len(content)
    if not is_settled_first:
        assert first.received[0].aborted
    follower = sender.send(message(b"next"))
    the_bench.rest()
    second.settle(second.received[0])
    settled(the_bench, sent, "accepted")
    for link in receivers:
        for item in link.received:
            if item.content == message(b"next"):
                link.settle(item)
    settled(the_bench, follower, "accepted")
    nothing_left(the_bench, node)


def test_a_stream_that_all_have_released_half_way_is_released_and_settled_at_its_end(
    the_bench: Bench, node: Node
) -> None:
    receivers = consumers(the_bench, node, "x")
    sender = marked(the_bench, node, "x", RESEND, STREAMING)
    sent = sender.send(message(bytes(50_000)), more=True)
    had: list[Link] = []
    for _ in receivers:
        had.append(begun(the_bench, receivers, had))
        had[-1].settle(had[-1].received[0], "released")
    the_bench.run_until(lambda: sent.states, "the sender hears nothing")
    assert sent.states == [("released", False)]
    sender.go_on(bytes(1_000_000))
    the_bench.run_until(lambda: sent.is_settled, "not settled")
    assert sent.states[-1][0] in ("released", None)
    nothing_left(the_bench, node)


@pytest.mark.parametrize("capabilities", [(RESEND,), (RESEND, STREAMING)], ids=["buffered", "streaming"])
def test_a_message_that_outgrows_q2_passes_and_is_not_resent(
    the_bench: Bench, node: Node, capabilities: tuple[str, ...]
) -> None:
    receivers = consumers(the_bench, node, "x")
    content = message(bytes(number % 251 for number in range(3 * Q2)))
    sender = marked(the_bench, node, "x", *capabilities)
    sent = sender.send(content)
    first = holder(the_bench, receivers)
    assert first.received[0].content == content
    first.settle(first.received[0], "released")
    settled(the_bench, sent, "released")
    assert sum(len(link.received) for link in receivers) == 1
    nothing_left(the_bench, node)


@pytest.mark.parametrize("size", [Q2 - 100, Q2 + 100, Q2 + 8000, Q2 + 20_000])
@pytest.mark.parametrize("end", ["resend", "accepted", "sender goes", "abort"])
def test_messages_about_as_long_as_q2_are_passed_on_whole_or_not_at_all(
    the_bench: Bench, node: Node, size: int, end: str
) -> None:
    receivers = consumers(the_bench, node, "x")
    sender = marked(the_bench, node, "x")
    content = message(bytes(number % 251 for number in range(size)))
    sent = sender.send(content, more=end == "abort")
    if end == "abort":
        the_bench.rest()
        sender.abort()
        the_bench.rest()
        nothing_left(the_bench, node)
        return
    first = holder(the_bench, receivers)
    assert first.received[0].content == content
    if end == "sender goes":
        sender.close()
        the_bench.rest()
        first.settle(first.received[0], "released")
        the_bench.rest()
    elif end == "accepted":
        first.settle(first.received[0])
        settled(the_bench, sent, "accepted")
    else:
        first.settle(first.received[0], "released")
        the_bench.rest()
        again = [item for link in receivers if link is not first for item in link.received]
        assert [item.content for item in again] == ([content] if again else [])
        for link in receivers:
            for item in link.received:
                if not item.settled:
                    link.settle(item)
        settled(the_bench, sent, "accepted" if again else "released")
    nothing_left(the_bench, node)


def at_rest_after(the_bench: Bench, node: Node, act: Callable[[Link, Link, Received, Sent], None]) -> Sent:
    """A delivery at its first consumer, something that happens, and what must be left then: nothing."""
    receivers = consumers(the_bench, node, "x")
    sender = marked(the_bench, node, "x")
    sent = sender.send(message(b"x"))
    first = holder(the_bench, receivers)
    act(sender, first, first.received[0], sent)
    the_bench.rest()
    nothing_left(the_bench, node)
    assert sum(len(link.received) for link in receivers) == 1
    return sent


def test_a_sender_that_settles_meanwhile_ends_it(the_bench: Bench, node: Node) -> None:
    def act(sender: Link, first: Link, item: Received, sent: Sent) -> None:
        sender.peer.settle_sent(sent)
        the_bench.rest()
        first.settle(item, "released")

    assert at_rest_after(the_bench, node, act).states == []


@pytest.mark.parametrize("how", ENDS)
def test_a_sender_that_goes_meanwhile_ends_it(the_bench: Bench, node: Node, how: str) -> None:
    def act(sender: Link, first: Link, item: Received, _sent: Sent) -> None:
        lose(sender, how)
        the_bench.rest()
        first.settle(item, "released")

    at_rest_after(the_bench, node, act)


@pytest.mark.parametrize("how", ["abort", *ENDS])
def test_a_stream_that_is_given_up_after_a_release_is_aborted_at_the_next_consumer(
    the_bench: Bench, node: Node, how: str
) -> None:
    receivers = consumers(the_bench, node, "x")
    sender = marked(the_bench, node, "x", RESEND, STREAMING)
    sender.send(message(bytes(50_000)), more=True)
    first = begun(the_bench, receivers)
    first.settle(first.received[0], "released")
    second = begun(the_bench, receivers, [first])
    the_bench.rest()
    if how == "abort":
        sender.abort()
    else:
        lose(sender, how)
    the_bench.run_until(lambda: second.received[0].aborted, "not aborted")
    nothing_left(the_bench, node)


def test_a_presettled_delivery_and_a_multicast_are_not_resent(the_bench: Bench, node: Node) -> None:
    receivers = consumers(the_bench, node, "x", credit=0)
    sender = marked(the_bench, node, "x")
    sender.send(message(), settled=True)
    the_bench.rest()
    before = node.metrics()["dropped_presettled_deliveries"]
    for link in receivers:
        link.close()
    the_bench.rest()
    assert node.metrics()["dropped_presettled_deliveries"] - before == 1
    all_of_them = consumers(the_bench, node, "mc/x")
    sent = marked(the_bench, node, "mc/x").send(message(b"to all"))
    the_bench.run_until(lambda: all(link.received for link in all_of_them), "not all get it")
    for link, outcome in zip(all_of_them, ("released", "modified", "released"), strict=True):
        link.settle(link.received[0], outcome)
    settled(the_bench, sent, "modified")
    assert [len(link.received) for link in all_of_them] == [1, 1, 1]


def test_an_anonymous_sender_may_ask_too(the_bench: Bench, node: Node) -> None:
    receivers = consumers(the_bench, node, "x")
    sent = marked(the_bench, node, None).send(message(b"", to="x"))
    released_by_all(the_bench, receivers)
    settled(the_bench, sent, "released")
