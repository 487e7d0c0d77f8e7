"""Credentials that are replaced: ordinals grow, connections made before stay valid as long as they should."""

from __future__ import annotations

from dataclasses import replace

from skrouter.config.resources.common import Metadata
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.site import Site, SiteSpec
from skrouter.mgmt.sites.entities import RouterEntity
from skrouter_testing.site_world import World, provided

SITE = Site(Metadata("west"), SiteSpec(link_access="default"))
SECURE = Listener(Metadata("secure"), ListenerSpec("secure", "10.0.0.1", 8443, tls_credentials="secure-tls"))


def profile(world: World) -> RouterEntity:
    """The sslProfile of the listener."""
    return world.entity("sslProfile", "secure-tls")


def settled() -> World:
    world = World()
    world.settle((SITE, SECURE))
    return world


def test_ordinals_only_grow_though_files_are_lost_between() -> None:
    world = settled()
    for serial in "12":
        world.provided["secure-tls"] = provided("secure-tls", serial)
        world.settle((SITE, SECURE))
    del world.provided["secure-tls"], world.credentials["secure-tls"]
    world.settle((SITE, SECURE))
    assert profile(world).get("ordinal") == 3


def test_setting_names_how_many_ordinals_stay_valid() -> None:
    site = replace(SITE, spec=replace(SITE.spec, settings={"tls-prior-valid-revisions": "1"}))
    resources = (site, SECURE)
    world = World()
    world.settle(resources)
    for serial in "123":
        world.provided["secure-tls"] = provided("secure-tls", serial)
        world.settle(resources)
    found = profile(world)
    assert (found.get("ordinal"), found.get("oldestValidOrdinal")) == (3, 2)


def test_replaced_authority_leaves_no_earlier_ordinal_valid() -> None:
    world = settled()
    ordinals = []
    for serial, key in (("1", "a"), ("2", "a"), ("3", "b"), ("4", "b")):
        world.provided["secure-tls"] = replace(provided("secure-tls", serial), ca_key=key)
        world.settle((SITE, SECURE))
        found = profile(world)
        ordinals.append((found.get("ordinal"), found.get("oldestValidOrdinal")))
    assert ordinals == [(1, None), (2, None), (3, 3), (4, 3)]
