"""The running router of a namespace by management: what it has, and changes to it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

from skrouter.mgmt.client.errors import AnswerError
from skrouter.mgmt.client.net import (
    ConnectionException,
    LinkDetached,
    RouterConnection,
    Timeout,
    connect,
)
from skrouter.mgmt.client.request import ManagementError, Node, node_address
from skrouter.mgmt.client.settings import ConnectionSettings, Endpoint, TlsSettings
from skrouter.mgmt.platforms.linux.files import CA_FILE, CERTIFICATE_FILE, KEY_FILE
from skrouter.mgmt.sites.certificates import LOCAL_CLIENT
from skrouter.mgmt.sites.changes import CreateEntity, DeleteEntity, UpdateEntity
from skrouter.mgmt.sites.entities import OWN_ROLE, RouterConfig, RouterEntity
from skrouter.mgmt.sites.network import Network, RouterView, edge_routers, router_view

PREFIX = "io.skupper.router."
HOST = "127.0.0.1"
ANSWER_TIME = 5.0
PROBE_TIME = 1.0
MANAGED = (
    "router",
    "sslProfile",
    "proxyProfile",
    "connector",
    "listener",
    "tcpConnector",
    "tcpListener",
    "listenerAddress",
    "log",
    "site",
)
_VIEWED = ("router", "site", "connector", "connection", "tcpListener", "tcpConnector", "listenerAddress")
_NAMES = {"router": "id", "log": "module"}
LOST = (ConnectionException, LinkDetached, Timeout, AnswerError)
"""What ends a conversation with a router."""


def local_port(config: RouterConfig) -> int | None:
    """The port of the router's own listener, by which it is managed."""
    found = [one for one in config if one.type == "listener" and one.get("role") == OWN_ROLE]
    return int(found[0].get("port")) if found else None


def is_of_another(port: int, certificates: Path) -> bool:
    """Whether who answers there is surely not the router of these certificates.

    One that says nothing, or ends the conversation, may be the router: busy, starting or ending.
    """
    try:
        context = _own_context(certificates / LOCAL_CLIENT)
    except OSError:
        return False  # certificates are made first
    try:
        with socket.create_connection((HOST, port), PROBE_TIME) as sock, context.wrap_socket(sock):
            return False
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return False
    except ssl.SSLError:
        return True
    except OSError:
        return False


def _own_context(directory: Path) -> ssl.SSLContext:
    """TLS as the site's own client; OSError if its files are not there or broken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(directory / CA_FILE)
    context.load_cert_chain(directory / CERTIFICATE_FILE, directory / KEY_FILE)
    return context


class LiveRouter:
    """A connection to the router; every method may raise one of `LOST`."""

    def __init__(self, port: int, certificates: Path, timeout: float = ANSWER_TIME) -> None:
        """Connect as the site's own client."""
        files = certificates / LOCAL_CLIENT
        tls = TlsSettings(str(files / "tls.crt"), str(files / "tls.key"), str(files / "ca.crt"))
        endpoint = Endpoint("amqps", HOST, port)
        self._connection: RouterConnection = connect(ConnectionSettings(endpoint, timeout, tls))
        self._node = Node(self._connection)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def entities(self) -> tuple[RouterEntity, ...]:
        """All entities of the types that a site uses."""
        return tuple(one for kind in MANAGED for one in self._entities(kind))

    def _entities(self, kind: str) -> Iterable[RouterEntity]:
        for row in self._node.query(PREFIX + kind).maps():
            name = str(row.get(_NAMES.get(kind, "name")) or "")
            yield RouterEntity(kind, name, {key: value for key, value in row.items() if key != "name"})

    def carry_out(self, change: CreateEntity | UpdateEntity | DeleteEntity) -> str:
        """Do it; the router's words if it refuses, else nothing."""
        try:
            match change:
                case CreateEntity(entity=one):
                    self._node.create(one.attributes, PREFIX + one.type, one.name)
                case UpdateEntity(entity=one, attributes=attributes):
                    name = f"log/{one.name}" if one.type == "log" else one.name
                    self._node.update(attributes, PREFIX + one.type, name, None)
                case DeleteEntity(type="listener", name=name):
                    self._delete_listener(name)
                case DeleteEntity(type=kind, name=name):
                    self._node.delete(PREFIX + kind, name, None)
        except ManagementError as error:
            return str(error)
        return ""

    def _delete_listener(self, name: str) -> None:
        """With the last listener of a profile end the links that came by it; the router would keep them.

        Management may not close connections of routers, but those under an ordinal no longer valid end.
        """
        listeners = {row["name"]: row for row in self._node.query(f"{PREFIX}listener").maps()}
        profile = str(listeners.pop(name, {}).get("sslProfile") or "")
        self._node.delete(f"{PREFIX}listener", name, None)
        if profile and profile not in {row.get("sslProfile") for row in listeners.values()}:
            found = self._node.read(f"{PREFIX}sslProfile", profile, None)
            ordinal = int(found.get("ordinal") or 0) + 1
            changes = {"ordinal": ordinal, "oldestValidOrdinal": ordinal}
            self._node.update(changes, f"{PREFIX}sslProfile", profile, None)

    # --- the network

    def network(self) -> Network:
        """This router and all others that answer."""
        own, known = self._view(self._node), {}
        interiors = self._interiors(own)
        for name in interiors:
            node = self._node.at(node_address(router=name))
            view = self._other(node)
            if view is not None:
                known[name] = view
                known |= self._edges(node, own.id)
        known |= self._edges(self._node, own.id)
        known.pop(own.id, None)
        return Network([own, *(known[name] for name in sorted(known))])

    def _interiors(self, own: RouterView) -> list[str]:
        """All interior routers; an edge router asks the one that it hangs on."""
        node = self._node
        if own.mode == "edge":
            uplinks = [one.peer for one in own.links if one.operational and one.peer]
            if not uplinks:
                return []
            node = self._node.at(node_address(router=uplinks[0]))
        try:
            rows = node.query(PREFIX + "router.node", ("id", "nextHop", "cost")).maps()
        except (*LOST, ManagementError):
            return []
        return sorted({str(row["id"]) for row in rows if is_reachable(row)} - {own.id})

    def _edges(self, node: Node, own: str) -> dict[str, RouterView]:
        try:
            names = edge_routers(node.query(PREFIX + "connection", ("container", "role", "dir")).maps())
        except (*LOST, ManagementError):
            return {}
        views = {
            name: self._other(self._node.at(node_address(edge_router=name))) for name in names if name != own
        }
        return {name: view for name, view in views.items() if view is not None}

    def _other(self, node: Node) -> RouterView | None:
        """A router that does not answer, or leaves meanwhile, is not there."""
        try:
            return self._view(node)
        except (LinkDetached, Timeout, ManagementError, AnswerError):
            return None

    def _view(self, node: Node) -> RouterView:
        return router_view({kind: node.query(PREFIX + kind).maps() for kind in _VIEWED})


def is_reachable(row: Mapping[str, object]) -> bool:
    """Whether there is a path to the router: the answer of one that has gone would be waited for."""
    return bool(row.get("id")) and (row.get("cost") is not None or row.get("nextHop") == "(self)")
