"""Units are written, enabled and removed by the commands that systemd has for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from skrouter.mgmt.platforms.linux import managers
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.managers import (
    SupervisedManager,
    SystemdManager,
    choose_manager,
    router_command,
    start_advice,
)
from skrouter.mgmt.sites.platform import PlatformError
from skrouter_testing.systemctl import Systemctl


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "skrouterd").write_text("#!/bin/sh\n")
    (tools / "skrouterd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return Systemctl(tools)


def manager(tmp_path: Path) -> SystemdManager:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    return SystemdManager(Layout(tmp_path / "data", "ns"), environment, user_id=1000)


def test_unit_of_a_user_is_enabled_started_restarted_and_removed(
    systemctl: Systemctl, tmp_path: Path
) -> None:
    found, unit = manager(tmp_path), tmp_path / "config/systemd/user/skupper-ns.service"
    assert not found.is_started()
    found.start("site-1")
    assert "SKUPPER_SITE_ID=site-1" in unit.read_text() and found.is_started()
    found.restart()
    found.stop()
    assert not unit.exists() and not found.is_started()
    assert systemctl.changes == [
        "daemon-reload",
        "enable skupper-ns.service",
        "restart skupper-ns.service",
        "restart skupper-ns.service",
        "stop skupper-ns.service",
        "disable skupper-ns.service",
        "daemon-reload",
        "reset-failed skupper-ns.service",
    ]
    assert all(one.startswith("--user ") for one in systemctl.calls)


def test_unit_that_somebody_stopped_is_not_started(systemctl: Systemctl, tmp_path: Path) -> None:
    found = manager(tmp_path)
    found.start("site-1")
    systemctl.set("state", "inactive")
    assert not found.is_started()


def test_refusal_of_systemd_is_told_in_its_words(systemctl: Systemctl, tmp_path: Path) -> None:
    systemctl.set("broken", "")
    with pytest.raises(PlatformError, match=r"systemctl enable skupper-ns\.service: no such unit"):
        manager(tmp_path).start("site-1")


def test_supervisor_takes_the_place_of_systemd_where_it_does_not_answer(
    systemctl: Systemctl, tmp_path: Path
) -> None:
    layout = Layout(tmp_path / "data", "ns")
    assert isinstance(choose_manager(layout, os.environ), SystemdManager)
    systemctl.set("answers", "1")
    assert isinstance(choose_manager(layout, os.environ), SupervisedManager)


def test_supervisor_that_is_not_there_cannot_restart_anything(tmp_path: Path) -> None:
    found = SupervisedManager(Layout(tmp_path, "ns"))
    found.stop()
    with pytest.raises(PlatformError, match="the router has no supervisor"):
        found.restart()


def test_missing_router_is_told_as_people_know_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(
        PlatformError, match='Platform "linux" is not available: ERROR! Command not found: skrouterd'
    ):
        router_command()


def test_lingering_is_recommended_to_users_for_whom_it_is_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(managers, "LINGERING", tmp_path)
    unit = manager(tmp_path)
    no_such_user = 3_999_999
    assert start_advice(unit, user_id=no_such_user) == (
        f"It is recommended to enable lingering for {no_such_user}, otherwise Skupper may not start on boot."
    )
    (tmp_path / str(no_such_user)).touch()
    assert start_advice(unit, user_id=no_such_user) == start_advice(unit, user_id=0) == ""


def test_site_without_a_manager_is_said_not_to_start_again(tmp_path: Path) -> None:
    assert "nothing starts the site again" in start_advice(SupervisedManager(Layout(tmp_path)), user_id=0)


@pytest.mark.parametrize(
    ("end", "said"), [("kill -KILL $$", "it was ended by SIGKILL; see"), ("exit 3", "exit status 3; see")]
)
def test_supervisor_that_does_not_live_to_go_on_is_a_failure_with_its_words_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, said: str
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(f"#!/bin/sh\necho no room >&2\n{end}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(interpreter))
    layout = Layout(tmp_path / "data", "ns")
    with pytest.raises(PlatformError, match=said):
        SupervisedManager(layout, ("skrouterd",)).start("id")
    assert layout.log.read_text() == "no room\n"
