"""Routers of any kind, connected in any way: interior routers, edge routers, networks. Links are plain.

A router's first letter says what it is: `E…` an edge router, any other an interior one. Every router listens
for clients, and for routers in every role that it may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skrouter.router.mesh.path import compute

from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, RouterProcess, Routers, free_port, section, wait_until
from skrouter_testing.router_line import ADDRESSES

ROLES = ("inter-router", "edge", "inter-edge", "inter-network")


@dataclass(frozen=True, slots=True)
class Link:
    """A connector of `caller` to a listener of `called`."""

    caller: str
    called: str
    cost: int = 1
    role: str | None = None
    port: int | None = None
    """Where to call instead, such as a relay."""

    @property
    def effective_role(self) -> str:
        """As given, or what the kinds of both ends make it."""
        if self.role is not None:
            return self.role
        edges = sum(name.startswith("E") for name in (self.caller, self.called))
        return ("inter-router", "edge", "inter-edge")[edges]


class Topology:
    """Daemons and how they are connected; `ports` are those for clients, `mesh_ports` by router and role."""

    def __init__(
        self,
        routers: Routers,
        names: Iterable[str],
        links: Iterable[Link],
        *,
        extra: Mapping[str, str] | None = None,
        networks: Mapping[str, str] | None = None,
    ) -> None:
        self.names = list(names)
        self.links = list(links)
        self.routers = routers
        self.networks = networks or {}
        self.ports = {name: free_port() for name in self.names}
        self.mesh_ports = {
            (name, role): free_port() for name in self.names for role in self._listens_for(name)
        }
        for name in self.names:
            routers.add(name, self._text(name) + (extra or {}).get(name, ""))

    def _listens_for(self, name: str) -> tuple[str, ...]:
        called = {link.effective_role for link in self.links if link.called == name}
        return tuple(role for role in ROLES if role in called)

    def __getitem__(self, name: str) -> RouterProcess:
        return self.routers[name]

    def _text(self, name: str) -> str:
        mode = "standalone" if not self.links else "edge" if name.startswith("E") else "interior"
        text = section("router", mode=mode, id=name)
        if name in self.networks:
            text += section("network", networkId=self.networks[name])
        text += section("listener", name="clients", host=HOST, port=self.ports[name]) + ADDRESSES
        for role in self._listens_for(name):
            text += section("listener", name=role, host=HOST, port=self.mesh_ports[name, role], role=role)
        for link in self.links:
            if link.caller == name:
                text += self._connector(link)
        return text

    def _connector(self, link: Link) -> str:
        role = link.effective_role
        return section(
            "connector",
            name=f"to-{link.called}",
            host=HOST,
            port=link.port or self.mesh_ports[link.called, role],
            role=role,
            cost=link.cost if role in {"inter-router", "edge"} else None,
        )

    # --- life

    def start(self, *names: str) -> Topology:
        """Start these, or all, and wait until every interior router knows all it can reach."""
        marks = {name: self.routers[name].mark() for name in names or self.names}
        for name in marks:
            self.routers[name].start(ready=False)
        for name, mark in marks.items():
            self.routers[name].wait_line("Operational,", after=mark)
        self.wait_settled()
        return self

    def wait_settled(self) -> None:
        """Until every running interior router has routes to all it is connected to, and edges are up."""
        for name in self.running:
            if name.startswith("E"):
                self._wait_uplink(name)
            elif self.links:
                self._wait_known(name)

    def _wait_known(self, name: str) -> None:
        """Every row as the paths of the real graph have it: then all agree whose messages pass where."""
        routes = compute(self._link_states(), name)
        origins = routes.valid_origins
        expected = {
            (other, None if hop == other else hop, routes.costs[other], frozenset(origins[other]))
            for other, hop in routes.next_hops.items()
        }

        def rows() -> set[tuple[object, ...]]:
            return {
                (row["id"], row["nextHop"], row["cost"], frozenset(row["validOrigins"]))
                for row in query(self.ports[name], "router.node")
                if row["cost"] is not None
            }

        wait_until(lambda: rows() == expected, f"{name} to have these routes: {expected}")

    def _link_states(self) -> dict[str, dict[str, int]]:
        """What each running interior router says of its links."""
        states: dict[str, dict[str, int]] = {name: {} for name in self.running if not name.startswith("E")}
        for link in self.links:
            if link.effective_role == "inter-router" and {link.caller, link.called} <= states.keys():
                states[link.caller][link.called] = states[link.called][link.caller] = link.cost
        return states

    def _wait_uplink(self, name: str) -> None:
        wanted = len(self._live_uplinks(name)) > 0
        wait_until(lambda: self.has_uplink(name) is wanted, f"{name} to have an uplink: {wanted}")

    @property
    def running(self) -> list[str]:
        """Names of the routers that live."""
        return [name for name in self.names if self.routers[name].running]

    def _live_uplinks(self, name: str) -> list[Link]:
        return [
            link
            for link in self.links
            if link.caller == name and link.effective_role == "edge" and self.routers[link.called].running
        ]

    # --- what routers say

    def known(self, name: str) -> set[str]:
        """The interior routers that it can reach, itself included."""
        rows = query(self.ports[name], "router.node")
        return {row["id"] for row in rows if row["cost"] is not None or row["id"] == name}

    def has_uplink(self, name: str) -> bool:
        """Whether an edge router has a connection into the network."""
        return any(row["role"] == "edge" for row in query(self.ports[name], "connection"))

    def destinations(self, name: str, address: str, letter: str = "M") -> tuple[int, int]:
        """Consumers of an address on this router, and ways to consumers elsewhere."""
        for row in query(self.ports[name], "router.address"):
            if str(row["key"]) == f"{letter}{address}":
                return row["subscriberCount"], row["remoteCount"]
        return 0, 0

    def wait_reachable(self, name: str, address: str) -> None:
        """Until a message for the address would go somewhere from this router."""
        wait_until(lambda: any(self.destinations(name, address)), f"{address} to be known at {name}")

    def wait_count(self, name: str, address: str, count: int) -> None:
        """Until the router knows so many ways to consumers of the address."""
        wait_until(
            lambda: sum(self.destinations(name, address)) == count, f"{count} ways to {address} at {name}"
        )

    def wait_local(self, name: str, address: str, count: int) -> None:
        """Until the router has so many consumers of its own."""
        wait_until(
            lambda: self.destinations(name, address)[0] == count, f"{count} consumers of {address} at {name}"
        )

    def wait_gone(self, name: str, address: str) -> None:
        """Until the router knows no consumer of the address."""
        wait_until(lambda: not any(self.destinations(name, address)), f"{address} to be gone at {name}")
