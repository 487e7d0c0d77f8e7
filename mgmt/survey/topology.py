"""The map of a network: a tree of shortest ways from one router, the links beside it, and what is wrong."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from skrouter.mgmt.survey.ask import Mesh
from skrouter.mgmt.survey.reports import MESH_ROLES, Report, Row

COST_PROPERTY = "qd.inter-router-cost"
"""What a router says in its open that the connection costs; absent for 1."""

LEAF_ROLES = {"route-container": "container", "inter-network": "network"}
"""Connections to what is no router of this network, and what the peer is then called."""


@dataclass(frozen=True, slots=True)
class Link:
    """All connections of one kind between two routers; `cost` is None between edge routers.

    `protection` names the TLS versions in use. `active` is False for a way up that an edge router keeps in
    reserve.
    """

    ends: tuple[str, str]
    role: str
    cost: int | None = None
    connections: int = 0
    protection: tuple[str, ...] = ()
    active: bool = True

    def other(self, end: str) -> str:
        """The end that is not this one."""
        return self.ends[1] if self.ends[0] == end else self.ends[0]


@dataclass(frozen=True, slots=True)
class Place:
    """A router in the tree, `depth` steps below the first, by `link` from its parent.

    `cost` is that of the whole way from the first interior router; None where there is none.
    """

    id: str
    mode: str
    depth: int
    parent: str | None = None
    version: str = ""
    cost: int | None = None
    link: Link | None = None
    answered: bool = True


@dataclass(frozen=True, slots=True)
class Topology:
    """`places` in the order of the tree, children behind their parents; `others` are links beside it."""

    start: str
    places: tuple[Place, ...]
    others: tuple[Link, ...]
    problems: tuple[str, ...]


def topology(mesh: Mesh) -> Topology:
    """The map as the first router's costs have it."""
    links = _links(mesh.reports.values())
    places = tuple(_Tree(mesh, links).walk())
    used = {place.link for place in places}
    others = tuple(link for link in links if link not in used)
    return Topology(mesh.start, places, others, tuple(_problems(mesh)))


# --- links


def _links(reports: Iterable[Report]) -> list[Link]:
    """Every link once, from what either end says of it."""
    told: dict[tuple[tuple[str, str], str], dict[str, list[Row]]] = {}
    known = {report.id: report for report in reports}
    for report in known.values():
        for row in report.connections:
            role = "inter-router" if row.get("role") in MESH_ROLES else str(row.get("role"))
            if role in ("inter-router", "edge", "inter-edge", *LEAF_ROLES):
                peer = str(row.get("container"))
                # Only one end of a link to a leaf is a router of this network.
                first, second = (report.id, peer) if role in LEAF_ROLES else sorted((report.id, peer))
                told.setdefault(((first, second), role), {}).setdefault(report.id, []).append(row)
    return [_link(ends, role, sides, known) for (ends, role), sides in sorted(told.items())]


def _link(ends: tuple[str, str], role: str, sides: dict[str, list[Row]], reports: dict[str, Report]) -> Link:
    rows = [row for side in sides.values() for row in side]
    edges = [row for side, told in sides.items() if reports[side].is_edge for row in told]
    protocols = {str(row.get("sslProto")) for row in rows if row.get("isEncrypted")}
    return Link(
        ends,
        role,
        _cost(ends, rows, reports) if role == "inter-router" else None,
        max(len(side) for side in sides.values()),
        tuple(sorted(protocols)),
        # Only the edge router knows which of its ways up it uses.
        role != "edge" or not edges or any(row.get("active") for row in edges),
    )


def _cost(ends: tuple[str, str], rows: list[Row], reports: dict[str, Report]) -> int:
    """What the routers' paths say where they use the link, else the greater of what both ends declare."""
    for end, other in (ends, ends[::-1]):
        node = reports[end].node(other) if end in reports else None
        if node is not None and node.get("cost") is not None and not node.get("nextHop"):
            return int(node["cost"])
    declared = [(row.get("properties") or {}).get(COST_PROPERTY, 1) for row in rows]
    return max(int(cost) for cost in declared)


# --- the tree


