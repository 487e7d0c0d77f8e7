"""Connectors: an inter-router pair with data connections, refusals, retries, removal."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from skrouter.router.net import dial
from skrouter_testing.certs import Authority, Pair

Make = Callable[..., Any]


def listening(role: str = "inter-router", more: str = "") -> str:
    return (
        f"router {{\n id: A\n mode: interior\n}}\n{more}"
        f"listener {{\n name: lis\n host: 127.0.0.1\n port: 0\n role: {role}\n cost: 3\n"
        " saslMechanisms: ANONYMOUS\n}\n"
    )


def dialling(port: int, role: str = "inter-router", more: str = "", attributes: str = "") -> str:
    return (
        f"router {{\n id: B\n mode: interior\n dataConnectionCount: 2\n}}\n{more}"
        f"connector {{\n name: con\n host: 127.0.0.1\n port: {port}\n role: {role}\n"
        f" cost: 2\n{attributes}\n}}\n"
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the wait."""
    monkeypatch.setattr(dial, "RETRY_AFTER_FAILURE", 0.05)
    monkeypatch.setattr(dial, "RETRY_AFTER_LOSS", 0.05)
    monkeypatch.setattr(dial, "RETRY_WITH_FAILOVER", 0.05)


def free_port() -> int:
    with socket.socket() as item:
        item.bind(("127.0.0.1", 0))
        return int(item.getsockname()[1])


def test_b14_an_inter_router_pair_has_one_control_and_two_data_connections(make_side: Make) -> None:
    a = make_side(listening())
    b = make_side(dialling(a.port))
    for side in (a, b):
        side.wait(lambda side=side: len(side.ups) == 3, "not up")
        roles = sorted(facts.role for facts in side.ups)
        assert roles == ["inter-router", "inter-router-data", "inter-router-data"]
        assert {facts.cost for facts in side.ups} == {3}
        assert all(facts.offered.connection_trunking and facts.offered.streaming_links for facts in side.ups)
        assert not any(facts.strip_inbound or facts.strip_outbound for facts in side.ups)
    assert {facts.container for facts in a.ups} == {"B"}
    assert {facts.container for facts in b.ups} == {"A"}
    correlators = {facts.properties.correlator for facts in a.ups}
    assert len(correlators) == 1
    (correlator,) = correlators
    assert len(correlator) == 15
    assert {facts.properties.correlator for facts in b.ups} == {None}
    assert {facts.properties.annotations_version for facts in a.ups + b.ups} == {2}
    assert {facts.host for facts in b.ups} == {f"127.0.0.1:{a.port}"}
    assert sorted(facts.number for facts in b.ups) == [1, 2, 3]
    assert {facts.hostname for facts in a.ups} == {"127.0.0.1"}
    assert {facts.hostname for facts in b.ups} == {None}
    assert {facts.port_name for facts in b.ups} == {"con"}
    # each end's local socket is the other end's host
    assert {facts.local_socket for facts in b.ups} == {facts.host for facts in a.ups}
    b.wait_line("ROUTER_CORE (info) [C", "dir=out", "user=(null) container_id=A")


def test_status_follows_the_control_connection(make_side: Make) -> None:
    a = make_side(listening())
    b = make_side(dialling(a.port))
    identity = b.config.connectors[0].identity
    b.wait(lambda: b.shell.connector_status(identity).connection_status == "SUCCESS", "no success")
    status = b.shell.connector_status(identity)
    assert status.connection_msg.startswith(
        f"[C3] Connection Opened: dir=out host=127.0.0.1:{a.port} encrypted=no"
    )
    assert status.connection_msg.endswith("container_id=A")
    b.wait(lambda: len(b.ups) == 3, "not all up")
    a.stop()
    b.wait(lambda: b.shell.connector_status(identity).connection_status == "FAILED", "no failure")
    b.wait(lambda: len(b.downs) == 3, "not all down")
    assert "failed: " in b.shell.connector_status(identity).connection_msg
    b.wait_line(f"SERVER (error) [C3] Connection to 127.0.0.1:{b.config.connectors[0].port} failed:")
    b.wait_line("ROUTER_CORE (info) [C3] Connection Closed")


def test_a_refused_connector_logs_it_once_and_is_up_when_the_listener_is_there(
    make_side: Make, quick: None
) -> None:
    port = free_port()
    b = make_side(dialling(port, role="normal"))
    line = b.wait_line(
        f"SERVER (error) [C1] Connection to 127.0.0.1:{port} failed: proton:io Connection refused"
    )
    b.wait(lambda: b.shell.connectors[0].control.number >= 3, "no retries")
    a = make_side(listening("normal").replace("port: 0", f"port: {port}"))
    b.wait(lambda: b.ups, "not up")
    assert [seen for seen in b.lines if "failed" in seen] == [line]
    assert [facts.role for facts in a.ups] == ["normal"]


