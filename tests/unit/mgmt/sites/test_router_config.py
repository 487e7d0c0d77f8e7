"""The changes from any running router to any wanted one are possible in their order, enough, and few."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.mgmt.sites.changes import CreateEntity, DeleteEntity, UpdateEntity
from skrouter.mgmt.sites.entities import RouterEntity, entity, ordered, parse, render
from skrouter.mgmt.sites.router_config import applied, changes, needs_restart

NAMES = st.sampled_from(["a", "b"])


def profile(name: str, ordinal: int) -> RouterEntity:
    return entity("sslProfile", f"p{name}", caCertFile=f"{name}.crt", ordinal=ordinal or None)


@st.composite
def configurations(draw: st.DrawFn) -> tuple[RouterEntity, ...]:
    """Consistent configurations: who refers to something has it."""
    profiles = {name: profile(name, draw(st.integers(0, 2))) for name in draw(st.sets(NAMES))}
    uses = st.sampled_from(["", *(one.name for one in profiles.values())])
    found = list(profiles.values())
    for name in draw(st.sets(NAMES)):
        port = draw(st.sampled_from(["1", "2"]))
        observer = draw(st.sampled_from(["", "none"]))
        found.append(
            entity("tcpListener", f"l{name}", host="h", port=port, observer=observer, sslProfile=draw(uses))
        )
        for key in draw(st.sets(NAMES)):
            values = {"address": key, "value": draw(st.integers(0, 1)), "listener": f"l{name}"}
            found.append(RouterEntity("listenerAddress", f"{name}/{key}", values))
    for name in draw(st.sets(NAMES)):
        found.append(
            entity(
                "connector",
                f"c{name}",
                role="edge",
                host="h",
                port="1",
                cost=draw(st.integers(1, 2)),
                sslProfile=draw(uses),
            )
        )
    for name in draw(st.sets(NAMES)):
        found.append(
            entity("listener", f"n{name}", role="edge", port=draw(st.integers(1, 2)), sslProfile=draw(uses))
        )
    for name in draw(st.sets(NAMES)):
        found.append(
            entity("tcpConnector", f"t{name}", host="h", port="1", address=draw(NAMES), sslProfile=draw(uses))
        )
    return ordered(found)


def check_possible(running: tuple[RouterEntity, ...]) -> None:
    keys = {one.key for one in running}
    for one in running:
        assert not one.get("sslProfile") or ("sslProfile", one.get("sslProfile")) in keys
        assert one.type != "listenerAddress" or ("tcpListener", one.get("listener")) in keys


@given(configurations(), configurations())
@settings(max_examples=100, deadline=None)
def test_changes_lead_from_any_router_to_any_other_and_are_possible_one_by_one(
    old: tuple[RouterEntity, ...], new: tuple[RouterEntity, ...]
) -> None:
    running = old
    for change in changes(new, old):
        if isinstance(change, CreateEntity):
            assert change.entity.key not in {one.key for one in running}
        running = applied(running, change)
        check_possible(running)
    assert changes(new, running) == []
    assert {one.key for one in running} == {one.key for one in new}


@given(configurations())
@settings(max_examples=50, deadline=None)
def test_router_that_is_as_wanted_is_left_alone_whatever_it_fills_in(
    config: tuple[RouterEntity, ...],
) -> None:
    filled = tuple(
        RouterEntity(one.type, one.name, {"identity": "x", "maxFrameSize": 16384, **one.attributes})
        for one in config
    )
    assert changes(config, filled) == []


@given(configurations())
@settings(max_examples=50, deadline=None)
def test_stored_configuration_is_read_as_it_was_written(config: tuple[RouterEntity, ...]) -> None:
    assert parse(render(config)) == config


def test_value_that_is_no_longer_wanted_is_taken_back() -> None:
    old = entity("tcpListener", "l", port="1", host="h", address="a", observer="none")
    new = entity("tcpListener", "l", port="1", host="h", address="a")
    assert changes((new,), (old,)) == [UpdateEntity(new, {"observer": "auto"})]
    secured = entity("connector", "c", host="h", port="1", role="edge", sslProfile="p")
    plain = entity("connector", "c", host="h", port="1", role="edge")
    assert changes((plain,), (secured,)) == [DeleteEntity("connector", "c"), CreateEntity(plain)]


def test_number_and_its_text_are_the_same_port() -> None:
    assert changes((entity("listener", "l", port=5671),), (entity("listener", "l", port="5671"),)) == []


def test_listeners_of_the_platform_and_connectors_of_others_are_not_deleted() -> None:
    running = (entity("listener", "amqp", port="1"), entity("connector", "auto-mesh-1", port="1"))
    assert changes((), running) == []


def test_level_of_a_log_changes_live() -> None:
    new = entity("log", "ROUTER", module="ROUTER", enable="debug+")
    old = entity("log", "ROUTER", module="ROUTER", enable="info+", outputFile="stderr")
    assert changes((new,), (old,)) == [UpdateEntity(new, {"enable": "debug+"})]


def test_mode_needs_a_restart_and_filled_in_defaults_do_not() -> None:
    wanted = (entity("router", "r", id="r", mode="interior"),)
    assert (
        needs_restart(wanted, (entity("router", "r", id="r", mode="interior", dataConnectionCount="auto"),))
        == ""
    )
    assert needs_restart(wanted, (entity("router", "r", id="r", mode="edge"),)) == (
        "router mode changes from 'edge' to 'interior'"
    )
