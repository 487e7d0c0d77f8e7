"""A pass ends when there is nothing left to do, and a controller tries again what fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest
from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.common import CustomResource, Metadata, Resource
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.problems import Place, Problem
from skrouter.config.resources.site import Site
from skrouter.mgmt.controller.loop import MOST_ROUNDS, Controller, describe, reconcile_once
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.facts import Observed, Setting
from skrouter.mgmt.sites.platform import Input, PlatformError
from skrouter_testing.site_world import NOW, SETTING, World

SITE = Site(Metadata("west"))
LISTENER = Listener(Metadata("a"), ListenerSpec("a", "h", 1))


class WorldPlatform:
    """The world as a platform; `fail` may raise before a change, `refuse` names what the router refuses."""

    def __init__(self, *resources: Resource) -> None:
        self.world = World()
        self.input = Input(resources)
        self.told: list[tuple[str, str]] = []
        self.released = 0
        self.fail: Callable[[c.Change], None] = lambda _: None
        self.refuse: set[str] = set()
        self.carried_out: list[c.Change] = []
        self.changed: Callable[[], None] = lambda: None

    @property
    def setting(self) -> Setting:
        return SETTING

    def exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()

    def read_input(self) -> Input:
        return self.input

    def observe(self, resources: Sequence[Resource]) -> Observed:
        if self.world.started and self.world.running is None:
            self.world.boot()
        return self.world.observe(resources)

    def release(self) -> None:
        self.released += 1

    def carry_out(self, change: c.Change) -> None:
        self.fail(change)
        self.carried_out.append(change)
        if isinstance(change, c.CreateEntity) and change.entity.name in self.refuse:
            self.world.refusals[change.entity.key] = "no"
        else:
            self.world.carry_out(change)

    def tell(self, resources: Sequence[CustomResource]) -> None:
        self.world.statuses = {one.key: one.status for one in resources}
        self.told = [(one.describe(), one.status.message) for one in resources]

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.changed = changed
        return lambda: None


def once(platform: WorldPlatform) -> bool:
    return reconcile_once(platform, lambda: NOW, lambda *_: None).is_settled


def test_one_pass_makes_a_site_from_nothing_and_the_next_does_nothing() -> None:
    platform = WorldPlatform(SITE, LISTENER)
    assert once(platform) and platform.released == 1
    assert ("Site/west", "OK") in platform.told
    platform.carried_out.clear()
    platform.told.clear()
    assert once(platform) and platform.carried_out == [] and platform.told == []


def test_what_the_router_refuses_ends_the_pass_and_the_rest_is_done() -> None:
    platform = WorldPlatform(SITE)
    once(platform)
    platform.input = Input(
        (SITE, LISTENER, replace(LISTENER, metadata=Metadata("b"), spec=ListenerSpec("b", "h", 2)))
    )
    platform.refuse = {"listener/a"}
    assert not once(platform)
    attempts = [
        one
        for one in platform.carried_out
        if isinstance(one, c.CreateEntity) and one.entity.name == "listener/a"
    ]
    assert 1 <= len(attempts) <= 3 < MOST_ROUNDS
    assert {one.name for one in platform.world.running or ()} >= {"listener/b"}
    assert ("Listener/a", "no") in platform.told
    platform.refuse = set()
    platform.world.refusals.clear()
    assert once(platform)


def test_input_with_problems_changes_nothing() -> None:
    platform = WorldPlatform(SITE)
    once(platform)
    platform.carried_out.clear()
    platform.input = Input((), (Problem(Place("a.yaml"), "is wrong", "mend it"),))
    outcome = reconcile_once(platform, lambda: NOW, lambda *_: None)
    assert [str(one) for one in outcome.problems] == ["a.yaml: is wrong; mend it"]
    assert platform.carried_out == []


def test_connection_is_let_go_of_when_a_change_fails() -> None:
    platform = WorldPlatform(SITE)

    def fail(_: c.Change) -> None:
        raise PlatformError("disk full")

    platform.fail = fail
    with pytest.raises(PlatformError, match="disk full"):
        once(platform)
    assert platform.released == 1


def test_log_line_of_a_change_names_it_and_holds_no_secret() -> None:
    token = AccessToken(Metadata("far"), AccessTokenSpec("https://x", "the-code", "pem"))
    assert describe(c.RedeemToken(token, "west")) == "RedeemToken far"
    assert (
        describe(c.IssueCertificate("a", "ca", "s", (), "there is none"))
        == "IssueCertificate a there is none"
    )
    assert describe(c.DeleteEntity("listener", "x")) == "DeleteEntity listener x"


def test_controller_tries_again_and_takes_up_changes_until_it_is_stopped() -> None:
    platform, lines = WorldPlatform(SITE), []
    happened = threading.Condition()
    failures = [PlatformError("not yet"), ValueError("a fault of the controller")]

    def fail(_: c.Change) -> None:
        if failures:
            raise failures.pop(0)

    def log(level: str, text: str) -> None:
        with happened:
            lines.append((level, text))
            happened.notify()

    def wait(ready: Callable[[], bool]) -> None:
        with happened:
            assert happened.wait_for(ready, 20)

    platform.fail = fail
    controller = Controller({"west": platform}, log, wall_clock=lambda: NOW)
    thread = threading.Thread(target=controller.run)
    thread.start()
    try:
        wait(lambda: ("error", "west: not yet; trying again in 0.5 s") in lines)
        wait(lambda: any("\nValueError: a fault of the controller" in text for _, text in lines))
        wait(lambda: ("info", "StartRouter") in lines)
        platform.input = Input((SITE, LISTENER))
        platform.changed()
        wait(lambda: ("info", "CreateEntity tcpListener listener/a") in lines)
        platform.input = Input((), (Problem(Place("a.yaml"), "is wrong", "mend it"),))
        platform.changed()
        wait(lambda: ("error", "west: a.yaml: is wrong; mend it") in lines)
    finally:
        controller.stop()
        thread.join(20)
    assert not thread.is_alive()
