"""A change is carried out and kept, or refused and not kept: whatever step of whatever type fails."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from skrouter.adaptors.tcp.control import TcpConfigurationError
from skrouter.cli.control import RouterControl
from skrouter.cli.control_kinds import kinds
from skrouter.cli.view_settled import SettledView
from skrouter.config.errors import ConfigError
from skrouter.config.loader import load
from skrouter.config.model import Configuration
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent.status import ConfigurationError, NotFoundError
from skrouter.router.net.errors import ListenError, NetworkConfigurationError
from skrouter.router.net.log_output import OutputError
from skrouter.router.policy.policy import Policy

SCHEMA = load_schema()
FILE = """
router {
    id: S
}
sslProfile {
    name: tls
}
listener {
    name: amqp
    port: 5672
    sslProfile: tls
}
tcpListener {
    name: lst
    port: 8080
    address: svc
}
tcpConnector {
    name: con
    port: 9090
    address: svc
}
address {
    name: mc
    prefix: mc
}
"""
NEW: dict[str, dict[str, object]] = {
    "listener": {"port": "1"},
    "connector": {"port": "1"},
    "sslProfile": {},
    "tcpListener": {"port": "1", "address": "a"},
    "tcpConnector": {"port": "1", "address": "a"},
    "router.config.address": {"prefix": "a"},
}
OLD = {
    "listener": "listener/:5672:amqp",
    "tcpListener": "tcpListener/:8080:lst",
    "tcpConnector": "tcpConnector/127.0.0.1:9090:con",
}
CHANGE: dict[str, tuple[str, dict[str, object]]] = {
    "sslProfile": ("sslProfile/tls", {"ordinal": 1}),
    "log": ("log/SERVER", {"enable": "debug+"}),
    "tcpListener": ("tcpListener/:8080:lst", {"observer": "none"}),
}
ERRORS = [
    (ListenError("h:1", "in use"), "CError: Configuration: Listener error on h:1: in use"),
    (NetworkConfigurationError("bad file"), "CError: Configuration: bad file"),
    (TcpConfigurationError("bad TCP"), "CError: Configuration: bad TCP"),
    (OutputError("bad log"), "CError: Configuration: bad log"),
]


class Recorder:
    """Takes every call, and raises what it is told to."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: object, **__: object) -> None:
            if name != "log" and self.error is not None:
                raise self.error
            self.calls.append(name)

        return call


class View(SettledView):
    """Shows the configuration alone; numbers are places in it."""

    def policy(self) -> Any:
        return self._router.config.policy

    def rows(self, name: str) -> list[Any]:
        return list(getattr(self._router.config, name))

    def listeners(self) -> list[Any]:
        return self.rows("listeners")

    def connectors(self) -> list[Any]:
        return self.rows("connectors")

    def tcp_listeners(self) -> list[Any]:
        return self.rows("tcp_listeners")

    def tcp_connectors(self) -> list[Any]:
        return self.rows("tcp_connectors")

    def address_configs(self) -> list[Any]:
        return self.rows("addresses")

    def auto_links(self) -> list[Any]:
        return self.rows("auto_links")

    def listener_addresses(self) -> list[Any]:
        return self.rows("listener_addresses")

    def configured_identity(self, number: int) -> str | None:
        rows = self.rows("addresses")
        return rows[number].identity if number < len(rows) else None


class Vhosts:
    """The part of a router's policy that changes."""

    def __init__(self, config: Configuration) -> None:
        self.rules = Policy(config.policy)
        self.put_vhost = self.rules.put_vhost
        self.remove_vhost = self.rules.remove_vhost


class Stage:
    """A control over a configuration whose router does what it is told to."""

    def __init__(self, path: Path) -> None:
        path.write_text(FILE)
        self.doing = Recorder()
        self.linked: list[str] = []
        self.router = SimpleNamespace(
            config=load(path, random=random.Random(1)),
            identity=SimpleNamespace(version="1.2.3"),
            shell=self.doing,
            ports=self.doing,
            log=self.doing,
            tls=self.doing,
            policy=None,
            add_address=self.doing.add_address,
            remove_address=self.doing.remove_address,
            add_auto_link=lambda config: self.linked.append(f"add {config.address}"),
            remove_auto_link=lambda config: self.linked.append(f"remove {config.address}"),
            tls_profile_updated=lambda _name: None,
        )
        self.router.policy = Vhosts(self.router.config)
        self.router.log = SimpleNamespace(
            log=lambda *_: None,
            configure=self.doing.configure,
            configs=self.router.config.logs,
            counts=lambda _: {},
        )
        self.view = View(cast("Any", self.router))
        self.control = RouterControl(
            cast("Any", self.router), cast("Any", self.doing), cast("Any", self.view), SCHEMA
        )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "a.conf")


@pytest.mark.parametrize("kind", NEW)
def test_what_is_created_is_kept_after_it_works(stage: Stage, kind: str) -> None:
    before = stage.router.config.entities
    stage.control.create(kind, {**NEW[kind], "name": "new"})
    assert stage.router.config.entities[:-1] == before
    assert stage.router.config.entities[-1].name == "new"
    assert stage.doing.calls


