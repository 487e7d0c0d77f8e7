"""A sender and a receiver on connections of their own, and the ways in which a link ends."""

from __future__ import annotations

from skrouter_testing.engines import Bench, Node
from skrouter_testing.peers import Link, Sent

ENDS = ("detach", "end", "close", "kill")
DECLARED = 0x33
OFTEN = 40


def joined(bench: Bench, node: Node, address: str, *, credit: int = 10) -> tuple[Link, Link]:
    """A sender with credit and a receiver of this address, on connections of their own."""
    receiver = bench.peer(node.ports[0], "receiver").receiver(address, credit)
    sender = bench.peer(node.ports[0], "sender").sender(address)
    bench.run_until(lambda: sender.credit == 10, "no credit for the sender")
    return sender, receiver


def arrived(bench: Bench, receiver: Link, count: int = 1) -> None:
    bench.run_until(
        lambda: sum(item.complete for item in receiver.received) >= count, f"{count} deliveries have not come"
    )


def settled(bench: Bench, *sent: Sent) -> None:
    bench.run_until(lambda: all(item.is_settled for item in sent), "not settled")
    bench.rest()


def settled_once(sent: Sent, outcome: str | None) -> None:
    assert [was_settled for _, was_settled in sent.states].count(True) == 1, sent
    assert sent.outcome == outcome


def lose(link: Link, how: str) -> None:
    """End a link in one of the ways in which links end."""
    match how:
        case "detach":
            link.close()
        case "end":
            link.peer.end()
        case "close":
            link.peer.close()
        case "kill":
            link.peer.kill()
