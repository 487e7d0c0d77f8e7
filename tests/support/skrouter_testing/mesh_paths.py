"""Paths of routers that are simulated by the hundred: valid origins are computed when somebody asks."""

from collections.abc import Mapping

from skrouter.router.mesh.graph import LinkChange, Peers
from skrouter.router.mesh.path import Paths
from skrouter.router.mesh.tree import Tree


class OwnPaths(Paths):
    """A router's own tree only: next hops, costs and radius are those of `Paths`, valid origins are empty.

    A router of a mesh spends most of its time on the trees of all others, one process that plays a thousand
    routers cannot. Whoever plays the core asks `passes` instead of looking into the routes.
    """

    def __init__(self, own_id: str) -> None:
        super().__init__(own_id)
        self._asked: dict[str, int] = {}

    def update(self, states: Mapping[str, Peers | None]) -> set[str]:
        """As `Paths.update`, without the routes of which only the origins are others."""
        self._asked = {}
        return super().update(states)

    def _update_origins(self, changes: list[LinkChange]) -> set[int]:  # noqa: ARG002
        return set()

    def passes(self, origin: str, target: str) -> bool:
        """Whether the path between two others passes through this router: `origin` is valid for `target`."""
        numbers = self._graph.numbers
        if origin not in numbers or target not in numbers:
            return False
        if origin not in self._asked:
            self._asked[origin] = Tree(self._graph, numbers[origin]).behind(self._own)
        return bool(self._asked[origin] >> numbers[target] & 1)


def view_of(paths: Paths) -> dict[str, dict[str, int]]:
    """The links from which a router's paths are computed."""
    graph = paths._graph
    return {
        router_id: {graph.ids[peer]: cost for peer, cost in graph.out[number].items()}
        for router_id, number in graph.numbers.items()
    }