@pytest.mark.parametrize(("error", "text"), ERRORS)
@pytest.mark.parametrize("kind", NEW)
def test_what_does_not_work_is_not_created(stage: Stage, kind: str, error: Exception, text: str) -> None:
    before, stage.doing.error = stage.router.config, error
    with pytest.raises(ConfigurationError) as refused:
        stage.control.create(kind, {**NEW[kind], "name": "new"})
    assert str(refused.value) == text
    assert stage.router.config is before


@pytest.mark.parametrize("kind", CHANGE)
def test_a_change_that_does_not_work_is_not_kept(stage: Stage, kind: str) -> None:
    before, stage.doing.error = stage.router.config, NetworkConfigurationError("no")
    with pytest.raises(ConfigurationError, match="CError: Configuration: no"):
        stage.control.update(kind, *CHANGE[kind])
    assert stage.router.config is before


@pytest.mark.parametrize("kind", OLD)
def test_what_cannot_be_deleted_stays(stage: Stage, kind: str) -> None:
    before, stage.doing.error = stage.router.config, TcpConfigurationError("no")
    with pytest.raises(ConfigurationError, match="no"):
        stage.control.delete(kind, OLD[kind])
    assert stage.router.config is before
    stage.doing.error = None
    stage.control.delete(kind, OLD[kind])
    assert OLD[kind] not in {one.identity for one in stage.router.config.entities}


def test_nothing_is_done_for_a_configuration_that_is_wrong(stage: Stage) -> None:
    before = stage.router.config
    for attributes in ({"name": "amqp", "port": "2"}, {"port": "2", "role": "edge"}, {"bogus": 1}):
        with pytest.raises(ConfigError):
            stage.control.create("listener", attributes)
    with pytest.raises(ConfigError):
        stage.control.update("tcpListener", OLD["tcpListener"], {"port": "1"})
    assert stage.router.config is before
    assert stage.doing.calls == []


def test_what_is_gone_cannot_be_deleted(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match="No entity with identity=listener/none"):
        stage.control.delete("listener", "listener/none")
    with pytest.raises(NotFoundError):
        stage.control.delete("router.config.address", "77")


@pytest.mark.parametrize("identity", ["0", "router.config.address/0"])
def test_an_address_is_known_by_its_number(stage: Stage, identity: str) -> None:
    stage.control.delete("router.config.address", identity)
    assert stage.router.config.addresses == ()


def test_a_profile_in_use_is_kept_for_its_users_when_deleted(stage: Stage) -> None:
    stage.control.delete("sslProfile", "sslProfile/tls")
    assert "remove" not in stage.doing.calls
    stage.control.delete("listener", OLD["listener"])
    stage.control.create("sslProfile", {"name": "other"})
    stage.control.delete("sslProfile", "sslProfile/other")
    assert stage.doing.calls == ["remove_listener", "put", "remove"]


def test_a_changed_profile_is_told_to_a_router_that_rotates(stage: Stage) -> None:
    told: list[str] = []
    stage.router.tls_profile_updated = told.append
    stage.control.update("sslProfile", "sslProfile/tls", {"ordinal": 1})
    assert told == ["tls"]


def test_auto_links_begin_and_end_while_the_router_runs(stage: Stage) -> None:
    stage.control.create("router.config.autoLink", {"address": "a", "direction": "in"})
    (made,) = stage.router.config.auto_links
    kinds(cast("Any", stage.router), cast("Any", stage.doing))["router.config.autoLink"].stop(made)
    assert stage.linked == ["add a", "remove a"]


def test_f7_vhosts_come_change_and_go_while_the_router_runs(stage: Stage) -> None:
    rules = stage.router.policy.rules
    stage.control.create("vhost", {"hostname": "v", "maxConnections": 3})
    assert [(one.hostname, one.max_connections) for one in rules.vhosts] == [("v", 3)]
    stage.control.update("vhost", "vhost/v", {"maxConnections": 4})
    assert [(one.hostname, one.max_connections) for one in rules.vhosts] == [("v", 4)]
    with pytest.raises(ConfigError, match="alias 'v' is already in use"):
        stage.control.create("vhost", {"hostname": "w", "aliases": "v"})
    with pytest.raises(ConfigError, match="is no range of addresses"):
        stage.control.create("vhost", {"hostname": "w", "groups": {"g": {"remoteHosts": "9.9.9.9-1.1.1.1"}}})
    assert stage.router.config.vhosts == tuple(rules.vhosts)
    stage.control.delete("vhost", "vhost/v")
    assert list(rules.vhosts) == list(stage.router.config.vhosts) == []


def test_every_type_with_operations_that_change_it_has_steps(stage: Stage) -> None:
    changing = {"CREATE", "UPDATE", "DELETE"}
    types = {
        name
        for name, one in SCHEMA.entity_types.items()
        if changing & set(one.operations) and one.is_configuration
    }
    known = kinds(cast("Any", stage.router), cast("Any", stage.doing))
    assert types == set(known)
