"""A site becomes what its resources say: in any order, after any interruption, without harm to what works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from skrouter.config import loader
from skrouter.config.resources.access_grant import AccessGrant, AccessGrantSpec
from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.certificate import Certificate, CertificateSpec
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
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.entities import RouterEntity, parse
from skrouter_testing.site_world import CrashError, World, provided

FEW = settings(max_examples=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
"""A failing history is short enough as it is: shrinking would take longer than reading it."""

SITE = Site(Metadata("west"), SiteSpec(link_access="default"))
ENDPOINTS = (Endpoint("inter-router", "east.example", "55671"), Endpoint("edge", "east.example", "45671"))
LINK = Link(Metadata("east"), LinkSpec(ENDPOINTS, "east-tls", cost=3))
SECRET = Secret(Metadata("east-tls"), data={"ca.crt": b"a", "tls.crt": b"1", "tls.key": b"c"})
PLAIN = Listener(Metadata("backend"), ListenerSpec("backend", "0.0.0.0", 8080))
SECURE = Listener(Metadata("secure"), ListenerSpec("secure", "10.0.0.1", 8443, tls_credentials="secure-tls"))
SERVER = Connector(Metadata("db"), ConnectorSpec("db", 5432, host="db.example"))
TRUSTING = Connector(
    Metadata("api"), ConnectorSpec("api", 443, host="api.example", tls_credentials="api-tls")
)
SEVERAL = MultiKeyListener(
    Metadata("multi"), MultiKeyListenerSpec("0.0.0.0", 9000, Strategy(Priority(("one", "two", "three"))))
)
ACCESS = RouterAccess(
    Metadata("inner"), RouterAccessSpec((Role("inter-router", 7001),), "inner-tls", bind_host="10.1.1.1")
)
CERTIFICATE = Certificate(Metadata("mine"), CertificateSpec("skupper-site-ca", "mine", ("a.example",)))
TOKEN = AccessToken(Metadata("far"), AccessTokenSpec("https://far.example/x", "code", "pem", 2))
GRANT = AccessGrant(Metadata("guests"), AccessGrantSpec(3, settings={"host": "west.example"}))
BEHIND = Link(
    Metadata("behind"), LinkSpec(ENDPOINTS, "east-tls", settings={"proxy-configuration": "way-out"})
)
PROXY = Secret(
    Metadata("way-out"),
    "kubernetes.io/basic-auth",
    {"host": b"proxy.example", "port": b"3128", "username": b"us", "password": b"hidden"},
)
ALL: tuple[Resource, ...] = (
    SITE,
    LINK,
    SECRET,
    PLAIN,
    SECURE,
    SERVER,
    TRUSTING,
    SEVERAL,
    ACCESS,
    CERTIFICATE,
    TOKEN,
    GRANT,
    BEHIND,
    PROXY,
)
CHANGED: tuple[Resource, ...] = (
    replace(PLAIN, spec=replace(PLAIN.spec, port=8081)),
    replace(SECURE, spec=replace(SECURE.spec, observer="http1")),
    replace(SERVER, spec=replace(SERVER.spec, host="db2.example")),
    replace(LINK, spec=replace(LINK.spec, cost=9)),
    replace(SEVERAL, spec=replace(SEVERAL.spec, strategy=Strategy(weighted=Weighted({"one": 2, "four": 1})))),
    replace(SITE, spec=replace(SITE.spec, edge=True)),
    replace(SITE, spec=replace(SITE.spec, link_access="none")),
    replace(PROXY, data={**PROXY.data, "host": b"other.example", "password": b"better"}),
    replace(BEHIND, spec=replace(BEHIND.spec, settings={})),
    replace(GRANT, spec=replace(GRANT.spec, redemptions_allowed=5)),
    Secret(SECRET.metadata, data={**SECRET.data, "tls.crt": b"2"}),
)


def running(world: World) -> dict[tuple[str, str], RouterEntity]:
    assert world.running is not None
    return {one.key: one for one in world.running}


def outcome(world: World) -> object:
    """What a site is, whatever way it went: without serial numbers, ordinals and times."""
    return (
        [(one.key, _without_ordinals(one)) for one in parse(world.config)],
        sorted(running(world)),  # their attributes are those of the file, or the plan would not be empty
        {name: (one.subject, one.hosts) for name, one in world.credentials.items()},
        set(world.issuers),
        {name: one.link for name, one in world.links.items()},
        {key: (one.status, one.message) for key, one in world.statuses.items()},
        world.passwords,
        {name: (one.allowed, one.issuer, one.host) for name, one in world.grants.items()},
        world.started,
    )


def _without_ordinals(one: RouterEntity) -> dict[str, object]:
    left_out = ("ordinal", "oldestValidOrdinal", "operStatus", "identity")
    return {
        name: value for name, value in one.attributes.items() if name not in left_out and value not in ("", 0)
    }


def settled(resources: Sequence[Resource]) -> World:
    world = World()
    world.settle(resources)
    return world


# --- every order ----------------------------------------------------------------------------------------


@given(st.permutations(ALL))
@FEW
def test_plan_does_not_depend_on_the_order_of_resources(resources: list[Resource]) -> None:
    world = World()
    for _ in range(4):
        assert world.plan(resources) == world.plan(ALL)
        world.step(ALL)


@given(st.permutations(ALL[1:]), st.integers(0, 10))
@FEW
def test_resources_that_come_one_by_one_end_in_the_same_site(order: list[Resource], late: int) -> None:
    world = World()
    order.insert(late, SITE)
    for count in range(1, len(order) + 1):
        world.step(order[:count])
    world.settle(ALL)
    assert outcome(world) == outcome(settled(ALL))


# --- every interruption ---------------------------------------------------------------------------------


def crashing(points: set[int], *, router: bool) -> Callable[[World], Callable[[c.Change], None]]:
    """Crashes before the changes with these numbers; with the controller the router may die too."""

    def hook(world: World) -> Callable[[c.Change], None]:
        count = 0

        def interrupt(_: c.Change) -> None:
            nonlocal count
            count += 1
            if count in points:
                if router:
                    world.running = None
                raise CrashError

        return interrupt

    return hook


def number_of_changes(resources: Sequence[Resource]) -> int:
    return len(settled(resources).done)


@pytest.mark.parametrize("router", [False, True])
def test_crash_at_any_single_point_ends_in_the_same_site(router: bool) -> None:
    expected = outcome(settled(ALL))
    for point in range(1, number_of_changes(ALL) + 1):
        world = World()
        world.interrupt = crashing({point}, router=router)(world)
        world.settle(ALL)
        assert outcome(world) == expected, point


@given(
    st.lists(st.sampled_from((*ALL, *CHANGED)), max_size=12),
    st.sets(st.integers(1, 60), max_size=10),
    st.booleans(),
)
@FEW
def test_changes_and_crashes_on_the_way_leave_no_trace(
    history: list[Resource], points: set[int], router: bool
) -> None:
    world = World()
    world.interrupt = crashing(points, router=router)(world)
    wanted: dict[tuple[str, str], Resource] = {}
    for one in history:
        if wanted.get(one.key) == one:
            del wanted[one.key]
        else:
            wanted[one.key] = one
        with suppress(CrashError):
            world.step(wanted.values())
    world.interrupt = lambda _: None
    world.settle(ALL)
    assert outcome(world) == outcome(settled(ALL))


@given(st.lists(st.sampled_from((*ALL[1:], *CHANGED)), max_size=10), st.sets(st.integers(1, 60), max_size=6))
@FEW
def test_working_listener_is_never_deleted_by_what_does_not_concern_it(
    history: list[Resource], points: set[int]
) -> None:
    world = settled((SITE, PLAIN, SECURE))
    world.done.clear()
    world.interrupt = crashing(points, router=False)(world)
    wanted: dict[tuple[str, str], Resource] = {one.key: one for one in (SITE, PLAIN, SECURE)}
    for one in history:
        if one.key in ((SITE.key, PLAIN.key, SECURE.key)):
            continue
        if wanted.get(one.key) == one:
            del wanted[one.key]
        else:
            wanted[one.key] = one
        with suppress(CrashError):
            world.step(wanted.values())
    names = {"listener/backend", "listener/secure", "skupper-local-normal", "west-inter-router", "west-edge"}
    assert [one for one in world.done if isinstance(one, c.DeleteEntity) and one.name in names] == []
    assert not any(isinstance(one, c.RestartRouter) for one in world.done)


def test_settled_site_needs_nothing_more() -> None:
    world = settled(ALL)
    assert world.plan(ALL).changes == ()


# --- the site -------------------------------------------------------------------------------------------


def test_router_starts_when_its_own_listener_has_its_certificate() -> None:
    world = World()
    kinds = [[type(one).__name__ for one in world.step([SITE]).changes] for _ in range(3)]
    assert kinds[0] == ["MakeIssuer"] * 3
    assert set(kinds[1]) == {"IssueCertificate"}
    assert kinds[2][:3] == ["StoreRevisions", "StoreConfig", "StartRouter"]


def test_stored_configuration_is_one_that_a_router_takes(tmp_path: Path) -> None:
    world = settled(ALL)
    for name in world.credentials:
        directory = tmp_path / name
        directory.mkdir()
        for file in ("ca.crt", "tls.crt", "tls.key"):
            (directory / file).write_text("x")
    text = world.config.replace("/var/lib/site/runtime/certs", str(tmp_path))
    file = tmp_path / "skrouterd.json"
    file.write_text(text)
    assert loader.load(file).warnings == ()


def test_entities_of_a_site_are_those_that_people_know() -> None:
    world = settled(ALL)
    found = {key: one.attributes for key, one in {one.key: one for one in parse(world.config)}.items()}
    certs = "/var/lib/site/runtime/certs"
    assert found["router", "west-1-2"] == {
        "id": "west-1-2",
        "mode": "interior",
        "helloMaxAgeSeconds": "3",
        "metadata": '{"id":"site-id","version":"2.1.0","platform":"linux"}',
    }
    assert found["connector", "east"] == {
        "role": "inter-router",
        "host": "east.example",
        "port": "55671",
        "cost": 3,
        "sslProfile": "east-tls-profile",
    }
    assert found["connector", "far"]["cost"] == 1
    assert found["listener", "skupper-local-normal"] == {
        "role": "normal",
        "host": "127.0.0.1",
        "port": 5672,  # 5671 is in use
        "sslProfile": "skupper-local-server",
        "saslMechanisms": "EXTERNAL",
        "authenticatePeer": True,
    }
    assert found["listener", "west-edge"]["port"] == 45671
    assert found["listener", "inner-inter-router"]["host"] == "10.1.1.1"
    assert found["tcpListener", "listener/secure"] == {
        "host": "10.0.0.1",
        "port": "8443",
        "address": "secure",
        "siteId": "site-id",
        "sslProfile": "secure-tls",
    }
    assert found["tcpConnector", "connector/db@db.example"] == {
        "host": "db.example",
        "port": "5432",
        "address": "db",
        "siteId": "site-id",
    }
    assert found["tcpConnector", "connector/api@api.example"]["verifyHostname"] is False
    assert found["sslProfile", "api-tls-profile"] == {"caCertFile": f"{certs}/api-tls-profile/ca.crt"}
    assert found["tcpListener", "multiAddress/multi"]["multiAddressStrategy"] == "priority"
    values = {name: one["value"] for (kind, name), one in found.items() if kind == "listenerAddress"}
    assert values == {"multi/one": 2, "multi/two": 1, "multi/three": 0}
    assert found["log", "ROUTER_CORE"] == {"module": "ROUTER_CORE", "enable": "error+"}
    assert found["address", "mc"] == {"prefix": "mc", "distribution": "multicast"}
    assert found["site", "west"] == {"namespace": "default", "platform": "linux", "version": "2.1.0"}


def test_certificates_have_the_hosts_under_which_they_are_reached() -> None:
    found = settled(ALL).credentials
    assert found["skupper-site-server"].hosts == {"127.0.0.1", "0.0.0.0", "::", "machine", "192.0.2.1"}
    assert found["inner-tls"].hosts == {"0.0.0.0", "::", "machine", "192.0.2.1", "10.1.1.1"}
    assert found["skupper-local-server"].hosts == {"127.0.0.1", "localhost"}
    assert found["secure-tls"].hosts == {"10.0.0.1"}
    assert {"client-skupper-site-server", "client-inner-tls", "skupper-local-client", "mine"} <= found.keys()


def test_edge_site_links_by_the_edge_endpoint_and_takes_no_links() -> None:
    edge = replace(SITE, spec=SiteSpec(link_access="default", edge=True))
    world = settled((edge, LINK, SECRET, ACCESS))
    found = running(world)
    assert (
        found["connector", "east"].get("role") == "edge" and found["connector", "east"].get("port") == "45671"
    )
    assert [name for kind, name in found if kind == "listener"] == ["skupper-local-normal"]
    status = world.statuses[ACCESS.key]
    assert (status.status, status.message) == (
        "Error",
        "Edge sites cannot accept incoming links from remote sites",
    )


def test_ports_stay_when_others_take_the_first_choice() -> None:
    world = settled((SITE,))
    world.host = replace(world.host, ports_in_use=frozenset(range(5671, 5700)))
    world.settle((SITE, PLAIN))
    assert running(world)["listener", "skupper-local-normal"].get("port") == 5672


def ports(world: World) -> dict[str, object]:
    return {one.name: one.get("port") for one in parse(world.config) if one.type == "listener"}


def test_site_that_never_ran_leaves_ports_that_another_program_has_taken_meanwhile() -> None:
    world = World()
    while not world.started:
        world.step((SITE,))
    before = ports(world)
    world.taken_ports = frozenset({5672, 55671})
    world.host = replace(world.host, ports_in_use=frozenset({5671, 5672, 55671}))
    world.settle((SITE,))
    assert before == {"skupper-local-normal": 5672, "west-edge": 45671, "west-inter-router": 55671}
    assert ports(world) == {"skupper-local-normal": 5673, "west-edge": 45671, "west-inter-router": 55672}
    assert sum(isinstance(one, c.RestartRouter) for one in world.done) == 1


def test_port_that_other_sites_may_know_is_kept_though_another_program_has_it() -> None:
    world = settled((SITE,))
    world.running, world.taken_ports = None, frozenset({5672, 55671})
    world.host = replace(world.host, ports_in_use=frozenset({5671, 5672, 55671}))
    for _ in range(5):
        world.step((SITE,))
    assert world.running is None
    assert ports(world) == {"skupper-local-normal": 5673, "west-edge": 45671, "west-inter-router": 55671}
    world.taken_ports = frozenset({5672})
    world.settle((SITE,))
    assert ports(world)["west-inter-router"] == 55671


def test_site_that_becomes_edge_restarts_its_router_once() -> None:
    world = settled((SITE, PLAIN))
    world.done.clear()
    world.settle((replace(SITE, spec=SiteSpec(edge=True)), PLAIN))
    assert sum(isinstance(one, c.RestartRouter) for one in world.done) == 1
    assert running(world)["router", "west-1-2"].get("mode") == "edge"


def test_only_what_changed_is_changed() -> None:
    world = settled(ALL)
    world.done.clear()
    world.settle([replace(LINK, spec=replace(LINK.spec, cost=9)) if one is LINK else one for one in ALL])
    live = [one for one in world.done if not isinstance(one, c.StoreConfig)]
    assert [type(one).__name__ for one in live] == ["DeleteEntity", "CreateEntity"]
    assert running(world)["connector", "east"].get("cost") == 9


def test_observer_of_a_listener_changes_without_closing_it() -> None:
    world = settled(ALL)
    world.done.clear()
    changed = replace(PLAIN, spec=replace(PLAIN.spec, observer="http2"))
    world.settle([changed if one is PLAIN else one for one in ALL])
    (update,) = [one for one in world.done if not isinstance(one, c.StoreConfig)]
    assert isinstance(update, c.UpdateEntity) and update.attributes == {"observer": "http2"}


def test_removed_site_takes_everything_with_it() -> None:
    world = settled(ALL)
    world.settle(ALL[1:])
    assert not world.started and world.config == "[]" and not world.credentials and not world.links
    status = world.statuses[PLAIN.key]
    assert (status.status, status.message) == ("Error", "No active site in namespace")


def test_unknown_link_access_is_told_and_the_router_runs() -> None:
    site = replace(SITE, spec=SiteSpec(link_access="magic"))
    world = settled((site, PLAIN))
    assert world.statuses[site.key].message == "Unsupported value for LinkAccess: magic"
    assert ("tcpListener", "listener/backend") in running(world)
    assert ("listener", "west-edge") not in running(world)


def test_second_site_waits_and_the_first_stays_active() -> None:
    world = settled((SITE,))
    other = Site(Metadata("a-site"))
    world.settle((other, SITE))
    assert world.statuses[other.key].message == "An active site already exists in the namespace (west)"
    assert running(world)["site", "west"]
    world.settle((other,))
    assert running(world)["site", "a-site"]


def test_working_link_stays_while_its_secret_is_away() -> None:
    world = settled(ALL)
    del world.credentials["east-tls-profile"]
    before = running(world)["connector", "east"]
    world.done.clear()
    world.step([one for one in ALL if one is not SECRET])
    assert running(world)["connector", "east"] == before
    text = 'TLS credentials secret "east-tls" not found'
    assert (world.statuses[LINK.key].status, world.statuses[LINK.key].message) == ("Error", text)
    world.settle(ALL)
    assert world.statuses[LINK.key].message == "Not Operational"


def test_words_of_the_router_become_the_error_of_the_resource() -> None:
    world = settled(ALL)
    world.refusals["tcpListener", "listener/backend"] = "Listener error: Address already in use"
    world.step(ALL)
    assert world.statuses[PLAIN.key].message == "Listener error: Address already in use"


def test_name_that_another_entity_has_is_refused_and_the_others_work() -> None:
    listener = replace(SECURE, spec=replace(SECURE.spec, tls_credentials="west"))
    world = settled((SITE, PLAIN, listener))
    assert (
        world.statuses[listener.key].message
        == 'the name "west" is used by the site of Site/west; choose another'
    )
    assert ("tcpListener", "listener/backend") in running(world)
    assert ("tcpListener", "listener/secure") not in running(world)


def test_token_becomes_a_link_once() -> None:
    world = settled((SITE, TOKEN))
    assert running(world)["connector", "far"].get("sslProfile") == "far-profile"
    assert sum(isinstance(one, c.RedeemToken) for one in world.done) == 1
    assert world.statuses[TOKEN.key].message == "OK"


def test_token_without_https_is_refused() -> None:
    world = settled((SITE, replace(TOKEN, spec=replace(TOKEN.spec, url="http://far.example"))))
    assert world.statuses[TOKEN.key].message == "token url scheme must be https"


def test_static_links_lead_to_every_host() -> None:
    found = settled(ALL).links
    assert set(found) == {
        *(f"link-west-{host}.yaml" for host in ("127.0.0.1", "0.0.0.0", "::", "machine", "192.0.2.1")),
        *(f"link-inner-{host}.yaml" for host in ("10.1.1.1", "0.0.0.0", "::", "machine", "192.0.2.1")),
    }
    link = found["link-west-machine.yaml"].link
    assert link.spec.endpoints == (
        Endpoint("inter-router", "machine", "55671"),
        Endpoint("edge", "machine", "45671"),
    )


def test_wildcards_of_a_certificate_are_no_hosts_to_link_to() -> None:
    spec = replace(ACCESS.spec, subject_alternative_names=("*.example", "a.example"))
    world = settled((SITE, replace(ACCESS, spec=spec)))
    assert world.credentials["inner-tls"].hosts == {"*.example", "a.example", "10.1.1.1"}
    assert {name for name in world.links if "inner" in name} == {
        "link-inner-10.1.1.1.yaml",
        "link-inner-a.example.yaml",
    }


def test_credentials_of_the_user_win_over_generated_ones() -> None:
    world = settled(ALL)
    world.provided["secure-tls"] = provided("secure-tls")
    world.done.clear()
    world.settle(ALL)
    assert world.credentials["secure-tls"].digest == "user-secure-tls-1"
    assert running(world)["sslProfile", "secure-tls"].get("ordinal") == 1
    del world.provided["secure-tls"]
    world.settle(ALL)
    assert world.credentials["secure-tls"].hosts == {"10.0.0.1"}
    assert running(world)["sslProfile", "secure-tls"].get("ordinal") == 2
    assert not any(isinstance(one, c.DeleteEntity) for one in world.done)
