"""Rows of management become the picture of the network, and statuses follow from it."""

from __future__ import annotations

from skrouter.config.resources.common import Endpoint, Metadata
from skrouter.config.resources.connector import Connector, ConnectorSpec
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.multi_key_listener import (
    MultiKeyListener,
    MultiKeyListenerSpec,
    Priority,
    Strategy,
)
from skrouter.config.resources.site import LinkRecord, ServiceRecord, Site, SiteSpec
from skrouter.mgmt.sites.network import Network, edge_routers, router_view
from skrouter_testing.site_world import NOW, World

ROWS = {
    "router": [{"id": "west-1", "mode": "interior", "metadata": '{"id":"W","version":"2"}'}],
    "site": [{"name": "west", "namespace": "default", "platform": "linux", "version": "2.1"}],
    "connector": [
        {"name": "east", "role": "inter-router", "host": "e", "port": "55671", "connectionStatus": "SUCCESS"},
        {
            "name": "gone",
            "role": "edge",
            "host": "g",
            "port": "1",
            "connectionStatus": "FAILED",
            "connectionMsg": "no",
        },
        {
            "name": "broker",
            "role": "route-container",
            "host": "b",
            "port": "1",
            "connectionStatus": "SUCCESS",
        },
    ],
    "connection": [
        {"container": "east-1", "host": "e:55671", "role": "inter-router", "dir": "out"},
        {"container": "edge-1", "host": "x:1", "role": "edge", "dir": "in"},
        {"container": "client", "host": "x:2", "role": "normal", "dir": "in"},
    ],
    "tcpListener": [
        {"name": "listener/backend", "address": "backend", "operStatus": "up"},
        {"name": "multiAddress/m", "operStatus": "down", "connectionMsg": "x"},
    ],
    "listenerAddress": [{"listener": "multiAddress/m", "address": "one"}],
    "tcpConnector": [{"name": "connector/db@h", "address": "db", "host": "h"}],
}
EAST = {
    "router": [{"id": "east-1", "mode": "interior", "metadata": '{"id":"E"}'}],
    "site": [{"name": "east"}],
    "tcpConnector": [{"name": "connector/b@h", "address": "backend", "host": "h"}],
    "tcpListener": [{"name": "listener/db", "address": "db", "operStatus": "up"}],
}
NETWORK = Network([router_view(ROWS), router_view(EAST)])


def test_links_have_their_peer_and_the_words_of_the_router() -> None:
    assert [(one.name, one.operational, one.peer, one.detail) for one in NETWORK.own.links] == [
        ("east", True, "east-1", ""),
        ("gone", False, "", "no"),
    ]


def test_records_show_sites_with_links_and_services() -> None:
    east, west = NETWORK.records()
    assert west.links == (LinkRecord("east", "E", "east", True), LinkRecord("gone", "", "", False))
    assert [one.routing_key for one in west.services] == ["backend", "db", "one"]
    assert east.services == (ServiceRecord("backend", ("h",)), ServiceRecord("db", (), ("listener/db",)))


def test_router_without_a_site_is_shown_by_its_id() -> None:
    view = router_view({"router": [{"id": "plain", "metadata": "not json"}]})
    assert (view.site.id, view.site.name) == ("plain", "plain")


def test_edge_routers_are_those_that_connect_as_edge() -> None:
    assert edge_routers(ROWS["connection"]) == ["edge-1"]


def test_statuses_follow_from_the_network_and_keep_the_time_of_their_last_change() -> None:
    site = Site(Metadata("west"), SiteSpec(link_access="default"))
    listener = Listener(Metadata("backend"), ListenerSpec("backend", "h", 1))
    alone = Listener(Metadata("alone"), ListenerSpec("alone", "h", 2))
    connector = Connector(Metadata("db"), ConnectorSpec("db", 1, host="h"))
    link = Link(Metadata("east"), LinkSpec((Endpoint("inter-router", "e", "55671"),)))
    keys = Strategy(Priority(("one", "backend", "db")))
    several = MultiKeyListener(Metadata("m"), MultiKeyListenerSpec("h", 3, keys))
    resources = (site, listener, alone, connector, link, several)
    world = World()
    world.settle(resources)
    assert world.statuses[listener.key].message == "No matching connectors"
    world.network, world.now = NETWORK, NOW + 60
    found = world.settle(resources).statuses
    shown = {name: (one.status, one.message) for (_, name), one in found.items()}
    assert shown["backend"] == shown["db"] == shown["east"] == shown["west"] == ("Ready", "OK")
    assert shown["alone"] == ("Pending", "No matching connectors")
    assert found[link.key].remote_site_name == "east"  # type: ignore[attr-defined]
    assert found[site.key].sites_in_network == 2  # type: ignore[attr-defined]
    assert found[several.key].strategy.priority.routing_keys_reachable == ("backend", "db")  # type: ignore[attr-defined]
    times = {one.type: one.last_transition_time for one in found[listener.key].conditions}
    assert times["Configured"] < times["Matched"] == times["Ready"]
    world.now += 60
    again = world.settle(resources).statuses[listener.key]
    assert {one.type: one.last_transition_time for one in again.conditions} == times
