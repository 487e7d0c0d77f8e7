"""Shortest paths from one router to all, built once and then repaired where links change. Pure arithmetic.

Trees of the same origin must agree between routers or messages are lost or doubled, so ties have one answer
everywhere. The protocol settles the unsettled router of least (cost, id) next, and a path of equal cost found
later does not replace the predecessor. As costs of links are at least 1, that means: the predecessor of a
router is, among those over which its least cost is reached, the one of least (cost, id). This says what the
tree is without saying in which order it was found, which is what makes repairs exact.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from skrouter.router.mesh.graph import Graph, LinkChange

FAR: Final = 1 << 62
"""Cost of what cannot be reached."""
REBUILD_SHARE: Final = 2
"""A tree that lost more than one router in so many is built anew, which is quicker than repairing it."""


class Tree:
    """Costs and predecessors by number; `FAR` and -1 for what is not reached, -1 for the origin too."""

    __slots__ = ("_graph", "before", "costs", "origin")

    def __init__(self, graph: Graph, origin: int) -> None:
        self._graph = graph
        self.origin = origin
        self.costs: list[int] = []
        self.before: list[int] = []
        self.build()

    def build(self) -> None:
        """Dijkstra, one cost after the other, routers of equal cost in order of id."""
        out, rank_of = self._graph.out, self._graph.rank.__getitem__
        costs, before = [FAR] * len(out), [-1] * len(out)
        costs[self.origin] = 0
        levels, queue = {0: [self.origin]}, [0]
        while queue:
            cost = heappop(queue)
            level = levels.pop(cost)
            if len(level) > 1:
                level.sort(key=rank_of)
            for router in level:
                if costs[router] != cost:
                    continue
                for peer, link in out[router].items():
                    total = cost + link
                    if total < costs[peer]:
                        costs[peer] = total
                        before[peer] = router
                        if total in levels:
                            levels[total].append(peer)
                        else:
                            levels[total] = [peer]
                            heappush(queue, total)
        self.costs, self.before = costs, before

    def repair(self, changes: Sequence[LinkChange]) -> Iterable[int] | None:
        """Follow changes that the graph has made.

        The answer holds all routers whose cost or predecessor may differ now; None: the tree was built anew.
        """
        missing = len(self._graph.out) - len(self.costs)
        if missing > 0:
            self.costs += [FAR] * missing
            self.before += [-1] * missing
        if not self._is_touched(changes):
            return ()
        lost = self._cut(changes)
        if REBUILD_SHARE * len(lost) > len(self._graph.order):
            self.build()
            return None
        queue = self._reattach(lost)
        moved = set(lost)
        for source, target, _, after in changes:
            if after is not None:
                self._consider(source, target, after, queue, moved)
        self._settle(queue, moved)
        return moved

    def _is_touched(self, changes: Sequence[LinkChange]) -> bool:
        costs, before = self.costs, self.before
        for source, target, _, after in changes:
            if before[target] == source or (after is not None and costs[source] + after <= costs[target]):
                return True
        return False

    def _cut(self, changes: Sequence[LinkChange]) -> list[int]:
        """Take out everything whose path went over a link that became worse."""
        out, costs, before = self._graph.out, self.costs, self.before
        lost = []
        for source, target, old, new in changes:
            if before[target] == source and old is not None and (new is None or new > old):
                before[target] = -1
                costs[target] = FAR
                lost.append(target)
        for router in lost:
            for peer in out[router]:
                if before[peer] == router:
                    before[peer] = -1
                    costs[peer] = FAR
                    lost.append(peer)
        return lost

    def _reattach(self, lost: list[int]) -> list[int]:
        """Give what was taken out the best way from what was not; the answer is the queue to settle.

        A way over another that was taken out may serve until that one is settled, and better ones with it.
        """
        into, rank, costs, before = self._graph.into, self._graph.rank, self.costs, self.before
        size = len(self._graph.order)
        queue = []
        for router in lost:
            best = FAR
            for peer, link in into[router].items():
                total = costs[peer] + link
                if total < best:
                    best, nearest = total, peer
                elif total == best and (costs[peer], rank[peer]) < (costs[nearest], rank[nearest]):
                    nearest = peer
            if best < FAR:
                costs[router], before[router] = best, nearest
                queue.append(best * size + rank[router])
        heapify(queue)
        return queue

    def _consider(self, source: int, target: int, link: int, queue: list[int], moved: set[int]) -> None:
        """Take the way to `target` over `source` if it is the better one."""
        costs, before, rank = self.costs, self.before, self._graph.rank
        cost = costs[source]
        total = cost + link
        if cost == FAR or total > costs[target]:
            return
        present = before[target]
        if total < costs[target]:
            costs[target] = total
            heappush(queue, total * len(self._graph.order) + rank[target])
        elif present == source or (cost, rank[source]) > (costs[present], rank[present]):
            return
        before[target] = source
        moved.add(target)

    def _settle(self, queue: list[int], moved: set[int]) -> None:
        """Let what became nearer make others nearer, in order of (cost, id)."""
        out, order, costs = self._graph.out, self._graph.order, self.costs
        size = len(order)
        while queue:
            cost, rank = divmod(heappop(queue), size)
            router = order[rank]
            if costs[router] == cost:
                for peer, link in out[router].items():
                    if cost + link <= costs[peer]:
                        self._consider(router, peer, link, queue, moved)

    # --- what passes through a router -------------------------------------------------------------------

    def behind(self, router: int) -> int:
        """The routers whose path passes through this one, as a bitmap of numbers."""
        return self._spread(router, 0)

    def behind_now(self, router: int, behind: int, moved: Iterable[int]) -> int:
        """`behind` of before a repair that moved these, brought up to date."""
        before = self.before
        for at in sorted(moved, key=self.costs.__getitem__):
            source = before[at]
            passes = source >= 0 and (source == router or behind >> source & 1)
            if passes != behind >> at & 1:
                behind = self._spread(at, behind ^ 1 << at)
        return behind

    def _spread(self, router: int, marks: int) -> int:
        """Flip the marks of all whose path passes through this router."""
        out, before = self._graph.out, self.before
        stack = [router]
        while stack:
            at = stack.pop()
            for peer in out[at]:
                if before[peer] == at:
                    marks ^= 1 << peer
                    stack.append(peer)
        return marks
