"""Address texts and the keys of the address table: a class letter and a text (spec: routing-protocol §3).

The data plane has the same rules in `router/forwarder/tables.pyx`; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LOCAL, TOPOLOGICAL, ROUTER, MOBILE, AREA, EDGE, NETWORK = "L", "T", "R", "M", "A", "H", "N"
"""Class letters: this router only, all routers, one router, anywhere, another area, an edge router, another
network.
"""

EDGE_UPLINK_KEY = "L_edge"
SHARED_CLASSES = frozenset((MOBILE, EDGE, NETWORK))
"""Classes whose local destinations other routers are told of."""


def _strip(text: str) -> str:
    """Without `scheme://host/`, `scheme:/` or a leading `/`, and without one trailing separator."""
    colon, slash = text.find(":"), text.find("/")
    if slash == 0:
        text = text[1:]
    elif colon >= 0 and slash == colon + 1:
        text = text[slash + 1 :]
        if text.startswith("/"):
            _host, _, text = text[1:].partition("/")
    return text[:-1] if text.endswith((".", "/")) else text


@dataclass(slots=True)
class AddressParser:
    """Makes keys from the point of view of one router; `peers`: edge routers that an edge router reaches
    directly. `network`: the id of this router's network, if it has one; `former`: the one before, which
    addresses of clients may still have.
    """

    router_id: str
    interior: bool = True
    network: str | None = None
    peers: set[str] = field(default_factory=set, compare=False)
    former: str | None = None

    def rename_network(self, network: str | None) -> None:
        """From now on the network has this id, or none."""
        self.former, self.network = self.network, network

    def key(self, address: str) -> str:
        """The key of an address; empty if it names nothing."""
        text = _strip(address)
        head, _, rest = text.partition("/")
        if "/" not in text:
            return self._key(MOBILE, text)
        if head == "_local":
            return self._key(LOCAL, rest)
        if head in ("_xtopo", "_xedge"):
            network, _, rest = rest.partition("/")
            if self.network is not None and network not in (self.network, self.former, "0"):
                return self._key(NETWORK, network) if self.interior else EDGE_UPLINK_KEY
        if head in ("_topo", "_xtopo"):
            return self._topological(rest)
        if head in ("_edge", "_xedge"):
            return self._edge(rest)
        return self._key(MOBILE, text)

    @staticmethod
    def _key(letter: str, text: str) -> str:
        return letter + text if text else ""

    def _topological(self, text: str) -> str:
        area, _, rest = text.partition("/")
        if area not in ("0", "all"):
            return self._key(AREA, area) if self.interior else EDGE_UPLINK_KEY
        router, _, name = rest.partition("/")
        if router == "all":
            return self._key(TOPOLOGICAL, name)
        if router == self.router_id:
            return self._key(LOCAL, name)
        return self._key(ROUTER, router) if self.interior else EDGE_UPLINK_KEY

    def _edge(self, text: str) -> str:
        router, _, name = text.partition("/")
        if router == self.router_id:
            return self._key(LOCAL, name)
        return self._key(EDGE, router) if self.interior or router in self.peers else EDGE_UPLINK_KEY

    @property
    def prefix(self) -> str:
        """What addresses of this router begin with, for the whole of the network and beyond it."""
        across = f"x{'topo' if self.interior else 'edge'}/{self.network}" if self.network else ""
        kind = across or ("topo" if self.interior else "edge")
        return f"amqp:/_{kind}/{'0/' if self.interior else ''}{self.router_id}/"

    def temporary(self, unique: str, tenant: str | None = None) -> str:
        """An address of this router for one client's replies."""
        return f"{self.prefix}{tenant + '/' if tenant else ''}temp.{unique}"
