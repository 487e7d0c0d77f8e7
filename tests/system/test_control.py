"""Ports, TCP services and addresses that come and go while a router runs, by the real skmanage."""

from __future__ import annotations

import json
import socket

import pytest
from proton import Message
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.managed import Managed, place
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until
from skrouter_testing.tcp_peers import Service, connect, is_open, wait_end

_RESET_OR_CLOSED = ("reset", "closed")


def passes(here: int, there: int, address: str) -> bool:
    """Whether a message goes from one port to the other."""
    with Client(here) as sending, Client(there) as receiving:
        receiver = receiving.receiver(address)
        sender = sending.sender(address)
        sender.wait_credit()
        sent = sender.send(Message(body="here"))
        (arrival,) = receiver.take()
        return arrival.body == "here" and sent.outcome().state == "accepted"


# --- listeners and connectors


def test_g3_a_created_listener_serves_clients_and_a_deleted_one_no_new_ones(one: Managed) -> None:
    port = free_port()
    given = json.dumps({"name": "l9", "host": HOST, "port": str(port), "role": "normal"})
    made = one.done("create", "--type", "listener", "--stdin", source=given)
    assert made == {
        "name": "l9",
        "host": HOST,
        "port": str(port),
        "role": "normal",
        "type": "io.skupper.router.listener",
        "identity": f"listener/{HOST}:{port}:l9",
        "cost": 1,
        "authenticatePeer": False,
        "requireEncryption": False,
        "requireSsl": False,
        "maxFrameSize": 16384,
        "maxSessions": 32768,
        "idleTimeoutSeconds": 16,
        "initialHandshakeTimeoutSeconds": 0,
        "stripAnnotations": "both",
        "healthz": True,
        "metrics": True,
        "websockets": True,
        "http": False,
        "messageLoggingComponents": "none",
    }
    assert passes(port, one.port, "through-l9")
    with Client(port) as early:
        assert one.done("delete", "--name", "l9") is None
        assert not is_open(port)
        sender = early.sender("$management")
        sender.wait_credit()
    assert "l9" not in one.names("listener")
    one.router.wait_line("CONN_MGR (info) Deleted  Listener: ")


def test_a_listener_on_a_port_in_use_is_refused_and_nothing_stays(one: Managed) -> None:
    with Service() as taken:
        arguments = ("create", "--type=listener", "--name=twice", *place(taken.port))
        assert one.refused(*arguments) == (
            "InternalServerErrorStatus: CError: Configuration: "
            f"Listener error on {HOST}:{taken.port}: Address already in use"
        )
        assert "twice" not in one.names("listener")
    one.done(*arguments)
    assert is_open(taken.port)
    one.done("delete", "--type=listener", "--name=twice")


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (["role=inter-router"], "BadRequestStatus: role='inter-router' not allowed"),
        (
            ["sslProfile=none"],
            "InternalServerErrorStatus: CError: Configuration: sslProfile 'none' not found",
        ),
        (["cost=0"], "InternalServerErrorStatus: CError: Configuration: Invalid cost 0"),
        (["maxFrameSize=12"], "InternalServerErrorStatus: CError: Configuration: Invalid maxFrameSize 12"),
        (["bogus=1"], "BadRequestStatus: Unknown attribute 'bogus' for 'io.skupper.router.listener'"),
    ],
)
def test_a_wrong_listener_is_refused_and_its_port_stays_closed(one: Managed, attributes, text) -> None:
    port = free_port()
    found = one.refused("create", "--type=listener", "--name=wrong", *place(port), *attributes)
    assert found.startswith(text)
    assert not is_open(port)
    assert "wrong" not in one.names("listener")


