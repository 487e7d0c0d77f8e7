"""The picture of the network as the document that tools know (kubernetes.md §8)."""

from __future__ import annotations

from typing import Any

from skrouter.config.resources.site import SiteRecord
from skrouter.mgmt.sites.network import ConnectorView, LinkView, ListenerView, Network, RouterView
from skrouter.mgmt.sites.network_status import network_status

WEST = RouterView(
    "west-1",
    "interior",
    SiteRecord(id="W", name="west", namespace="default", platform="linux", version="2.1"),
    links=(LinkView("to-east", True, "east-1"), LinkView("gone", False)),
    listeners=(ListenerView("listener/backend", "backend"),),
)
EAST = RouterView(
    "east-1",
    "edge",
    SiteRecord(id="E", name="east"),
    connectors=(ConnectorView("connector/backend@h", "backend", "h"),),
)


def site(document: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in document["siteStatus"] if one["site"]["name"] == name]
    return found  # type: ignore[no-any-return]


def test_services_are_counted_on_both_sides() -> None:
    assert network_status(Network([WEST, EAST]))["addresses"] == [
        {
            "name": "backend",
            "protocol": "tcp",
            "startTime": 0,
            "endTime": 0,
            "listenerCount": 1,
            "connectorCount": 1,
        }
    ]


def test_link_leads_to_the_site_that_has_its_peer_among_its_access_points() -> None:
    document = network_status(Network([WEST, EAST]))
    (router,) = site(document, "west")["routerStatus"]
    up, down = router["links"]
    assert (up["name"], up["status"]) == ("to-east", "up")
    assert down == {"name": "gone", "status": "down"}
    (other,) = site(document, "east")["routerStatus"]
    assert other["routerAccess"] == [{"identity": up["peer"]}]


def test_sites_and_routers_have_the_fields_that_tools_know() -> None:
    document = network_status(Network([WEST, EAST]))
    assert site(document, "west")["site"] == {
        "identity": "W",
        "name": "west",
        "namespace": "default",
        "platform": "linux",
        "siteVersion": "2.1",
    }
    (west,), (east,) = site(document, "west")["routerStatus"], site(document, "east")["routerStatus"]
    assert west["router"] == {"name": "west-1", "namespace": "default", "mode": "interior"}
    assert west["listeners"] == [{"name": "listener/backend", "protocol": "tcp", "address": "backend"}]
    assert east["connectors"] == [{"destHost": "h", "address": "backend"}]


def test_two_routers_of_one_site_are_one_site() -> None:
    second = RouterView("west-2", "interior", WEST.site)
    (found,) = network_status(Network([WEST, second]))["siteStatus"]
    assert [one["router"]["name"] for one in found["routerStatus"]] == ["west-1", "west-2"]
