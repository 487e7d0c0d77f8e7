"""What is held for too long is counted for as long as it lasts, and told once."""

from __future__ import annotations

import pytest
from skrouter_testing.engines import Bench, Node
from skrouter_testing.peers import Link, message

AGE = 0.05
"""Seconds: a delivery is stuck after more, and a link blocked."""
PIECE = 4
"""Handles and deliveries of one look, where it is to take many."""


def look(node: Node) -> list[tuple[int, bool, bool]]:
    return node.router.forwarder.find_stuck(0, AGE)[1]


def stuck(node: Node) -> dict[int, int]:
    """Stuck deliveries of each link that has any."""
    links = node.router.core.links.by_handle
    counts = {handle: node.router.forwarder.link_facts(handle)[15] for handle in links}
    return {handle: count for handle, count in counts.items() if count}


def handles(node: Node, *, outgoing: bool) -> list[int]:
    return [
        handle
        for handle, link in node.router.core.links.by_handle.items()
        if link.outgoing == outgoing and link.key in ("Mx", "Mmc/x")
    ]


def joined(bench: Bench, node: Node, credit: int = 10) -> tuple[Link, Link]:
    receiver = bench.peer(node.ports[0], "receiver").receiver("x", credit)
    sender = bench.peer(node.ports[0], "sender").sender("x")
    bench.run_until(lambda: sender.credit == 10, "no credit for the sender")
    return sender, receiver


@pytest.mark.parametrize("credit", [0, 10], ids=["undelivered", "unsettled"])
def test_d13_a_delivery_that_nobody_settles_is_stuck_on_both_its_links_until_it_is_settled(
    the_bench: Bench, node: Node, credit: int
) -> None:
    sender, receiver = joined(the_bench, node, credit)
    sent = [sender.send(message(bytes((number,)))) for number in range(3)]
    the_bench.rest()
    assert node.router.forwarder.find_stuck(0, 10.0) == (0, [])  # they are young yet
    links = handles(node, outgoing=True) + handles(node, outgoing=False)
    told: list[tuple[int, bool]] = []

    def all_are() -> bool:
        told.extend((link, is_stuck) for link, is_stuck, _ in look(node) if is_stuck)
        return stuck(node) == dict.fromkeys(links, 3)

    the_bench.run_until(all_are, "they are not found")
    assert node.metrics()["deliveries_stuck"] == 6
    assert sorted(told) == sorted((link, True) for link in links), "not told once for each link"
    receiver.give(10)
    the_bench.run_until(lambda: len(receiver.received) == 3, "they do not come")
    receiver.settle(receiver.received[1])
    the_bench.run_until(lambda: sent[1].is_settled, "not settled")
    assert stuck(node) == dict.fromkeys(links, 2)
    assert node.metrics()["deliveries_stuck"] == 4
    for number in (0, 2):
        receiver.settle(receiver.received[number])
    the_bench.run_until(lambda: all(one.is_settled for one in sent), "not settled")
    assert stuck(node) == {}


@pytest.mark.parametrize("leaver", ["sender", "receiver"])
@pytest.mark.parametrize("how", ["kill", "close", "end"])
def test_d13_stuck_deliveries_end_with_their_link(
    the_bench: Bench, node: Node, leaver: str, how: str
) -> None:
    links = dict(zip(("sender", "receiver"), joined(the_bench, node), strict=True))
    for _ in range(3):
        links["sender"].send(message(b"x"))
    the_bench.run_until(lambda: look(node) and node.metrics()["deliveries_stuck"] == 6, "not found")
    getattr(links[leaver].peer, how)()
    the_bench.rest()
    # what was sent and not settled stays with its receiver when the sender goes
    left = 3 if leaver == "sender" else 0
    the_bench.run_until(lambda: node.metrics()["deliveries_stuck"] == left, "still counted")
    assert sum(stuck(node).values()) == left