def test_g3_a_connector_joins_two_routers_until_it_is_deleted(routers: Routers) -> None:
    ports, mesh = {name: free_port() for name in "AB"}, free_port()
    text = {name: section("router", mode="interior", id=name) for name in "AB"}
    for name in "AB":
        text[name] += section("listener", name="clients", host=HOST, port=ports[name])
    text["A"] += section("listener", name="mesh", host=HOST, port=mesh, role="inter-router")
    managed = {name: Managed(routers.start(name, text[name]), ports[name]) for name in "AB"}

    def reachable() -> set[str]:
        rows = query(ports["A"], "router.node")
        return {row["id"] for row in rows if row["cost"] is not None or row["id"] == "A"}

    made = managed["B"].done(
        "create", "--type=connector", "--name=up", "role=inter-router", *place(mesh), "cost=3"
    )
    assert isinstance(made, dict)
    assert made["identity"] == f"connector/{HOST}:{mesh}:up"
    assert made["connectionStatus"] == "CONNECTING"
    wait_until(lambda: reachable() == {"A", "B"}, "B in the mesh")
    assert passes(ports["A"], ports["B"], "across")
    read = managed["B"].done("read", "--type=connector", "--name=up")
    assert isinstance(read, dict)
    assert (read["connectionStatus"], read["cost"]) == ("SUCCESS", 3)
    managed["B"].done("delete", "--type=connector", "--name=up")
    wait_until(lambda: reachable() == {"A"}, "B gone from the mesh")
    assert managed["B"].names("connector") == set()
    assert not [row for row in query(ports["B"], "connection") if row["role"] != "normal"]


# --- the TCP adaptor


def test_g3_a_tcp_service_is_made_used_and_deleted_with_its_connections(one: Managed) -> None:
    port = free_port()
    with Service() as service:
        made = one.done("create", "--type=tcpListener", "--name=lst2", "address=svc2", *place(port))
        assert isinstance(made, dict)
        assert list(made.items()) and made == {
            "address": "svc2",
            "host": HOST,
            "port": str(port),
            "type": "io.skupper.router.tcpListener",
            "name": "lst2",
            "identity": f"tcpListener/{HOST}:{port}:lst2",
            "backlog": 0,
            "multiAddressStrategy": "none",
            "authenticatePeer": False,
            "observer": "auto",
            "proxyProtocol": "none",
            "bytesIn": 0,
            "bytesOut": 0,
            "connectionsOpened": 0,
            "connectionsClosed": 0,
            "operStatus": "down",
            "connectionMsg": "",
        }
        one.done("create", "--type=tcpConnector", "--name=con2", "address=svc2", *place(service.port))
        wait_until(lambda: is_open(port), "the listener to open")
        client, server = _pair(port, service)
        with client, server:
            client.sendall(b"ping")
            assert server.recv(4) == b"ping"
            server.sendall(b"pong")
            assert client.recv(4) == b"pong"
            changed = one.done("update", "--type=tcpListener", "--name=lst2", "observer=none")
            assert isinstance(changed, dict) and changed["observer"] == "none"
            one.done("delete", "--type=tcpListener", "--name=lst2")
            assert wait_end(client) in _RESET_OR_CLOSED
            assert wait_end(server) in _RESET_OR_CLOSED
        assert not is_open(port)
        again = one.refused("delete", "--type=tcpListener", "--name=lst2")
        assert again == "NotFoundStatus: No entity with name=lst2"
        one.done("delete", "--type=tcpConnector", "--name=con2")
        assert one.names("tcpListener") == one.names("tcpConnector") == set()


def _pair(port: int, service: Service) -> tuple[socket.socket, socket.socket]:
    """A client and its connection at the service; those of `is_open` come before and are thrown away."""
    client = connect(port)
    client.sendall(b"me")
    while True:
        server = service.accept()
        if server.recv(2) == b"me":
            return client, server
        server.close()


def test_without_drop_tcp_connections_a_connection_outlives_its_listener(routers: Routers) -> None:
    port, clients = free_port(), free_port()
    text = section("router", mode="standalone", id="S", dropTcpConnections=False)
    text += section("listener", name="clients", host=HOST, port=clients)
    managed = Managed(routers.start("S", text), clients)
    with Service() as service:
        managed.done("create", "--type=tcpConnector", "--name=con", "address=svc", *place(service.port))
        managed.done("create", "--type=tcpListener", "--name=lst", "address=svc", *place(port))
        wait_until(lambda: is_open(port), "the listener to open")
        client, server = _pair(port, service)
        with client, server:
            managed.done("delete", "--name=lst")
            managed.done("delete", "--name=con")
            client.sendall(b"still")
            assert server.recv(5) == b"still"
        assert not is_open(port)


