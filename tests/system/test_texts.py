"""Texts that scripts and operators look for, from live routers, where no other test has them (texts.md)."""

from __future__ import annotations

import re

import pytest
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.managed import Managed
from skrouter_testing.process import HOST, PATIENCE, Routers, free_port, section


def standalone(*more: str) -> str:
    return section("router", mode="standalone", id="S") + "".join(more)


def profile(**attributes: object) -> str:
    none = {"caCertFile": "/none/ca", "certFile": "/none/cert", "privateKeyFile": "/none/key"}
    return section("sslProfile", name="tls", **{**none, **attributes})


PORTS = {
    "listener": {"role": "normal"},
    "connector": {"role": "normal"},
    "tcpListener": {"address": "a"},
    "tcpConnector": {"address": "a"},
}


@pytest.mark.parametrize("kind", PORTS)
@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"password": "file:/none/pass"}, "Unable to open password file /none/pass, error: No such file"),
        ({}, "Failed to configure TLS "),
    ],
)
def test_b10_an_unusable_profile_is_an_error_of_the_connection_manager_and_ends_the_start(
    routers: Routers, kind: str, attributes: dict[str, object], text: str
) -> None:
    port = section(kind, name="p", host=HOST, port=free_port(), sslProfile="tls", **PORTS[kind])
    router = routers.add("S", standalone(profile(**attributes), port)).start(ready=False)
    assert router.wait_exit(timeout=PATIENCE) == 1
    assert router.found("CONN_MGR (error)", text)
    assert router.found("ROUTER (critical) Router start-up failed: ", text)
    assert router.found("skrouterd: ", text)


def test_b11_a_format_that_is_none_is_told_and_ignored(routers: Routers) -> None:
    router = routers.start("S", standalone(section("sslProfile", name="p", uidFormat="xyz")))
    router.wait_line("Invalid format for uidFormat field in sslProfile 'p': xyz")


def test_routers_tell_the_version_of_annotations_of_each_other(routers: Routers) -> None:
    port = free_port()
    debug = section("log", module="ROUTER", enable="debug+")
    for name, kind in (("A", "listener"), ("B", "connector")):
        text = section("router", mode="interior", id=name) + debug
        routers.start(name, text + section(kind, host=HOST, port=port, role="inter-router"))
    for name in "AB":
        routers[name].wait_line("ROUTER (debug) Remote router annotations version: 2")


def test_memory_is_told_as_often_as_the_environment_says(routers: Routers) -> None:
    port = free_port()
    text = standalone(section("listener", host=HOST, port=port))
    router = routers.add("S", text, {"SKUPPER_ROUTER_ALLOC_MONITOR_SECS": "1"}).start()
    with Client(port) as client:
        client.receiver("q")
        line = router.wait_line(" ram:")
    found = re.search(r"ROUTER \(info\)  ram:(\d+) vm:(\d+) rss:(\d+) pool:\d+( \S+:\d+:\d+)*$", line)
    assert found is not None, line
    ram, virtual, resident = map(int, found.groups()[:3])
    assert ram > virtual > resident > 1 << 20


def test_f2_an_invalid_vhost_ends_the_start_with_its_name(routers: Routers) -> None:
    group = '"users": "a",\n "sources": "a",\n "sourcePattern": "b"\n'
    vhost = f'vhost {{\n hostname: x\n groups: {{\n "g": {{\n {group} }}\n }}\n}}\n'
    router = routers.add("S", standalone(section("policy", enableVhostPolicy=True), vhost)).start(ready=False)
    assert router.wait_exit(timeout=PATIENCE) == 1
    assert router.found("PolicyError: Policy 'x' is invalid: ")


def test_management_refuses_in_the_known_words(one: Managed) -> None:
    role = one.refused("create", "--type", "listener", "host=127.0.0.1", "port=0", "role=inter-router")
    assert role.startswith("BadRequestStatus: ")
    assert "role=" in role
    both = ("address=a", "direction=in", "connection=c", "containerId=d")
    assert "Both connection and containerId cannot be specified" in one.refused(
        "create", "--type", "autoLink", *both
    )
    one.done("create", "--type", "address", "--name", "twice", "prefix=p1", "distribution=closest")
    text = one.refused("create", "--type", "address", "--name", "twice", "prefix=p2", "distribution=closest")
    assert text == "BadRequestStatus: Name conflicts with an existing entity"
    assert one.refused("read", "--type", "address", "--name", "nobody") == "NotFoundStatus: Not Found"
    assert one.refused("read", "--type", "listener", "--name", "nobody").startswith(
        "NotFoundStatus: No entity with name=nobody"
    )
    cost = ("host=127.0.0.1", "port=0", "cost=0")
    assert "Configuration: Invalid cost" in one.refused("create", "--type", "listener", *cost)


def test_b20_a_connection_between_routers_cannot_be_closed_by_management(routers: Routers) -> None:
    port, clients = free_port(), free_port()
    a = section("router", mode="interior", id="A") + section("listener", host=HOST, port=clients)
    routers.start("A", a + section("listener", host=HOST, port=port, role="inter-router"))
    b = section("router", mode="interior", id="B")
    routers.start("B", b + section("connector", host=HOST, port=port, role="inter-router"))
    routers["A"].wait_line("ROUTER_CORE (info) [C", "Connection Opened: dir=in")
    row = next(row for row in query(clients, "connection") if row["role"] == "inter-router")
    managed = Managed(routers["A"], clients)
    update = ("update", "--type", "connection", "--identity", str(row["identity"]), "adminStatus=deleted")
    assert managed.refused(*update) == ("ForbiddenStatus: You are not allowed to perform this operation.")


def test_identities_are_those_that_scripts_know_and_the_oldest_comes_first(routers: Routers) -> None:
    ports = [free_port() for _ in range(3)]
    text = section("router", mode="interior", id="A") + section("sslProfile", name="tls")
    text += "".join(section("listener", name=f"l{n}", host=HOST, port=port) for n, port in enumerate(ports))
    away = free_port()
    text += section("connector", name="away", host="localhost", port=away)
    text += section("address", prefix="p", distribution="closest")
    text += section("tcpListener", name="t", host=HOST, port=free_port(), address="service")
    routers.start("A", text)

    def identities(entity: str) -> list[str]:
        return [str(row["identity"]) for row in query(ports[0], entity)]

    assert identities("router") == ["router/A"]
    assert identities("router.node") == ["router.node/A"]
    assert identities("listener") == [f"listener/{HOST}:{port}:l{n}" for n, port in enumerate(ports)]
    assert identities("connector") == [f"connector/localhost:{away}:away"]
    assert identities("sslProfile") == ["sslProfile/tls"]
    assert {"log/ROUTER", "log/DEFAULT", "log/PROTOCOL"} <= set(identities("log"))
    assert all(number.isdigit() for number in identities("connection") + identities("router.config.address"))
    (connector,) = query(ports[0], "connector")
    assert connector["connectionMsg"].startswith("[C")
    assert f"Connection to localhost:{away} failed" in connector["connectionMsg"]
    with Client(ports[0]) as client:
        client.receiver("oldest")
        client.receiver("newest")
        addresses = identities("router.address")
        assert addresses.index("Moldest") < addresses.index("Mnewest")
        assert next(key for key in addresses if key.endswith("oldest")) == "Moldest"