def test_d13_a_stream_is_never_stuck(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node)
    sent = sender.send(message(bytes(300_000))[:270_000], more=True)
    the_bench.run_until(lambda: receiver.received, "it does not begin")
    other = sender.peer.sender("x")
    the_bench.run_until(lambda: other.credit, "no credit")
    other.send(message(b"small"))
    the_bench.run_until(lambda: look(node), "the small one is not found")
    assert sorted(stuck(node).values()) == [1, 1]
    sender.go_on(message(bytes(300_000))[270_000:])
    the_bench.run_until(lambda: len(receiver.received) == 2, "the other does not come")
    for item in receiver.received:
        receiver.settle(item)
    the_bench.run_until(lambda: sent.is_settled, "not settled")
    (outgoing,) = handles(node, outgoing=True)
    assert node.router.forwarder.link_facts(outgoing)[10:12] == (0, 0), "a stream is not late either"


def test_d13_a_link_without_credit_is_blocked_until_it_has_some(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, credit=0)
    (outgoing,) = handles(node, outgoing=True)
    the_bench.rest()
    assert look(node) == []  # nothing to send: it needs no credit
    sender.send(message(b"x"), settled=True)
    told: list[int] = []

    def is_blocked() -> bool:
        told.extend(link for link, _, blocked in look(node) if blocked)
        return node.metrics()["links_blocked"] == 1

    the_bench.run_until(is_blocked, "not found")
    for _ in range(3):
        assert not is_blocked() or told == [outgoing], "told again"
    receiver.give(1)
    the_bench.run_until(lambda: len(receiver.received) == 1, "it does not come")
    assert node.metrics()["links_blocked"] == 0
    assert node.router.forwarder.link_facts(outgoing)[14] == 0


def test_d13_a_blocked_link_that_goes_is_not_counted(the_bench: Bench, node: Node) -> None:
    sender, receiver = joined(the_bench, node, credit=0)
    sender.send(message(b"x"), settled=True)
    the_bench.run_until(lambda: any(one[2] for one in look(node)), "not found")
    receiver.close()
    the_bench.run_until(lambda: node.metrics()["links_blocked"] == 0, "still counted")


def test_d13_a_look_in_small_pieces_finds_the_same(the_bench: Bench, node: Node) -> None:
    sender, _ = joined(the_bench, node)
    peer = the_bench.peer(node.ports[0], "many")
    others = [peer.sender("x") for _ in range(20)]
    the_bench.run_until(lambda: all(one.credit for one in others), "no credit")
    for one in (sender, *others):
        one.send(message(b"x"))
    the_bench.rest()
    found: list[tuple[int, bool, bool]] = []
    place = pieces = 0

    def in_pieces() -> bool:
        nonlocal place, pieces
        place, news = node.router.forwarder.find_stuck(place, AGE, PIECE)
        found.extend(news)
        pieces += 1
        return node.metrics()["deliveries_stuck"] == 2 * (1 + len(others)) and place == 0

    the_bench.run_until(in_pieces, "not all are found")
    assert pieces > len(others) / PIECE
    links = [link for link, _, _ in found]
    assert len(links) == len(set(links)) == 2 + len(others)


def test_d13_the_scan_tells_of_each_link_by_connection_and_name(the_bench: Bench, node: Node) -> None:
    sender, _ = joined(the_bench, node, credit=0)
    sender.send(message(b"x"))
    node.router.stuck.start(interval=0.01, age=AGE)
    try:
        the_bench.run_until(
            lambda: any("no credit" in entry.text for entry in node.log.entries), "nothing is told"
        )
    finally:
        node.router.stuck.start()
    told = [entry for entry in node.log.entries if " Link '" in entry.text]
    numbers = {facts.container: facts.number for facts in node.router.shell.open_connections.values()}
    names = {link.outgoing: link.name for link in node.router.core.links.by_handle.values()}
    expected = [
        f"[C{numbers['sender']}] Link '{names[False]}' from sender of address 'Mx'"
        " has a delivery that has not been settled for 0.05 seconds",
        f"[C{numbers['receiver']}] Link '{names[True]}' to receiver of address 'Mx'"
        " has a delivery that has not been settled for 0.05 seconds",
        f"[C{numbers['receiver']}] Link '{names[True]}' to receiver of address 'Mx'"
        " has messages to send and no credit for 0.05 seconds",
    ]
    assert sorted(entry.text for entry in told) == sorted(expected)
    assert {(entry.module, entry.level) for entry in told} == {("ROUTER_CORE", "info")}