def test_addresses_of_a_multi_address_listener_come_and_go(one: Managed) -> None:
    port = free_port()
    listener = ("--type=tcpListener", "--name=many")
    one.done("create", *listener, "multiAddressStrategy=priority", *place(port))
    made = one.done("create", "--type=listenerAddress", "--name=la", "address=a", "value=3", "listener=many")
    assert made == {
        "address": "a",
        "value": 3,
        "listener": "many",
        "type": "io.skupper.router.listenerAddress",
        "name": "la",
        "identity": "listenerAddress/many:a:la",
        "connectionsOpened": 0,
    }
    twice = ("create", "--type=listenerAddress", "--name=lb", "address=a", "value=1", "listener=many")
    assert "tcpListener many has the address a already" in one.refused(*twice)
    assert one.refused("delete", *listener) == (
        "InternalServerErrorStatus: CError: Configuration: "
        "listenerAddress entities exist for  multi-address listener many"
    )
    assert one.names("listenerAddress") == {"la"}
    one.done("delete", "--type=listenerAddress", "--name=la")
    one.done("delete", *listener)
    unknown = ("create", "--type=listenerAddress", "--name=lc", "address=a", "value=3", "listener=many")
    assert "tcpListener 'many' not found" in one.refused(*unknown)


# --- addresses


def test_g3_a_rule_counts_for_addresses_to_come_while_it_is_there(one: Managed) -> None:
    rules = [{"name": f"p{n}", "type": "address", "prefix": f"p{n}", "distribution": d} for n, d in RULES]
    made = one.done("create", "--stdin", source=json.dumps(rules))
    assert isinstance(made, list)
    numbers = [int(row.pop("identity")) for row in made]
    assert numbers[0] < numbers[1]
    assert made == [
        {
            "name": f"p{number}",
            "type": "io.skupper.router.router.config.address",
            "prefix": f"p{number}",
            "distribution": distribution,
            "pattern": None,
            "priority": -1,
        }
        for number, distribution in RULES
    ]
    with Client(one.port) as client:
        client.receiver("p2/early")
        assert _distribution(one, "p2/early") == "multicast"
        one.done("delete", "--type", "address", "--name", "p2")
        client.receiver("p2/late")
        assert _distribution(one, "p2/late") == "balanced"
        assert _distribution(one, "p2/early") == "multicast", "a known address keeps its treatment"
    one.done("delete", "--type=address", f"--identity={numbers[0]}")
    assert not {"p1", "p2"} & {row["name"] for row in query(one.port, "router.config.address")}
    one.router.wait_line("CONN_MGR (info) Created address with Prefix=p1/# and distribution=closest")
    one.router.wait_line("CONN_MGR (info) Deleted address with Prefix=p1/# and distribution=closest")


RULES = ((1, "closest"), (2, "multicast"))


def _distribution(one: Managed, address: str) -> str:
    (row,) = [row for row in query(one.port, "router.address") if row["key"] == f"M{address}"]
    return str(row["distribution"])


def test_a_rule_of_unavailability_refuses_links_and_anonymous_messages_at_once(one: Managed) -> None:
    address = ("--type=address", "--name=shut")
    with Client(one.port) as client:
        anonymous = client.sender(None)
        anonymous.wait_credit()
        one.done("create", *address, "prefix=shut", "distribution=unavailable")
        assert anonymous.send(Message(address="shut/a", body=1)).outcome().state == "rejected"
        receiver = client.receiver("shut/b", ready=False)
        trouble = client.wait(lambda: receiver.trouble, "the refusal")
        assert trouble.condition == "amqp:not-found"
        one.done("delete", *address)
        assert anonymous.send(Message(address="shut/c", body=1)).outcome().state == "released"


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        (["prefix=multicast"], "BadRequestStatus: Address pattern 'multicast/#' is already configured"),
        (
            ["prefix=a", "pattern=b"],
            "BadRequestStatus: Cannot specify both a 'prefix' and a 'pattern' attribute",
        ),
        ([], "BadRequestStatus: Either a 'prefix' or 'pattern' attribute must be provided"),
        (["prefix=//"], "BadRequestStatus: Prefix invalid - no tokens"),
        (["prefix=a", "priority=10"], "BadRequestStatus: Priority value, if present, must be between 0 and"),
    ],
)
def test_a_wrong_rule_is_refused(one: Managed, attributes, text) -> None:
    before = query(one.port, "router.config.address")
    assert one.refused("create", "--type=address", "--name=wrong", *attributes).startswith(text)
    assert query(one.port, "router.config.address") == before