def test_b5_a_lost_connection_is_made_again(make_side: Make, quick: None) -> None:
    a = make_side(listening("normal"))
    b = make_side(dialling(a.port, role="normal"))
    a.wait(lambda: a.ups, "not up")
    b.wait(lambda: b.ups, "not up there")  # or open and close could come together, and it never were up
    a.call(lambda: a.shell.close(a.ups[0].connection))
    b.wait(lambda: len(b.ups) == 2, "not up again")
    assert [down.condition for down in b.downs] == [""]
    assert [facts.number for facts in b.ups] == [1, 2]


def test_b5_the_listeners_failover_list_is_followed(make_side: Make, quick: None) -> None:
    second = make_side(listening("normal"))
    first = make_side(
        listening("normal").replace(" cost: 3", f" failoverUrls: amqp://127.0.0.1:{second.port}")
    )
    port = first.port
    b = make_side(dialling(port, role="normal"))
    b.wait(lambda: b.ups, "not up")
    places = f"amqp://127.0.0.1:{port}, amqp://127.0.0.1:{second.port}"
    assert b.shell.connectors[0].report().failover_urls == places
    first.stop()
    b.wait(lambda: len(b.ups) == 2, "not up at the second listener")
    assert [facts.host for facts in b.ups] == [f"127.0.0.1:{port}", f"127.0.0.1:{second.port}"]


def test_an_unresolvable_host_is_a_failure_like_others(make_side: Make) -> None:
    b = make_side(dialling(5672, role="normal").replace("host: 127.0.0.1", "host: no-such-host.invalid"))
    b.wait_line("SERVER (error) [C1] Connection to no-such-host.invalid:5672 failed: proton:io")
    assert b.shell.connectors[0].status == "FAILED"


def test_a_removed_connector_closes_and_does_not_come_back(make_side: Make, quick: None) -> None:
    a = make_side(listening("normal"))
    b = make_side(dialling(a.port, role="normal"))
    b.wait(lambda: b.ups, "not up")
    connector = b.shell.connectors[0]
    b.call(lambda: b.shell.remove_connector(connector.config.identity))
    a.wait(lambda: a.downs, "not down")
    b.wait(lambda: b.downs, "not down")
    assert b.shell.connectors == ()
    assert (connector.control.timer, connector.control.task) == (None, None)


def test_connections_outlive_their_listener(make_side: Make) -> None:
    a = make_side(listening("normal"))
    b = make_side(dialling(a.port, role="normal"))
    a.wait(lambda: a.ups, "not up")
    port = a.port
    a.call(lambda: a.shell.remove_listener(a.config.listeners[0].identity))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert len(a.call(lambda: a.shell.open_connections)) == 1
    assert a.downs == b.downs == []


def test_a_server_of_another_authority_is_refused(
    make_side: Make, authority: Authority, other: Authority, server_pair: Pair
) -> None:
    def profile(ca: str, pair: Pair | None) -> str:
        own = f" certFile: {pair.certificate}\n privateKeyFile: {pair.key}\n" if pair else ""
        return f"sslProfile {{\n name: tls\n caCertFile: {ca}\n{own}}}\n"

    a = make_side(
        listening("normal", profile(authority.ca_file, server_pair)).replace(" cost: 3", " sslProfile: tls")
    )
    stranger = make_side(dialling(a.port, "normal", profile(other.ca_file, None), " sslProfile: tls"))
    stranger.wait_line("SERVER (error) [C1] Connection to 127.0.0.1:", "certificate verify failed")
    friend = make_side(dialling(a.port, "normal", profile(authority.ca_file, None), " sslProfile: tls"))
    friend.wait(lambda: friend.ups, "not up")
    assert friend.ups[0].tls_protocol == "TLSv1.3"
    assert stranger.ups == []


def test_shutdown_says_so_for_every_connection(make_side: Make) -> None:
    a = make_side(listening())
    b = make_side(dialling(a.port))
    a.wait(lambda: len(a.ups) == 3, "not up")
    b.stop()
    assert sum("Closing connection on shutdown" in line for line in b.lines) == 3
    a.wait(lambda: len(a.downs) == 3, "not down")
    a.wait_line("SERVER (error) [C", "failed: amqp:connection:framing-error connection aborted")
