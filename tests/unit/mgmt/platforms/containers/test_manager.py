"""A site's router is one container of its engine, started with the machine by a unit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.mgmt.platforms.containers.endpoint import Endpoint
from skrouter.mgmt.platforms.containers.engine import Engine
from skrouter.mgmt.platforms.containers.images import Image
from skrouter.mgmt.platforms.containers.manager import ContainerManager
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.systemd import Unit
from skrouter.mgmt.sites.platform import PlatformError
from skrouter_testing.container_engine import FakeEngine, serve_engine
from skrouter_testing.systemctl import Systemctl

NAME = "west-skupper-router"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    with serve_engine(tmp_path / "engine.sock") as found:
        found.images.add("r:1")
        yield found


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return Systemctl(tools)


def manager(
    fake: FakeEngine, home: Path, environment: dict[str, str] | None = None, unit: Unit | None = None
) -> ContainerManager:
    return ContainerManager(
        Layout(home, "west"),
        Engine(Endpoint("podman", (str(fake.socket),)), user_id=7),
        Image("r:1"),
        environment=environment or {},
        ids=(7, 8),
        unit=unit,
    )


def test_router_is_started_restarted_and_removed_with_its_scripts(fake: FakeEngine, tmp_path: Path) -> None:
    found, scripts = manager(fake, tmp_path), Layout(tmp_path, "west").scripts
    assert not found.is_started()
    found.start("site-1")
    assert found.is_started()
    assert fake.bodies[NAME]["User"] == "7:8"
    assert fake.bodies[NAME]["HostConfig"]["Binds"][0].startswith(
        f"{tmp_path}/namespaces/west/runtime/router:"
    )
    assert (Layout(tmp_path, "west").certificates).is_dir()
    assert "label=skupper.io/site-id=site-1" in (scripts / "start.sh").read_text()
    assert (scripts / "stop.sh").stat().st_mode & 0o777 == 0o755
    found.restart()
    assert f"POST /v1.41/containers/{NAME}/restart" in fake.requests
    found.stop()
    assert not found.is_started() and fake.containers == {} and not scripts.exists()
    found.stop()  # nothing is left: no error


def test_15_1_unit_starts_the_containers_with_the_machine(
    fake: FakeEngine, tmp_path: Path, systemctl: Systemctl
) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_RUNTIME_DIR": "/run/user/7"}
    unit = Unit("skupper-west.service", environment, user_id=7)
    found = manager(fake, tmp_path, environment, unit)
    found.start("site-1")
    text = (tmp_path / "config/systemd/user/skupper-west.service").read_text()
    assert f'ExecStart=/bin/bash "{Layout(tmp_path, "west").scripts}/start.sh"' in text
    assert "RequiresMountsFor=/run/user/7/containers" in text
    found.stop()
    assert systemctl.changes == [
        "daemon-reload",
        "enable skupper-west.service",
        "start skupper-west.service",
        "stop skupper-west.service",
        "disable skupper-west.service",
        "daemon-reload",
        "reset-failed skupper-west.service",
    ]


@pytest.mark.parametrize(
    ("state", "started"), [("running", True), ("restarting", True), ("exited", False), ("created", False)]
)
def test_router_is_started_while_the_engine_keeps_it_running(
    fake: FakeEngine, tmp_path: Path, state: str, started: bool
) -> None:
    found = manager(fake, tmp_path)
    found.start("site-1")
    fake.set_state(NAME, state)
    assert found.is_started() is started


def test_stopped_container_is_replaced_by_a_new_one(fake: FakeEngine, tmp_path: Path) -> None:
    found = manager(fake, tmp_path)
    found.start("site-1")
    fake.set_state(NAME, "exited")
    found.start("site-2")
    assert found.is_started() and "SKUPPER_SITE_ID=site-2" in fake.bodies[NAME]["Env"]


@pytest.mark.parametrize("whose", ["a stranger", "another data home"])
def test_container_of_somebody_else_is_left_alone(fake: FakeEngine, tmp_path: Path, whose: str) -> None:
    manager(fake, tmp_path / "other").start("site-2")
    if whose == "a stranger":
        fake.containers[NAME]["Config"]["Labels"] = None
    found = manager(fake, tmp_path / "mine")
    assert not found.is_started()
    with pytest.raises(PlatformError, match=f"{NAME} exists and is not the router of this site"):
        found.start("site-1")
    found.stop()
    assert fake.state(NAME) == "running"


def test_controller_in_a_container_mounts_what_the_host_has_and_writes_no_scripts(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skrouter.mgmt.platforms.linux.layout.OUTPUT", tmp_path)
    found = manager(fake, tmp_path, {"SKUPPER_OUTPUT_PATH": "/home/me/skupper"})
    found.start("site-1")
    binds = fake.bodies[NAME]["HostConfig"]["Binds"]
    assert binds[0] == "/home/me/skupper/namespaces/west/runtime/router:/etc/skupper-router/config:z"
    assert not Layout(tmp_path, "west").scripts.exists()


def test_log_is_shown_by_a_command_of_the_engine(fake: FakeEngine, tmp_path: Path) -> None:
    assert manager(fake, tmp_path).log == f"podman logs {NAME}"
