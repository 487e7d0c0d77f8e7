"""Who asks why something is not ready gets the chain of causes and one thing to do."""

from __future__ import annotations

from skrouter.config.resources.access_grant import AccessGrant
from skrouter.config.resources.common import Endpoint, Metadata, Resource
from skrouter.config.resources.connector import Connector, ConnectorSpec
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.site import Site, SiteRecord
from skrouter.mgmt.sites.explain import explain
from skrouter.mgmt.sites.network import ConnectorView, LinkView, ListenerView, Network, RouterView
from skrouter_testing.site_world import World

SITE = Site(Metadata("west"))
LISTENER = Listener(Metadata("backend"), ListenerSpec("backend", "0.0.0.0", 8080))
CONNECTOR = Connector(Metadata("db"), ConnectorSpec("db", 5432, host="db"))
LINK = Link(Metadata("east"), LinkSpec((Endpoint("inter-router", "east.example", "55671"),)))
ALL = (SITE, LISTENER, CONNECTOR, LINK)


def network(
    *, key: str = "other", link: LinkView | None = None, is_open: bool = True, detail: str = ""
) -> Network:
    own = RouterView(
        "west-1",
        "interior",
        SiteRecord("1", "west"),
        links=(link or LinkView("east", True, "east-1"),),
        listeners=(ListenerView("listener/backend", "backend", is_open, detail),),
        connectors=(ConnectorView("connector/db@db", "db", "db"),),
    )
    east = RouterView(
        "east-1", "interior", SiteRecord("2", "east"), connectors=(ConnectorView("connector/x@y", key, "y"),)
    )
    return Network([own, east])


def causes(resource: Resource, found: Network | None, *, settle: bool = True) -> list[tuple[str, str]]:
    world = World()
    if settle:
        world.settle(ALL)
    world.network = found
    plan = world.plan(ALL)
    return [(one.text, one.next_step) for one in explain(resource.key, plan, world.observe(ALL))]


def test_nothing_is_to_explain_about_what_is_ready() -> None:
    assert causes(LISTENER, network(key="backend")) == []


def test_grant_that_nobody_redeems_is_explained_with_two_ways() -> None:
    grant = AccessGrant(Metadata("guests"))
    world = World()
    world.settle((SITE, grant))
    found = explain(grant.key, world.plan((SITE, grant)), world.observe((SITE, grant)))
    assert found[-1].text == "no server redeems grants on this machine"
    assert found[-1].next_step.endswith("skupper token issue FILE --grant guests")


def test_missing_connector_is_named_with_what_to_create() -> None:
    found = causes(LISTENER, network())
    assert found[0][0] == "Listener/backend is Pending: No matching connectors"
    assert "no connector of the 2 sites east, west has the routing key 'backend'" in found[1][0]
    assert found[-1][1] == "create a connector with this key at a site: skupper connector create backend PORT"


def test_key_that_is_almost_right_is_pointed_out() -> None:
    found = causes(LISTENER, network(key="backendd"))
    assert found[-1] == ("there is one for 'backendd'", "use the same routing key on both sides")


def test_link_that_is_down_is_the_deeper_cause() -> None:
    down = LinkView("east", False, detail="Connection refused")
    found = causes(LISTENER, network(link=down))
    assert found[-1] == ("links are down: east", "see: skupper debug explain link east")
    assert causes(LINK, network(link=down))[-1] == (
        "Connection refused",
        "check that the remote site runs with link access, and host and port of the link",
    )


def test_advice_follows_the_words_of_the_router() -> None:
    view = LinkView("east", False, detail="TLS connection failed: certificate verify failed")
    assert "get a new link or token" in causes(LINK, network(link=view))[-1][1]


def test_connector_without_listener_says_so() -> None:
    found = causes(CONNECTOR, network())
    assert found[-1][1] == "create a listener with this key at a site: skupper listener create db PORT"


def test_listener_that_cannot_listen_says_why() -> None:
    found = causes(LISTENER, network(key="backend", is_open=False, detail="Address already in use"))
    assert "Address already in use" in found[0][0]


def test_router_that_does_not_run_comes_before_everything_else() -> None:
    found = causes(LISTENER, None, settle=False)
    assert found[-1] == ("the site has no router running", "start it: skupper system start")


def test_unknown_resource_names_those_that_exist() -> None:
    world = World()
    plan = world.plan(ALL)
    (only,) = explain(("Listener", "backnd"), plan, world.observe(ALL))
    assert (only.text, only.next_step) == ("there is no Listener backnd", "there are: backend")
