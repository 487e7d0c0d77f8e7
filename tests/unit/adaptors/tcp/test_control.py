"""Playbooks of the TCP adaptor's control: this event, exactly these effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skrouter.adaptors.tcp import effects, events
from skrouter.adaptors.tcp.control import TcpConfigurationError, TcpControl

MakeConfig = Callable[..., Any]
PLACE = "127.0.0.1:1028"
MAX_BACKLOG = 4096


def control(drop: bool = True, tenant: str | None = None) -> TcpControl:
    return TcpControl(drop, MAX_BACKLOG, tenant)


@pytest.fixture
def listener(config: MakeConfig) -> Any:
    return config("tcpListener", name="lst", address="svc", host="127.0.0.1", port="1028")


@pytest.fixture
def several(config: MakeConfig) -> MakeConfig:
    def make(strategy: str) -> Any:
        return config("tcpListener", name="lst", host="127.0.0.1", port="1028", multiAddressStrategy=strategy)

    return make


@pytest.fixture
def connector(config: MakeConfig) -> Any:
    return config("tcpConnector", name="con", address="svc", host="server.example", port="8080")


def watch(address: str, count: int) -> events.AddressWatchChanged:
    return events.AddressWatchChanged(address, count, 0, 0)


OPEN = effects.OpenListener("lst", "127.0.0.1", "1028", MAX_BACKLOG)


def test_listener_is_made_and_its_address_watched(listener: Any) -> None:
    assert control().handle(events.ListenerConfigured(listener), 0) == [
        effects.Log("info", f"Configured TcpListener for svc, {PLACE}"),
        effects.AddListener("lst", None, False, "none"),
        effects.SetObserver("lst", "auto"),
        effects.OfferAddress("lst", "svc", 1),
        effects.WatchAddress("svc"),
    ]


@pytest.mark.parametrize("counts", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_socket_opens_with_the_first_consumer_of_any_kind(
    listener: Any, counts: tuple[int, int, int]
) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(listener), 0)
    assert machine.handle(events.AddressWatchChanged("svc", *counts), 0) == [OPEN]


def test_listener_is_up_from_opened_until_the_last_consumer_is_gone(listener: Any) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(listener), 0)
    machine.handle(watch("svc", 1), 0)
    assert not machine.listeners()[0].is_up
    assert machine.handle(events.ListenerOpened("lst", PLACE), 0) == [
        effects.Log("info", f"Listener lst: listening for client connections on {PLACE} with backlog 4096")
    ]
    assert machine.listeners()[0].is_up
    assert machine.handle(watch("svc", 2), 0) == []
    assert machine.handle(watch("svc", 0), 0) == [
        effects.CloseListener("lst"),
        effects.Log("info", f"Listener lst: stopped listening for client connections on {PLACE}"),
    ]
    assert not machine.listeners()[0].is_up


def test_consumer_that_goes_before_the_socket_is_open_takes_the_attempt_back(listener: Any) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(listener), 0)
    machine.handle(watch("svc", 1), 0)
    assert machine.handle(watch("svc", 0), 0) == [effects.CloseListener("lst")]
    assert machine.handle(watch("svc", 1), 0) == [OPEN]


def test_refused_listener_waits_for_a_change_of_consumers(listener: Any) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(listener), 0)
    machine.handle(watch("svc", 1), 0)
    refusal = machine.handle(events.ListenerRefused("lst", "Address already in use"), 0)
    assert [effect.level for effect in refusal if isinstance(effect, effects.Log)] == ["error"]
    status = machine.listeners()[0]
    assert (status.is_up, status.message) == (False, "Address already in use")
    assert machine.handle(watch("svc", 1), 0) == []
    assert machine.handle(watch("svc", 2), 0) == [OPEN]
    machine.handle(events.ListenerOpened("lst", PLACE), 0)
    assert machine.listeners()[0].message == ""


def test_refused_listener_is_tried_again_when_consumers_come_back(listener: Any) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(listener), 0)
    machine.handle(watch("svc", 1), 0)
    machine.handle(events.ListenerRefused("lst", "no"), 0)
    assert machine.handle(watch("svc", 0), 0) == []
    assert machine.handle(watch("svc", 1), 0) == [OPEN]


@pytest.mark.parametrize(
    ("given_backlog", "used"), [(0, 4096), (-1, 4096), (1, 1), (4096, 4096), (5000, 4096)]
)
def test_backlog_is_at_most_the_systems(config: MakeConfig, given_backlog: int, used: int) -> None:
    machine = control()
    made = config("tcpListener", name="lst", address="svc", host="h", port="1", backlog=given_backlog)
    machine.handle(events.ListenerConfigured(made), 0)
    assert machine.handle(watch("svc", 1), 0) == [effects.OpenListener("lst", "h", "1", used)]


@pytest.mark.parametrize("drop", [True, False])
def test_deleted_listener_closes_and_drops_as_the_router_says(listener: Any, drop: bool) -> None:
    machine = control(drop)
    machine.handle(events.ListenerConfigured(listener), 0)
    machine.handle(watch("svc", 1), 0)
    machine.handle(events.ListenerOpened("lst", PLACE), 0)
    assert machine.handle(events.ListenerDeleted("lst"), 0) == [
        effects.CloseListener("lst"),
        effects.Log("info", f"Listener lst: stopped listening for client connections on {PLACE}"),
        effects.UnwatchAddress("svc"),
        effects.RemoveListener("lst", drop),
        effects.Log("info", f"Deleted TcpListener for svc, {PLACE}"),
    ]
    assert machine.listeners() == []
    assert machine.handle(events.ListenerOpened("lst", PLACE), 0) == []


def test_two_listeners_share_one_watch(listener: Any, config: MakeConfig) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(listener), 0)
    machine.handle(watch("svc", 1), 0)
    other = config("tcpListener", name="other", address="svc", host="127.0.0.1", port="1029")
    assert machine.handle(events.ListenerConfigured(other), 0)[3:] == [
        effects.OfferAddress("other", "svc", 1),
        effects.OpenListener("other", "127.0.0.1", "1029", MAX_BACKLOG),
    ]
    assert effects.UnwatchAddress("svc") not in machine.handle(events.ListenerDeleted("lst"), 0)
    assert effects.UnwatchAddress("svc") in machine.handle(events.ListenerDeleted("other"), 0)


def test_tenant_comes_before_every_address(listener: Any, connector: Any) -> None:
    machine = control(tenant="blue")
    made = machine.handle(events.ListenerConfigured(listener), 0)
    assert effects.WatchAddress("blue/svc") in made
    assert effects.OfferAddress("lst", "blue/svc", 1) in made
    made = machine.handle(events.ConnectorConfigured(connector), 0)
    assert effects.AddConnector("con", "blue/svc", "server.example", None, True, False) in made


def test_observer_of_a_listener_may_change_and_nothing_else(listener: Any, config: MakeConfig) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(listener), 0)
    same = config("tcpListener", name="lst", address="svc", host="127.0.0.1", port="1028", observer="none")
    assert machine.handle(events.ListenerConfigured(same), 0) == [effects.SetObserver("lst", "none")]
    assert machine.listeners()[0].config.observer == "none"
    other = config("tcpListener", name="lst", address="svc2", host="127.0.0.1", port="1028")
    with pytest.raises(TcpConfigurationError, match="observer"):
        machine.handle(events.ListenerConfigured(other), 0)


# --- several addresses


def offers(found: list[effects.Effect]) -> dict[str, int]:
    return {one.address: one.weight for one in found if isinstance(one, effects.OfferAddress)}


def with_addresses(machine: TcpControl, config: MakeConfig, **values: int) -> None:
    for address, value in values.items():
        made = config("listenerAddress", name=address, listener="lst", address=address, value=value)
        machine.handle(events.ListenerAddressConfigured(made), 0)


def test_priority_takes_the_highest_value_that_is_reachable(several: MakeConfig, config: MakeConfig) -> None:
    machine = control()
    made = machine.handle(events.ListenerConfigured(several("priority")), 0)
    assert made[0] == effects.Log("info", f"Configured TcpListener for multiple addresses, {PLACE}")
    with_addresses(machine, config, low=1, high=9, middle=5)
    first = machine.handle(watch("low", 1), 0)
    assert offers(first) == {"low": 1, "high": 0}
    assert first[-1] == OPEN
    assert offers(machine.handle(watch("high", 1), 0)) == {"low": 0, "high": 1}
    assert offers(machine.handle(watch("middle", 1), 0)) == {}
    assert offers(machine.handle(watch("high", 0), 0)) == {"high": 0, "middle": 1}


def test_weighted_shares_among_those_that_are_reachable(several: MakeConfig, config: MakeConfig) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(several("weighted")), 0)
    with_addresses(machine, config, one=1, three=3, six=6)
    machine.handle(watch("one", 1), 0)
    assert offers(machine.handle(watch("six", 1), 0)) == {"six": 6}
    assert offers(machine.handle(watch("three", 2), 0)) == {"three": 3}
    assert offers(machine.handle(watch("one", 0), 0)) == {"one": 0}


def test_first_address_is_offered_when_none_is_reachable(several: MakeConfig, config: MakeConfig) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(several("weighted")), 0)
    with_addresses(machine, config, low=1, high=9)
    machine.handle(watch("low", 1), 0)
    machine.handle(events.ListenerOpened("lst", PLACE), 0)
    gone = machine.handle(watch("low", 0), 0)
    assert offers(gone) == {"low": 0, "high": 1}
    assert effects.CloseListener("lst") in gone


def test_listener_with_addresses_cannot_be_deleted(several: MakeConfig, config: MakeConfig) -> None:
    machine = control()
    machine.handle(events.ListenerConfigured(several("priority")), 0)
    with_addresses(machine, config, a=1)
    with pytest.raises(
        TcpConfigurationError, match="listenerAddress entities exist for  multi-address listener lst"
    ):
        machine.handle(events.ListenerDeleted("lst"), 0)
    gone = machine.handle(events.ListenerAddressDeleted("lst", "a"), 0)
    assert effects.UnwatchAddress("a") in gone
    assert effects.RemoveListener("lst", True) in machine.handle(events.ListenerDeleted("lst"), 0)


def test_addresses_need_a_listener_that_takes_several(listener: Any, config: MakeConfig) -> None:
    machine = control()
    made = config("listenerAddress", name="x", listener="lst", address="a", value=1)
    with pytest.raises(TcpConfigurationError, match="no tcpListener lst; there are: none"):
        machine.handle(events.ListenerAddressConfigured(made), 0)
    machine.handle(events.ListenerConfigured(listener), 0)
    with pytest.raises(TcpConfigurationError, match="strategy is none"):
        machine.handle(events.ListenerAddressConfigured(made), 0)
    with pytest.raises(TcpConfigurationError, match="no listenerAddress"):
        machine.handle(events.ListenerAddressDeleted("lst", "svc"), 0)


# --- connectors

LOOK_UP = effects.ResolveConnector("con", "server.example", "8080")


def test_connector_serves_its_address_once_its_host_is_known(connector: Any) -> None:
    machine = control()
    assert machine.handle(events.ConnectorConfigured(connector), 0) == [
        effects.Log("info", "Configured TcpConnector for svc, server.example:8080"),
        effects.AddConnector("con", "svc", "server.example", None, True, False),
        LOOK_UP,
    ]
    assert machine.next_deadline() is None
    assert machine.handle(events.ConnectorResolved("con", (b"a",), False), 1) == [
        effects.SetTargets("con", (b"a",)),
        effects.BindConnector("con", "svc"),
    ]
    assert machine.next_deadline() == 31


def test_name_is_looked_up_again_and_only_news_is_told(connector: Any) -> None:
    machine = control()
    machine.handle(events.ConnectorConfigured(connector), 0)
    machine.handle(events.ConnectorResolved("con", (b"a",), False), 0)
    assert machine.handle(events.Tick(), 29.9) == []
    assert machine.handle(events.Tick(), 30) == [LOOK_UP]
    assert machine.handle(events.Tick(), 31) == []
    assert machine.handle(events.ConnectorResolved("con", (b"a",), False), 31) == []
    machine.handle(events.Tick(), 61)
    assert machine.handle(events.ConnectorResolved("con", (b"b",), False), 62) == [
        effects.SetTargets("con", (b"b",))
    ]


def test_address_as_host_is_never_looked_up_again(connector: Any) -> None:
    machine = control()
    machine.handle(events.ConnectorConfigured(connector), 0)
    machine.handle(events.ConnectorResolved("con", (b"a",), True), 0)
    assert machine.next_deadline() is None
    failure = machine.handle(events.ConnectFailed("con", "10.0.0.1:8080", "Connection refused"), 50)
    assert failure == [
        effects.Log("info", "Connector con: connection to 10.0.0.1:8080 failed: Connection refused")
    ]


def test_unknown_name_is_told_once_and_tried_again_while_the_address_is_served(connector: Any) -> None:
    machine = control()
    machine.handle(events.ConnectorConfigured(connector), 0)
    first = machine.handle(events.ConnectorUnresolved("con", "Name or service not known"), 0)
    assert first == [
        effects.Log("error", "Connector con: cannot resolve server.example:8080: Name or service not known"),
        effects.BindConnector("con", "svc"),
    ]
    assert machine.next_deadline() == 5
    assert machine.handle(events.Tick(), 5) == [LOOK_UP]
    assert machine.handle(events.ConnectorUnresolved("con", "Name or service not known"), 6) == []
    assert machine.handle(events.ConnectorResolved("con", (b"a",), False), 12) == [
        effects.SetTargets("con", (b"a",))
    ]


def test_failed_connections_cause_a_look_up_but_not_one_each(connector: Any) -> None:
    machine = control()
    machine.handle(events.ConnectorConfigured(connector), 0)
    machine.handle(events.ConnectorResolved("con", (b"a",), False), 10)
    failed = events.ConnectFailed("con", "", "Connection refused")
    assert LOOK_UP not in machine.handle(failed, 10.5)
    assert LOOK_UP in machine.handle(failed, 11)
    assert LOOK_UP not in machine.handle(failed, 13)
    machine.handle(events.ConnectorResolved("con", (b"a",), False), 14)
    assert LOOK_UP in machine.handle(failed, 15)


@pytest.mark.parametrize("bound", [True, False])
def test_deleted_connector_leaves_its_address(connector: Any, bound: bool) -> None:
    machine = control(drop=False)
    machine.handle(events.ConnectorConfigured(connector), 0)
    if bound:
        machine.handle(events.ConnectorResolved("con", (b"a",), False), 0)
    expected: list[effects.Effect] = [effects.UnbindConnector("con", "svc")] if bound else []
    assert machine.handle(events.ConnectorDeleted("con"), 1) == [
        *expected,
        effects.RemoveConnector("con", False),
        effects.Log("info", "Deleted TcpConnector for svc, server.example:8080"),
    ]
    assert machine.next_deadline() is None
    assert machine.handle(events.ConnectorResolved("con", (b"a",), False), 2) == []


def test_second_connector_of_a_name_and_deleting_of_nothing_are_refused(connector: Any) -> None:
    machine = control()
    machine.handle(events.ConnectorConfigured(connector), 0)
    with pytest.raises(TcpConfigurationError, match="con exists already"):
        machine.handle(events.ConnectorConfigured(connector), 0)
    with pytest.raises(TcpConfigurationError, match="no tcpConnector x; there are: con"):
        machine.handle(events.ConnectorDeleted("x"), 0)
    with pytest.raises(TcpConfigurationError, match="no tcpListener x"):
        machine.handle(events.ListenerDeleted("x"), 0)


def test_tls_failure_is_logged_with_the_words_that_scripts_look_for() -> None:
    (log,) = control().handle(events.HandshakeFailed("lst", "10.0.0.1:5", "wrong version number"), 0)
    assert isinstance(log, effects.Log)
    assert "TLS connection failed" in log.text
    assert "wrong version number" in log.text


STEPS = st.lists(
    st.one_of(
        st.builds(watch, st.sampled_from(["svc", "other"]), st.integers(0, 2)),
        st.just(events.ListenerOpened("lst", PLACE)),
        st.just(events.ListenerRefused("lst", "no")),
    ),
    max_size=30,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_socket_is_wanted_if_and_only_if_there_are_consumers(
    config: MakeConfig, steps: list[events.Event]
) -> None:
    """Opening and closing alternate, and the last word follows the consumers."""
    machine = control()
    made = config("tcpListener", name="lst", address="svc", host="h", port="1")
    machine.handle(events.ListenerConfigured(made), 0)
    wanted, asked, consumers, refused = False, False, 0, False
    for step in steps:
        if not isinstance(step, events.AddressWatchChanged) and not asked:
            continue
        if isinstance(step, events.AddressWatchChanged) and step.address == "svc":
            refused = refused and step.local == consumers
            consumers = step.local
        for effect in machine.handle(step, 0):
            if isinstance(effect, effects.OpenListener):
                assert not wanted
                wanted = asked = True
            elif isinstance(effect, effects.CloseListener):
                assert wanted
                wanted = asked = False
        if isinstance(step, events.ListenerOpened):
            asked = False
        elif isinstance(step, events.ListenerRefused):
            wanted, asked, refused = False, False, True
        assert wanted == (consumers > 0 and not refused)
        assert machine.listeners()[0].is_up == (wanted and not asked)
