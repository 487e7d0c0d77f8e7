"""What is wrong with documents together is told, all of it, in the texts that people know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from skrouter.config.resources.common import Endpoint, Metadata, Resource
from skrouter.config.resources.connector import Connector, ConnectorSpec
from skrouter.config.resources.core import Secret
from skrouter.config.resources.link import Link, LinkSpec
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.multi_key_listener import (
    MultiKeyListener,
    MultiKeyListenerSpec,
    Priority,
    Strategy,
    Weighted,
)
from skrouter.config.resources.router_access import Role, RouterAccess, RouterAccessSpec
from skrouter.config.resources.site import Site, SiteSpec
from skrouter.config.resources.validate import validate

SITE = Site(Metadata("west"))
PEMS = {"ca.crt": b"a", "tls.crt": b"b", "tls.key": b"c"}


def listener(name: str, port: int = 8080, host: str = "0.0.0.0") -> Listener:
    return Listener(Metadata(name), ListenerSpec("key", host, port))


def link(name: str = "east", credentials: str = "east") -> Link:
    return Link(Metadata(name), LinkSpec((Endpoint("inter-router", "east.example", "55671"),), credentials))


def texts(resources: Sequence[Resource], **options: object) -> list[str]:
    return [problem.text for problem in validate(resources, **options)]  # type: ignore[arg-type]


def test_site_with_all_it_needs_is_valid() -> None:
    secret = Secret(Metadata("east"), data=PEMS)
    access = RouterAccess(Metadata("west"), RouterAccessSpec((Role("inter-router"), Role("edge")), "west"))
    server = Connector(Metadata("server"), ConnectorSpec("key", 80, host="localhost"))
    assert texts([SITE, listener("a"), listener("b", 8081), link(), secret, access, server]) == []


def test_site_is_needed_once() -> None:
    assert texts([]) == ["no valid site definition has been found"]
    assert texts([], site_required=False) == []
    assert texts([SITE, Site(Metadata("other"))]) == [
        "multiple sites found, but only one site is allowed for bootstrapping"
    ]


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (
            Site(Metadata("west"), SiteSpec(edge=True, ha=True)),
            'invalid site "west": edge sites cannot have HA',
        ),
        (link(credentials="gone"), 'invalid link "east" - secret "gone" not found'),
        (Connector(Metadata("c"), ConnectorSpec("key", 80)), "is missing; local systems need it"),
        (Connector(Metadata("c"), ConnectorSpec("key", 80, "app=x", "localhost")), "stands beside host"),
        (
            MultiKeyListener(Metadata("m"), MultiKeyListenerSpec("h", 1, Strategy())),
            "exactly one of the fields in [priority weighted] must be set",
        ),
        (
            MultiKeyListener(
                Metadata("m"),
                MultiKeyListenerSpec("h", 1, Strategy(Priority(("a",)), Weighted({"a": 1}))),
            ),
            "exactly one of the fields in [priority weighted] must be set",
        ),
        (
            MultiKeyListener(Metadata("m"), MultiKeyListenerSpec("h", 1, Strategy(Priority(("a", "a"))))),
            "holds a key twice",
        ),
        (
            RouterAccess(Metadata("r"), RouterAccessSpec((Role("edge"), Role("edge")), "x")),
            "holds a role twice",
        ),
        (listener("a.b"), "is not allowed on local systems"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_document_that_is_wrong_among_others(resource: Resource, text: str) -> None:
    others = [] if isinstance(resource, Site) else [SITE]
    (found,) = texts([*others, resource])
    assert text in found


def test_two_listeners_of_one_place_are_told_with_the_first() -> None:
    assert texts([SITE, listener("a"), listener("b")]) == [
        'port 8080 is already mapped for host "0.0.0.0" (listener: "a")'
    ]
    assert texts([SITE, listener("a"), listener("b", host="127.0.0.1")]) == []


def test_two_documents_of_one_name_are_told() -> None:
    assert "is defined twice" in texts([SITE, listener("a"), listener("a", 81)])


def test_namespaces_must_agree_and_default_is_one() -> None:
    east = replace(listener("a"), metadata=Metadata("a", "east"))
    assert texts([SITE, east]) == [
        "multiple namespaces found, but only a unique namespace must be used across all resources - "
        "namespaces found: [default east]"
    ]
    assert texts([SITE, replace(east, metadata=Metadata("a", "default"))]) == []


def test_credentials_of_a_link_may_be_a_directory_and_must_be_complete() -> None:
    assert texts([SITE, link()], known_credentials=["east"]) == []
    secret = Secret(Metadata("east"), data={"ca.crt": b"x"})
    assert texts([SITE, link(), secret]) == ['secret "east" lacks ca.crt, tls.crt or tls.key']


def test_all_problems_are_told_together() -> None:
    assert (
        len(texts([listener("a"), listener("b"), link(), Site(Metadata("x"), SiteSpec(edge=True, ha=True))]))
        == 3
    )