class _Tree:
    """Puts every router below the one by which it is reached."""

    def __init__(self, mesh: Mesh, links: list[Link]) -> None:
        self._mesh = mesh
        self._start = mesh.reports[mesh.start]
        self._links: dict[str, list[Link]] = {}
        for link in links:
            for end in link.ends[:1] if link.role in LEAF_ROLES else link.ends:
                self._links.setdefault(end, []).append(link)
        self._root = self._interior_root()
        self._seen: set[str] = set()

    def _interior_root(self) -> Report | None:
        """The router whose costs count: the first, or the interior router that an edge router uses."""
        uplink = self._start.uplink()
        if not self._start.is_edge:
            return self._start
        return None if uplink is None else self._mesh.reports.get(str(uplink.get("container")))

    def walk(self) -> Iterator[Place]:
        """The start and all below it, then what has no way to it."""
        yield from self._below(self._place(self._start.id, 0))
        left = sorted((self._mesh.reports.keys() | set(self._mesh.silent)) - self._seen)
        for router_id in left:
            yield from () if router_id in self._seen else self._below(self._place(router_id, 0))

    def _below(self, place: Place) -> Iterator[Place]:
        self._seen.add(place.id)
        yield place
        for link in sorted(self._links.get(place.id, ()), key=lambda link: _order(link, place.id)):
            other = link.other(place.id)
            if link.role in LEAF_ROLES:
                yield self._leaf(link, other, place)
            elif other not in self._seen and self._is_child(link, other, place.id):
                yield from self._below(self._place(other, place.depth + 1, place.id, link))

    def _is_child(self, link: Link, router_id: str, parent: str) -> bool:
        if link.role == "edge":
            return link.active
        if link.role == "inter-edge":
            # An edge router has its place at its way up, if it has one.
            return not any(one.role == "edge" and one.active for one in self._links[router_id])
        return self._predecessor(router_id) == parent

    def _predecessor(self, router_id: str) -> str | None:
        """The last router before this one on the way from the root."""
        root = self._root
        if root is None or router_id == root.id:
            return None
        cost = self._path_cost(router_id)
        fitting = [
            link.other(router_id)
            for link in self._links.get(router_id, ())
            if link.role == "inter-router"
            and cost is not None
            and (before := self._path_cost(link.other(router_id))) is not None
            and before + (link.cost or 0) == cost
        ]
        hop = root.next_hop(router_id)
        same_way = [one for one in fitting if one == root.id or root.next_hop(one) == hop]
        return min(same_way or fitting, default=hop)

    def _path_cost(self, router_id: str) -> int | None:
        """From the root."""
        if self._root is None or router_id == self._root.id:
            return None if self._root is None else 0
        row = self._root.node(router_id)
        return None if row is None else row.get("cost")

    def _place(
        self, router_id: str, depth: int, parent: str | None = None, link: Link | None = None
    ) -> Place:
        report = self._mesh.reports.get(router_id)
        mode = "interior" if link is None or link.role == "inter-router" else "edge"
        cost = self._path_cost(router_id)
        return Place(
            router_id,
            mode if report is None else report.mode,
            depth,
            parent,
            "" if report is None else report.version,
            cost,
            link,
            report is not None,
        )

    @staticmethod
    def _leaf(link: Link, peer: str, parent: Place) -> Place:
        return Place(peer, LEAF_ROLES[link.role], parent.depth + 1, parent.id, link=link)


def _order(link: Link, seen_from: str) -> tuple[int, str]:
    """Interior routers first, then edge routers, then what is no router."""
    ranks = {"inter-router": 0, "edge": 1, "inter-edge": 2}
    return ranks.get(link.role, 3), link.other(seen_from)


# --- what is wrong


def _problems(mesh: Mesh) -> Iterator[str]:
    for router_id in mesh.silent:
        yield f"{router_id} does not answer"
    yield from _unreachable(mesh)
    yield from _one_sided(mesh)
    for report in mesh.reports.values():
        if report.is_edge and report.uplink() is None:
            yield f"{report.id} has no connection to an interior router"
        for row in report.connectors:
            if row.get("connectionStatus") != "SUCCESS":
                yield _failing(report, row)


def _unreachable(mesh: Mesh) -> Iterator[str]:
    """Interior routers that are known and to which somebody has no way."""
    interior = [report for report in mesh.reports.values() if report.nodes]
    known = {str(row["id"]) for report in interior for row in report.nodes}
    for report in interior:
        lost = sorted(known - report.reachable())
        if lost:
            yield f"{report.id} has no way to {', '.join(lost)}"


def _one_sided(mesh: Mesh) -> Iterator[str]:
    """Links that only one of both ends tells the others of."""
    states = {
        report.id: set(row.get("linkState") or ())
        for report in mesh.reports.values()
        if (row := report.node(report.id)) is not None
    }
    for router_id, peers in sorted(states.items()):
        for peer in sorted(peers & states.keys()):
            if router_id not in states[peer]:
                yield f"{router_id} names {peer} as its neighbor, but not the other way round"


def _failing(report: Report, connector: Row) -> str:
    name = connector.get("name")
    place = f"{connector.get('host')}:{connector.get('port')}"
    status, message = connector.get("connectionStatus"), connector.get("connectionMsg")
    text = f"{report.id}: connector {name} ({connector.get('role')}) to {place} is {status}"
    return f"{text}: {message}" if message else text
