"""Networks for the survey: rows as routers show them, made from who is joined to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from skrouter.mgmt.survey.ask import Mesh
from skrouter.mgmt.survey.reports import AddressReport, Report, Row
from skrouter.router.mesh.path import compute


def connection(number: int, container: str, role: str, **attributes: Any) -> dict[str, Any]:
    """One row of the connection entity."""
    return {
        "identity": str(number),
        "host": f"10.0.0.{number}:5671",
        "container": container,
        "role": role,
        "dir": "in",
        "active": True,
        "properties": {},
        **attributes,
    }


def link(number: int, on: int, key: str | None, direction: str, **attributes: Any) -> dict[str, Any]:
    """One row of router.link; 250 credits."""
    return {
        "identity": str(number),
        "connectionId": str(on),
        "owningAddr": key,
        "linkDir": direction,
        "linkType": "endpoint",
        "creditAvailable": 250,
        "undeliveredCount": 0,
        "unsettledCount": 0,
        **attributes,
    }


def address(key: str, treatment: str = "balanced", **attributes: Any) -> dict[str, Any]:
    """One row of router.address."""
    return {"name": key, "distribution": treatment, "priority": -1, "watch": False, **attributes}


class Interior:
    """Interior routers joined by links with costs, as `{("A", "B"): 3}`; edges by the router they use."""

    def __init__(self, costs: Mapping[tuple[str, str], int], edges: Mapping[str, str] | None = None) -> None:
        self.edges = dict(edges or {})
        self.states: dict[str, dict[str, int]] = {}
        for (first, second), cost in costs.items():
            self.states.setdefault(first, {})[second] = cost
            self.states.setdefault(second, {})[first] = cost

    def report(self, router_id: str, *more: Row) -> Report:
        """What the router says; `more` are connections beside those to routers."""
        if router_id in self.edges:
            up = connection(1, self.edges[router_id], "edge", dir="out")
            return Report(router_id, "edge", "1.0", (), (up, *more))
        return Report(router_id, "interior", "1.0", self._nodes(router_id), (*self._joined(router_id), *more))

    def mesh(self, start: str, *silent: str) -> Mesh:
        """The reports of all routers but the silent ones."""
        names = [*self.states, *self.edges]
        reports = {name: self.report(name) for name in names if name not in silent}
        return Mesh(start, reports, silent)

    def _joined(self, router_id: str) -> Iterable[Row]:
        number = 100
        for peer, cost in sorted(self.states[router_id].items()):
            number += 1
            yield connection(number, peer, "inter-router", properties={"qd.inter-router-cost": cost})
        for edge in sorted(name for name, interior in self.edges.items() if interior == router_id):
            number += 1
            yield connection(number, edge, "edge")

    def _nodes(self, router_id: str) -> tuple[Row, ...]:
        routes = compute(self.states, router_id)
        rows: list[Row] = [
            {"id": router_id, "nextHop": "(self)", "linkState": sorted(self.states[router_id])},
            *(
                {
                    "id": other,
                    "nextHop": None if hop == other else hop,
                    "cost": routes.costs[other],
                    "linkState": sorted(self.states[other]),
                    "validOrigins": list(routes.valid_origins[other]),
                    "routerLink": index if hop == other else None,
                }
                for index, (other, hop) in enumerate(routes.next_hops.items())
            ),
        ]
        return tuple({name: value for name, value in row.items() if value is not None} for row in rows)


def about(router: Report, row: Row | None, *links: Row, key: str = "Mq", **more: Any) -> AddressReport:
    """What the router says of the address `q`."""
    return AddressReport(router, key if row is None else str(row["name"]), row, links=links, **more)
