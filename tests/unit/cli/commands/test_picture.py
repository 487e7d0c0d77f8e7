"""The page shows what is there, what it waits for, and nothing that is not."""

from __future__ import annotations

from dataclasses import replace

from skrouter.cli.commands import picture
from skrouter.config.resources.common import Endpoint, Metadata, Resource
from skrouter.config.resources.connector import Connector, ConnectorSpec
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.multi_key_listener import (
    MultiKeyListener,
    MultiKeyListenerSpec,
    Priority,
    Strategy,
)
from skrouter.config.resources.site import Site, SiteRecord
from skrouter.mgmt.sites.network import ConnectorView, LinkView, ListenerView, Network, RouterView
from skrouter_testing.site_world import NOW, YEAR, World

SITE = Site(Metadata("west"))
LINK = Link(Metadata("east"), LinkSpec((Endpoint("inter-router", "east.example", "55671"),)))
LISTENER = Listener(Metadata("web"), ListenerSpec("backend", "0.0.0.0", 8080))
SEVERAL = MultiKeyListener(
    Metadata("multi"), MultiKeyListenerSpec("0.0.0.0", 9000, Strategy(Priority(("one", "two"))))
)
DATABASE = Connector(Metadata("db"), ConnectorSpec("db", 5432, host="db.example"))
MAIL = Connector(Metadata("mail"), ConnectorSpec("mail", 25, host="mail.example"))
ALL: tuple[Resource, ...] = (SITE, LINK, LISTENER, SEVERAL, DATABASE, MAIL)
NETWORK = Network(
    [
        RouterView(
            "west-1",
            "interior",
            SiteRecord("1", "west", "default", "linux", "1.0"),
            links=(LinkView("east", True, "east-1"), LinkView("south", False)),
            listeners=(ListenerView("listener/web", "backend"),),
        ),
        RouterView(
            "east-1",
            "interior",
            SiteRecord("2", "east", "ns", "podman", "1.0"),
            connectors=(ConnectorView("connector/x@y", "backend", "y"),),
        ),
    ]
)
REACHED = {("db.example", 5432): "", ("mail.example", 25): "Connection refused"}


def page(*resources: Resource) -> list[list[str]]:
    """The cells of every line."""
    world = World()
    world.settle(resources)
    world.network = NETWORK
    plan, observed = world.plan(resources), world.observe(resources)
    found = picture.text(picture.tables(plan, observed, REACHED, NOW))
    return [[cell for cell in line.split("  ") if cell.strip()] for line in found.splitlines()]


def stripped(line: list[str]) -> list[str]:
    return [cell.strip() for cell in line]


def test_page_has_the_site_its_network_links_and_services() -> None:
    shown = [stripped(line) for line in page(*ALL)]
    assert ["west", "Ready", "OK"] in shown
    assert ["east", "ns", "podman", "1.0", "-", "-"] in shown
    assert ["west", "default", "linux", "1.0", "east", "south"] in shown
    assert ["backend", "west", "east"] in shown
    assert ["east", "Ready", "1", "east", "OK"] in shown
    assert ["web", "Ready", "backend", "0.0.0.0", "8080", "OK"] in shown
    assert ["multi", "Pending", "one, two", "0.0.0.0", "9000", "No matching connectors"] in shown
    assert ["db", "Pending", "db", "db.example", "5432", "yes", "No matching listeners"] in shown
    assert [
        "mail",
        "Pending",
        "mail",
        "mail.example",
        "25",
        "Connection refused",
        "No matching listeners",
    ] in (shown)


def test_what_is_not_there_has_no_table() -> None:
    world = World()
    world.settle((SITE,))
    world.network = NETWORK
    plan, observed = world.plan((SITE,)), world.observe((SITE,))
    titles = [one.title for one in picture.tables(plan, observed, {}, NOW)]
    assert titles == ["Site", "Sites of the network", "Services of the network", "Certificates"]


def test_certificates_near_their_end_are_told_with_the_remedy() -> None:
    (warning,) = (line for line in warnings(5 * YEAR) if "skupper-site-ca" in line)
    assert warning == "certificate skupper-site-ca has expired; renew it: skupper system reload"
    assert all("expires in 10 days" in line for line in warnings(5 * YEAR - 10 * 86400))
    (first,) = warnings(YEAR)
    assert first.startswith("the first to end is ") and first.endswith("2032-01-14T08:00:00Z")


def warnings(later: float) -> list[str]:
    world = World()
    world.settle((SITE,))
    found = picture.tables(world.plan((SITE,)), world.observe((SITE,)), {}, NOW + later)
    return [row[0] for one in found if one.title == "Certificates" for row in one.rows]


def test_programs_get_the_resources_and_what_cannot_be_reached() -> None:
    world = World()
    world.settle(ALL)
    world.network = NETWORK
    plan, observed = world.plan(ALL), world.observe(ALL)
    found = picture.document(plan, observed, REACHED, NOW)
    assert {one["metadata"]["name"] for one in found["resources"]} == {
        "west",
        "east",
        "web",
        "multi",
        "db",
        "mail",
    }
    assert found["hosts"][1] == {
        "host": "mail.example",
        "port": 25,
        "reachable": False,
        "reason": "Connection refused",
    }
    assert found["warnings"] == []


def test_places_are_those_of_all_connectors() -> None:
    world = World()
    world.settle(ALL)
    selected = replace(MAIL, spec=replace(MAIL.spec, host="", selector="app=x"))
    assert picture.places(world.plan((*ALL[:-1], selected))) == [("db.example", 5432)]
