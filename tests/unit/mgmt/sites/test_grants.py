"""A grant is fixed on its first day, shows what a token needs, and becomes links to the site's listeners."""

from __future__ import annotations

from dataclasses import replace

import pytest
from skrouter.config.resources.access_grant import AccessGrant, AccessGrantSpec, AccessGrantStatus
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.link import Link
from skrouter.config.resources.router_access import Role, RouterAccess, RouterAccessSpec
from skrouter.config.resources.site import Site, SiteSpec
from skrouter.mgmt.sites.facts import Grant, GrantServer
from skrouter.mgmt.sites.grants import GrantError, documents, end, endpoints, fits, is_open, url
from skrouter.mgmt.sites.platform import Pems
from skrouter_testing.site_world import NOW, World

SITE = Site(Metadata("west"), SiteSpec(link_access="default"))
EDGE = Site(Metadata("west"), SiteSpec(edge=True))
GRANT = AccessGrant(Metadata("guests"), AccessGrantSpec(2, "1h"))
SERVER = GrantServer("192.0.2.1", 9090, "pem", {"uid-guests": ""})
ROLES = (Role("inter-router"), Role("edge", 7000))
KEPT = Grant("uid-1", "guests", "code", 2, 0, "2027-01-15T09:00:00Z", "skupper-site-ca")


def status(world: World, grant: AccessGrant = GRANT) -> AccessGrantStatus:
    found = world.statuses[grant.key]
    assert isinstance(found, AccessGrantStatus)
    return found


def test_grant_is_ready_with_all_that_a_token_needs_while_a_server_runs() -> None:
    world = World(grant_server=SERVER)
    world.settle((SITE, GRANT))
    found = status(world)
    kept = world.grants["guests"]
    assert (found.status, found.message) == ("Ready", "OK")
    assert (found.url, found.ca, found.code) == (f"https://192.0.2.1:9090/{kept.uid}", "pem", kept.code)
    assert (found.redemptions, found.expiration_time) == (0, "2027-01-15T09:00:00Z")


@pytest.mark.parametrize("host", ["no host", "a_b", "https://a.example"])
def test_host_that_is_none_is_refused_and_nothing_is_kept(host: str) -> None:
    world = World(grant_server=SERVER)
    grant = replace(GRANT, spec=replace(GRANT.spec, settings={"host": host}))
    world.settle((SITE, grant))
    text = f"settings.host: {host!r} is neither a host name nor an address"
    assert (status(world, grant).status, status(world, grant).message) == ("Error", text)
    assert world.grants == {}


def test_address_is_kept_as_certificates_hold_it() -> None:
    world = World(grant_server=SERVER)
    grant = replace(GRANT, spec=replace(GRANT.spec, settings={"host": "2001:DB8::0001"}))
    world.settle((SITE, grant))
    assert world.grants["guests"].host == "2001:db8::1"


@pytest.mark.parametrize(("later", "redemptions"), [(7200, 0), (0, 2)])
def test_grant_that_is_over_needs_no_server(later: float, redemptions: int) -> None:
    world = World()
    world.settle((SITE, GRANT))
    world.now += later
    world.grants["guests"] = replace(world.grants["guests"], redemptions=redemptions)
    world.settle((SITE, GRANT))
    assert status(world).status == "Ready"


def test_grant_without_a_server_waits_for_one() -> None:
    world = World()
    world.settle((SITE, GRANT))
    found = status(world)
    assert (found.status, found.message, found.url) == ("Pending", "AccessGrants are not enabled", "")
    assert {one.type: one.status for one in found.conditions} == {
        "Processed": "True",
        "Resolved": "False",
        "Ready": "False",
    }


def test_grant_for_a_host_waits_until_the_server_has_a_certificate_for_it() -> None:
    grant = replace(GRANT, spec=replace(GRANT.spec, settings={"host": "other.example"}))
    world = World(grant_server=SERVER)
    world.settle((SITE, grant))
    assert status(world).status == "Pending"
    world.grant_server = replace(SERVER, grants={"uid-guests": "other.example"})
    world.settle((SITE, grant))
    assert status(world).url.startswith("https://other.example:9090/")


