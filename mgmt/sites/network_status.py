"""The picture of the network as a document that tools of the field read (kubernetes.md §8).

What the reference takes from flow records is taken from management: access points have made-up identities,
one for each router, by which links and sites are joined as in the reference.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from skrouter.mgmt.sites.network import LinkView, Network, RouterView

PROTOCOL = "tcp"


def network_status(network: Network) -> dict[str, Any]:
    """The document; lists in the order of names."""
    sites: dict[str, list[RouterView]] = {}
    for router in sorted(network.routers, key=lambda one: (one.site.name, one.id)):
        sites.setdefault(router.site.id, []).append(router)
    return {
        "addresses": _addresses(network),
        "siteStatus": [
            {"site": _site(routers[0]), "routerStatus": [_router(one) for one in routers]}
            for routers in sites.values()
        ],
    }


def _addresses(network: Network) -> list[dict[str, Any]]:
    wanted = Counter(one.address for router in network.routers for one in router.listeners)
    served = Counter(one.address for router in network.routers for one in router.connectors)
    return [
        {
            "name": key,
            "protocol": PROTOCOL,
            "startTime": 0,
            "endTime": 0,
            "listenerCount": wanted[key],
            "connectorCount": served[key],
        }
        for key in sorted(wanted.keys() | served.keys())
    ]


def _site(router: RouterView) -> dict[str, Any]:
    site = router.site
    found = {"identity": site.id, "name": site.name, "namespace": site.namespace, "platform": site.platform}
    return _given({**found, "siteVersion": site.version})


def _router(router: RouterView) -> dict[str, Any]:
    return _given(
        {
            "router": {"name": router.id, "namespace": router.site.namespace, "mode": router.mode},
            "links": [_link(one) for one in router.links],
            "routerAccess": [{"identity": _access(router.id)}],
            "listeners": [
                _given({"name": one.name, "protocol": PROTOCOL, "address": one.address})
                for one in router.listeners
            ],
            "connectors": [
                _given({"destHost": one.host, "address": one.address}) for one in router.connectors
            ],
        }
    )


def _link(link: LinkView) -> dict[str, Any]:
    peer = _access(link.peer) if link.peer else ""
    return _given({"name": link.name, "status": "up" if link.operational else "down", "peer": peer})


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    """Without empty fields."""
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _access(router: str) -> str:
    return f"{router}:access"
