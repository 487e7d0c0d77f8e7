"""The mesh as a graph of numbered routers, completed for path computation; what differs from before.

A router that is only named by others gets one link back, of cost 1, to the one of least id that names it, so
that it can be asked for more. Numbers are an id's own while it is in the graph, and are used again after.
Not here: paths (tree.py, path.py).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

Peers = Mapping[str, int]
"""Costs of the links of one router, by the id of the router at the other end."""


class LinkChange(NamedTuple):
    """The directed link between two numbers had the cost `before` and has `after`; None: there is no link.

    A tuple, because each tree unpacks each change.
    """

    source: int
    target: int
    before: int | None
    after: int | None


class Graph:
    """Directed links by number: `out[a][b]` and `into[b][a]` are the cost from a to b.

    `rank` orders numbers by id, `order` is its inverse over the numbers in use. What a change leaves without
    any link is still there, unconnected, until `sweep`.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.numbers: dict[str, int] = {}
        self.out: list[dict[int, int]] = []
        self.into: list[dict[int, int]] = []
        self.rank: list[int] = []
        self.order: list[int] = []
        self._told: list[dict[int, int] | None] = []
        self._namers: list[set[int]] = []
        self._free: list[int] = []
        self._unused: set[int] = set()

    def tell(self, states: Mapping[str, Peers | None]) -> list[LinkChange]:
        """Take over link states, None for a router that has none any more; the answer is what differs."""
        added = [router_id for router_id in self._named(states) if router_id not in self.numbers]
        for router_id in dict.fromkeys(added):
            self._add(router_id)
        if added:
            self._sort()
        touched: set[int] = set()
        for router_id, peers in states.items():
            self._tell_one(self.numbers[router_id], peers, touched)
        return [change for number in sorted(touched) for change in self._complete(number)]

    def sweep(self) -> list[int]:
        """Forget routers without link state that nobody names; the answer is their numbers, free from now."""
        gone = sorted(self._unused)
        for number in gone:
            del self.numbers[self.ids[number]]
            self.ids[number] = ""
        self._free += gone
        self._unused = set()
        if gone:
            self._sort()
        return gone

    @staticmethod
    def _named(states: Mapping[str, Peers | None]) -> Iterable[str]:
        for router_id, peers in states.items():
            yield router_id
            yield from peers or ()

    def _add(self, router_id: str) -> None:
        if self._free:
            number = self._free.pop()
            self.ids[number] = router_id
        else:
            number = len(self.ids)
            self.ids.append(router_id)
            self.out.append({})
            self.into.append({})
            self.rank.append(0)
            self._told.append(None)
            self._namers.append(set())
        self.numbers[router_id] = number

    def _sort(self) -> None:
        self.order = [self.numbers[router_id] for router_id in sorted(self.numbers)]
        for rank, number in enumerate(self.order):
            self.rank[number] = rank

    def _tell_one(self, number: int, peers: Peers | None, touched: set[int]) -> None:
        before = self._told[number] or {}
        told = None
        if peers is not None:
            told = {self.numbers[peer]: cost for peer, cost in peers.items() if peer != self.ids[number]}
        after = told or {}
        self._told[number] = told
        touched.add(number)
        for peer in before.keys() - after.keys():
            self._namers[peer].discard(number)
            touched.add(peer)
        for peer in after.keys() - before.keys():
            self._namers[peer].add(number)
            touched.add(peer)

    def _complete(self, number: int) -> list[LinkChange]:
        """Bring the links of one router up to date."""
        told, namers = self._told[number], self._namers[number]
        if told is None and not namers:
            self._unused.add(number)
        else:
            self._unused.discard(number)
        if told is None:
            told = {min(namers, key=self.rank.__getitem__): 1} if namers else {}
        links = self.out[number]
        changes = [
            LinkChange(number, peer, links.get(peer), told.get(peer))
            for peer in links.keys() | told.keys()
            if links.get(peer) != told.get(peer)
        ]
        for change in changes:
            if change.after is None:
                del links[change.target], self.into[change.target][number]
            else:
                links[change.target] = self.into[change.target][number] = change.after
        return changes
