"""Routers in a row, each with a listener for clients: A, A - B, A - B - C. Mesh links are plain.

The connectors point to the left: B calls A, C calls B, so that a router that is started again is found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, RouterProcess, Routers, free_port, section, wait_until

FAST_RETRY = 5.0
"""Seconds after which a connector tries again."""

MULTICAST = section("address", prefix="multicast", distribution="multicast")
CLOSEST = section("address", prefix="closest", distribution="closest")
UNAVAILABLE = section("address", prefix="unavailable", distribution="unavailable")
ADDRESSES = MULTICAST + CLOSEST + UNAVAILABLE


class RouterLine:
    """The routers of one row; `ports` are those for clients."""

    def __init__(
        self,
        routers: Routers,
        names: Sequence[str],
        *,
        extra: Mapping[str, str] | None = None,
        environments: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.names = names
        self.ports = {name: free_port() for name in names}
        self.mesh_ports = {name: free_port() for name in names}
        self.routers = routers
        for place, name in enumerate(names):
            text = self._text(place, name) + (extra or {}).get(name, "")
            routers.add(name, text, (environments or {}).get(name))

    def __getitem__(self, name: str) -> RouterProcess:
        return self.routers[name]

    def start(self, *names: str) -> RouterLine:
        """Start these, or all, and wait until every running one knows every other."""
        for name in names or self.names:
            self.routers[name].start()
        running = [name for name in self.names if self.routers[name].running]
        for name in running:
            self.wait_known(name, running)
        return self

    def wait_known(self, name: str, others: Sequence[str]) -> None:
        """Until the router has a route to exactly these (itself is named too)."""
        if len(self.names) == 1:
            return
        wait_until(lambda: self.known(name) == set(others), f"{name} to know {sorted(others)}")

    def known(self, name: str) -> set[str]:
        """The routers that it can reach, itself included; others may be remembered for a while."""
        rows = query(self.ports[name], "router.node")
        return {row["id"] for row in rows if row["cost"] is not None or row["id"] == name}

    def wait_address(self, name: str, address: str, *, local: int = 0, remote: int = 0) -> None:
        """Until the router counts so many consumers of a mobile address here, and routers that have some."""

        def counted() -> bool:
            return self.consumers(name, address) == (local, remote)

        wait_until(counted, f"{name} to have {local} local and {remote} remote consumers of {address}")

    def consumers(self, name: str, address: str) -> tuple[int, int]:
        """Local consumers of a mobile address, and remote routers that have some."""
        for row in query(self.ports[name], "router.address"):
            if str(row["key"]) == f"M{address}":
                return row["subscriberCount"], row["remoteCount"]
        return 0, 0

    def _text(self, place: int, name: str) -> str:
        mode = "interior" if len(self.names) > 1 else "standalone"
        text = section("router", mode=mode, id=name)
        text += section("listener", name="clients", host=HOST, port=self.ports[name])
        text += ADDRESSES
        if mode == "interior":
            text += section(
                "listener", name="mesh", host=HOST, port=self.mesh_ports[name], role="inter-router"
            )
        if place:
            left = self.mesh_ports[self.names[place - 1]]
            text += section("connector", name="left", host=HOST, port=left, role="inter-router")
        return text
