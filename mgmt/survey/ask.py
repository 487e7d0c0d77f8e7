"""Asking routers for what a report holds, and finding further ones to ask."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from skrouter.mgmt.client.errors import NotFoundStatus
from skrouter.mgmt.client.request import Node, node_address
from skrouter.mgmt.survey.reports import UPLINK_ADDRESS, AddressReport, Report, Row, Target
from skrouter.router.core.address import AddressParser

PREFIX = "io.skupper.router."

_NODES = ("id", "nextHop", "cost", "linkState", "validOrigins", "routerLink")
_CONNECTIONS = (
    "identity",
    "host",
    "container",
    "role",
    "dir",
    "protocol",
    "active",
    "isEncrypted",
    "sslProto",
    "user",
    "properties",
)
_CONNECTORS = ("name", "host", "port", "role", "cost", "connectionStatus", "connectionMsg")
_LINKS = (
    "identity",
    "linkType",
    "linkDir",
    "owningAddr",
    "capacity",
    "connectionId",
    "creditAvailable",
    "zeroCreditSeconds",
    "undeliveredCount",
    "unsettledCount",
    "deliveriesStuck",
    "priority",
)
_SERVICES = ("tcpListener", "tcpConnector", "listenerAddress", "router.config.autoLink")

Answer = TypeVar("Answer")

Silence = tuple[type[Exception], ...]
"""What a transport raises when a router does not answer."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """Reports by router id; `silent` holds the routers that others name and that do not answer."""

    start: str
    reports: dict[str, Report]
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """Asks the router at `node`, and others through it; `silence` are the errors of one that is not there."""

    node: Node
    silence: Silence = ()

    def at(self, target: Target) -> Node:
        """The agent of another router."""
        where = {"edge_router": target.id} if target.is_edge else {"router": target.id}
        return self.node.at(node_address(**where))

    def mesh(self) -> Mesh:
        """The report of every router that can be found from the first."""
        first = report(self.node)
        reports, silent = {first.id: first}, []
        waiting, seen = deque(first.neighbors()), {first.id}
        while waiting:
            target = waiting.popleft()
            if target.id in seen:
                continue
            seen.add(target.id)
            found = self._unless_silent(partial(report, self.at(target)))
            if found is None:
                silent.append(target.id)
            else:
                reports[target.id] = found
                waiting.extend(found.neighbors())
        return Mesh(first.id, reports, tuple(silent))

    def address(self, text: str, target: Target | None) -> AddressReport | None:
        """What a router (None: the first) says of an address; None if it does not answer."""
        if target is None:
            return address_report(self.node, text)
        return self._unless_silent(partial(address_report, self.at(target), text))

    def known_addresses(self) -> list[str]:
        """Keys of the addresses that the first router knows."""
        return [str(row["name"]) for row in _rows(self.node, "router.address", ("name",))]

    def _unless_silent(self, ask: Callable[[], Answer]) -> Answer | None:
        try:
            return ask()
        except self.silence:
            return None


def report(node: Node) -> Report:
    """What the router says of itself."""
    router = _one(node, "router", ("id", "mode"))
    metrics = _one(node, "routerMetrics")
    return Report(
        id=str(router["id"]),
        mode=str(router["mode"]),
        version=str(metrics.get("version") or metrics.get("") or ""),
        nodes=_rows(node, "router.node", _NODES),
        connections=_rows(node, "connection", _CONNECTIONS),
        connectors=_rows(node, "connector", _CONNECTORS),
    )


def address_report(node: Node, text: str) -> AddressReport:
    """What the router says of the address."""
    about = report(node)
    key = _parser(node, about).key(text)
    policy = _one(node, "policy", ("enableVhostPolicy",))
    keys = {key, UPLINK_ADDRESS} if about.is_edge else {key}
    links = _rows(node, "router.link", _LINKS)
    return AddressReport(
        router=about,
        key=key,
        address=_address(node, key),
        default_distribution=str(_one(node, "router", ("defaultDistribution",))["defaultDistribution"]),
        links=tuple(row for row in links if row.get("owningAddr") in keys),
        mesh_links=tuple(
            row for row in links if row.get("linkType") == "inter-router" and row.get("linkDir") == "out"
        ),
        rules=_rows(node, "router.config.address"),
        policy=policy,
        vhosts=_rows(node, "vhost") if policy.get("enableVhostPolicy") else (),
        services=tuple(row for kind in _SERVICES for row in _rows(node, kind) if _names(row, key)),
    )


def _parser(node: Node, about: Report) -> AddressParser:
    network = _one(node, "network").get("networkId")
    peers = {str(row["container"]) for row in about.connections if row.get("role") == "inter-edge"}
    own = None if network in (None, "", "0") else str(network)
    return AddressParser(about.id, not about.is_edge, own, peers)


def _address(node: Node, key: str) -> Row | None:
    try:
        return node.read(f"{PREFIX}router.address", None, key) if key else None
    except NotFoundStatus:
        return None


def _names(service: Row, key: str) -> bool:
    """Whether the entity serves or uses the mobile address of this key."""
    return key[:1] == "M" and service.get("address") == key[1:]


def _rows(node: Node, kind: str, names: Sequence[str] = ()) -> tuple[Row, ...]:
    return tuple(node.query(PREFIX + kind, names).maps())


def _one(node: Node, kind: str, names: Sequence[str] = ()) -> Row:
    return next(iter(_rows(node, kind, names)), {})
