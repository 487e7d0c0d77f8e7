"""A link reaches the other site through the HTTP proxy that its Secret names, with its password."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from skrouter.config.resources.common import Metadata
from skrouter.config.resources.core import Secret
from skrouter.config.resources.documents import load
from skrouter.config.resources.link import Link
from skrouter.config.resources.site import Site, SiteSpec
from skrouter_testing.process import wait_until
from skrouter_testing.proxy import Proxy

WEST = Site(Metadata("west"), SiteSpec(link_access="default"))
EAST = Site(Metadata("east"))


def test_link_goes_through_its_proxy_and_takes_up_a_new_password(sites: Any) -> None:
    west, east = sites.add("west"), sites.add("east")
    west.put(WEST)
    west.settle()
    documents = load((west.layout.links / "link-west-127.0.0.1.yaml").read_text()).good()
    credentials, link = (next(one for one in documents if isinstance(one, kind)) for kind in (Secret, Link))
    link = replace(link, spec=replace(link.spec, settings={"proxy-configuration": "way-out"}))
    with Proxy(credentials="us:better") as proxy:
        data = {"host": b"127.0.0.1", "port": str(proxy.port).encode(), "username": b"us", "password": b"old"}
        secret = Secret(Metadata("way-out"), "kubernetes.io/basic-auth", data)
        east.put(EAST, credentials, link, secret)
        east.settle()
        file = east.layout.certificates / "way-out/password.txt"
        assert (file.read_text(), file.stat().st_mode & 0o777) == ("old\n", 0o600)
        east.put(replace(secret, data={**data, "password": b"better"}))
        wait_until(lambda: is_up(east, link.name), "the link")
        port = link.spec.endpoints[0].port
        assert f"127.0.0.1:{port}" in proxy.targets
        assert east.reconcile().plan.changes == ()


def is_up(site: Any, name: str) -> bool:
    status = site.reconcile().plan.statuses["Link", name]
    return bool(status.status == "Ready")