def test_end_identity_and_uses_stay_whatever_changes() -> None:
    world = World(grant_server=SERVER)
    world.settle((SITE, GRANT))
    world.grants["guests"] = replace(world.grants["guests"], redemptions=1)
    before = world.grants["guests"]
    world.now += 600
    changed = replace(GRANT, spec=AccessGrantSpec(5, "9h", "chosen"))
    world.settle((SITE, changed))
    assert world.grants["guests"] == replace(before, allowed=5, code="chosen")
    assert status(world).redemptions == 1


def test_grant_that_is_gone_or_has_no_site_cannot_be_redeemed() -> None:
    for rest in ((SITE,), (GRANT,)):
        world = World()
        world.settle((SITE, GRANT))
        world.settle(rest)
        assert world.grants == {}


def test_edge_site_grants_nothing() -> None:
    world = World(grant_server=SERVER)
    world.settle((EDGE, GRANT))
    assert world.grants == {}
    assert status(world).message == "Edge sites cannot accept incoming links from remote sites"


def test_grant_that_allows_nothing_allows_one_redemption_in_fifteen_minutes() -> None:
    world = World()
    world.settle((SITE, AccessGrant(Metadata("guests"), AccessGrantSpec(0, ""))))
    assert (world.grants["guests"].allowed, end(world.grants["guests"])) == (1, NOW + 900)


def test_url_shows_an_ipv6_address_in_brackets() -> None:
    assert url(KEPT, replace(SERVER, host="2001:db8::1")) == "https://[2001:db8::1]:9090/uid-1"
    assert url(replace(KEPT, host="a.example"), SERVER) == "https://a.example:9090/uid-1"


@pytest.mark.parametrize(
    ("grant", "now", "found"),
    [
        (KEPT, NOW, True),
        (replace(KEPT, redemptions=2), NOW, False),
        (KEPT, NOW + 3600, False),
        (replace(KEPT, expiration="soon"), NOW, False),
        (replace(KEPT, expiration="2027-01-15T09:00:00"), NOW, False),
    ],
)
def test_grant_is_open_until_it_is_used_up_or_ends(grant: Grant, now: float, found: bool) -> None:
    assert is_open(grant, now) is found


def test_links_lead_to_where_each_access_listens() -> None:
    accesses = (
        RouterAccess(Metadata("west"), RouterAccessSpec(ROLES, "tls", bind_host="0.0.0.0")),
        RouterAccess(Metadata("inner"), RouterAccessSpec(ROLES[:1], "tls", bind_host="10.0.0.1")),
        RouterAccess(Metadata("local"), RouterAccessSpec((Role("normal"),), "tls")),
    )
    found = [(one.name, one.host, one.port) for one in endpoints(accesses, "west.example")]
    assert found == [
        ("inter-router", "10.0.0.1", "55671"),
        ("inter-router", "west.example", "55671"),
        ("edge", "west.example", "7000"),
    ]


def test_site_that_listens_for_nobody_gives_no_link() -> None:
    with pytest.raises(GrantError, match="No valid endpoints found for site"):
        endpoints((RouterAccess(Metadata("local"), RouterAccessSpec((Role("normal"),), "tls")),), "a")


def test_link_and_secret_have_the_name_that_was_asked_for() -> None:
    access = RouterAccess(Metadata("west"), RouterAccessSpec(ROLES, "tls"))
    secret, link = documents("far", endpoints((access,), "a.example"), Pems(b"1", b"2", b"3"))
    assert isinstance(link, Link)
    assert (secret.name, link.name, link.spec.tls_credentials, link.spec.cost) == ("far", "far", "far", 1)


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("a.example", True),
        ("b.wild.example", True),
        ("wild.example", False),
        ("10.0.0.1", True),
        ("c", False),
    ],
)
def test_certificate_is_good_for_its_names_and_wildcards(host: str, good: bool) -> None:
    assert fits(host, ("a.example", "*.wild.example", "10.0.0.1")) is good
