"""What is answered to which request."""

from __future__ import annotations

from dataclasses import replace

import pytest
from skrouter.router.net.http.messages import Request, Response
from skrouter.router.net.http.routes import Health, Metrics, Site, StaticFile, Upgrade, route

ALL = Site(True, True, True, "/srv")
BARE = Site(True, True, True, None)
UPGRADE = Request(
    "GET",
    "/",
    (
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "amqp"),
    ),
)


@pytest.mark.parametrize(
    ("target", "site", "action"),
    [
        ("/healthz", ALL, Health()),
        ("/healthz?x=1", BARE, Health()),
        ("http://host:1/healthz", BARE, Health()),
        ("/metrics", ALL, Metrics("")),
        ("/", ALL, StaticFile(("index.html",))),
        ("/a/b?c", ALL, StaticFile(("a", "b"))),
        ("/healthz", replace(ALL, healthz=False), StaticFile(("healthz",))),
        ("/metrics", replace(ALL, metrics=False), StaticFile(("metrics",))),
    ],
)
def test_a_path_leads_to_what_the_listener_offers(target: str, site: Site, action: object) -> None:
    assert route(Request("GET", target), site, trusted=True) == action
    assert route(Request("HEAD", target), site, trusted=True) == action


@pytest.mark.parametrize(
    ("request_", "site", "trusted", "status"),
    [
        (Request("GET", "/"), BARE, True, 404),
        (Request("GET", "/metrics/x"), BARE, True, 404),
        (Request("GET", "/healthz/"), BARE, True, 404),
        (Request("GET", "/healthz"), replace(BARE, healthz=False), True, 404),
        (Request("GET", "/metrics"), replace(BARE, metrics=False), True, 404),
        (Request("GET", "/../x"), ALL, True, 404),
        (Request("POST", "/healthz"), ALL, True, 405),
        (Request("DELETE", "/a"), ALL, True, 405),
        (Request("OPTIONS", "*"), ALL, True, 400),
        (Request("CONNECT", "host:1"), ALL, True, 400),
        (Request("GET", "http://[bad/"), ALL, True, 400),
        (Request("GET", "/healthz"), ALL, False, 403),
        (Request("GET", "/metrics"), ALL, False, 403),
        (Request("GET", "/"), ALL, False, 403),
        (UPGRADE, replace(ALL, websockets=False), True, 403),
        (replace(UPGRADE, method="POST"), ALL, True, 400),
    ],
)
def test_all_else_is_refused_with_a_status(request_: Request, site: Site, trusted: bool, status: int) -> None:
    response = route(request_, site, trusted=trusted)
    assert isinstance(response, Response)
    assert response.status == status
    assert response.body.endswith(b"\n")


@pytest.mark.parametrize("trusted", [True, False])
def test_amqp_may_begin_for_anybody_because_it_authenticates_itself(trusted: bool) -> None:
    assert isinstance(route(UPGRADE, ALL, trusted=trusted), Upgrade)


def test_the_formats_that_a_peer_takes_are_told_to_metrics() -> None:
    request = Request("GET", "/metrics", (("accept", "a/b;q=1"), ("accept", "c/d")))
    assert route(request, ALL, trusted=True) == Metrics("a/b;q=1, c/d")
