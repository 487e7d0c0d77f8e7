"""A link through an HTTP proxy has the proxy of its Secret; the password is in a file, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from skrouter.config.resources.common import Endpoint, Metadata
from skrouter.config.resources.core import Secret
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.config.resources.site import Site
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.entities import find, parse
from skrouter_testing.site_world import SETTING, World

SITE = Site(Metadata("west"))
LINK = Link(
    Metadata("east"),
    LinkSpec(
        (Endpoint("inter-router", "east.example", "55671"),), settings={"proxy-configuration": "way-out"}
    ),
)
DATA = {"host": b"proxy.example", "port": b"3128", "username": b"us", "password": b"hidden\n"}
SECRET = Secret(Metadata("way-out"), "kubernetes.io/basic-auth", DATA)


def settled(*resources: Site | Link | Secret) -> World:
    world = World()
    world.settle(resources)
    return world


def test_link_goes_through_the_proxy_of_its_secret() -> None:
    world = settled(SITE, LINK, SECRET)
    config = parse(world.config)
    profile, connector = find(config, "proxyProfile"), find(config, "connector")
    assert connector is not None and connector.get("proxyProfile") == "way-out"
    assert profile is not None and (profile.name, profile.attributes) == (
        "way-out",
        {
            "host": "proxy.example",
            "port": "3128",
            "username": "us",
            "password": f"file:{SETTING.profiles}/way-out/password.txt",
        },
    )
    assert world.passwords == {"way-out": "hidden"} and "hidden" not in world.config + repr(world.done)


def test_proxy_that_wants_no_password_has_no_file() -> None:
    world = settled(SITE, LINK, replace(SECRET, data={"host": b"proxy.example", "port": b"3128"}))
    profile = find(parse(world.config), "proxyProfile")
    assert profile is not None and set(profile.attributes) == {"host", "port"} and world.passwords == {}


def test_new_password_is_written_and_the_link_stays() -> None:
    world = settled(SITE, LINK, SECRET)
    world.done.clear()
    world.settle((SITE, LINK, replace(SECRET, data={**DATA, "password": b"better"})))
    assert world.done == [c.StorePassword("way-out", "better")]


def test_new_host_of_the_proxy_is_told_with_the_password_that_nobody_sees() -> None:
    world = settled(SITE, LINK, SECRET)
    world.done.clear()
    world.settle((SITE, LINK, replace(SECRET, data={**DATA, "host": b"other.example"})))
    (update,) = (one for one in world.done if isinstance(one, c.UpdateEntity))
    assert update.attributes == {
        "host": "other.example",
        "password": f"file:{SETTING.profiles}/way-out/password.txt",
    }
    assert not any(isinstance(one, c.DeleteEntity) for one in world.done)


def test_password_goes_when_no_link_needs_it_after_the_profile() -> None:
    world = settled(SITE, LINK, SECRET)
    world.done.clear()
    world.settle((SITE, SECRET))
    assert world.passwords == {}
    deleted = world.done.index(c.DeleteEntity("proxyProfile", "way-out"))
    assert world.done.index(c.RemoveCredentials("way-out")) > deleted


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, "Secret not found for proxy configuration"),
        ({"host": b"a"}, 'the Secret "way-out" of the proxy needs host and port'),
        (
            {"host": b"a", "port": b"1", "password": b"x"},
            'the Secret "way-out" of the proxy needs a username, and a password of one line',
        ),
        (
            {"host": b"a", "port": b"1", "username": b"u", "password": b"x\ny"},
            'the Secret "way-out" of the proxy needs a username, and a password of one line',
        ),
    ],
)
def test_link_whose_proxy_is_not_known_says_so(data: dict[str, bytes] | None, text: str) -> None:
    secrets = () if data is None else (replace(SECRET, data=data),)
    world = settled(SITE, LINK, *secrets)
    assert (world.statuses[LINK.key].status, world.statuses[LINK.key].message) == ("Error", text)
    assert find(parse(world.config), "proxyProfile") is None
