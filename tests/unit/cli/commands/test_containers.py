"""`skupper` on Podman and Docker, with an engine that runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from skrouter.cli import skupper
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter_testing.container_engine import FakeEngine, serve_engine
from skrouter_testing.systemctl import Systemctl

CONTROLLER_IMAGE = "localhost/skrouter/system-controller:0.1.0"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    tools = tmp_path / "bin"
    tools.mkdir()
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setattr("pwd.getpwuid", lambda _: type("Entry", (), {"pw_name": "me"}))
    monkeypatch.setenv("PATH", str(tools))
    for name in ("CONTAINER_ENDPOINT", "CONTAINER_HOST", "DOCKER_HOST", "SKUPPER_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run/podman").mkdir(parents=True)
    with serve_engine(tmp_path / "run/podman/podman.sock") as found:
        found.images.add(CONTROLLER_IMAGE)
        yield found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


class Run:
    """Standard output of a command that ends with this status."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, command: str, status: int = 0) -> str:
        found = skupper.run(command.split())
        captured = self._capsys.readouterr()
        assert found == status, captured
        return captured.out


def active_site(tmp_path: Path, namespace: str, platform: str) -> Layout:
    """The files of a site that runs."""
    layout = Layout(tmp_path / "skupper", namespace)
    layout.router_config.parent.mkdir(parents=True)
    layout.router_config.write_text('[["site", {"name": "west"}]]')
    layout.internal.mkdir()
    layout.platform_file.write_text(f"platform: {platform}\n")
    return layout


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_15_7_site_is_created_without_an_engine(
    fake: FakeEngine, run: Run, tmp_path: Path, engine: str
) -> None:
    assert 'Site "west" is ready.' in run(f"site create west -p {engine} -n ns")
    assert Layout(tmp_path / "skupper", "ns").input_resources.joinpath("Site-west.yaml").exists()
    assert fake.requests == []


def test_15_4_start_without_the_socket_tells_how_to_open_it(fake: FakeEngine, run: Run) -> None:
    run("site create west -p docker")
    output = run("system start -p docker", status=1)
    assert 'Platform "docker" is not available: there is no socket' in output
    assert "`sudo systemctl enable --now docker.socket`" in output


def test_engine_of_another_machine_is_refused(
    fake: FakeEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert "DOCKER_HOST is 'tcp://10.0.0.1:2375'" in run("system install -p docker", status=1)


def test_namespace_does_not_change_its_platform(fake: FakeEngine, run: Run, tmp_path: Path) -> None:
    active_site(tmp_path, "ns", "podman")
    refusal = 'existing namespace uses "podman" platform and it cannot change to "docker"\n'
    for command in ("system stop", "system start", "site status"):
        assert run(f"{command} -p docker -n ns", status=1) == refusal


def test_15_6_install_runs_the_controller_once(fake: FakeEngine, run: Run, tmp_path: Path) -> None:
    assert (
        run("system install -p podman --reload-type auto")
        == "Platform podman is now configured for Skupper\n"
    )
    body = fake.bodies["me-skupper-controller"]
    assert fake.state("me-skupper-controller") == "running"
    assert body["Image"] == CONTROLLER_IMAGE and "SKUPPER_SYSTEM_RELOAD_TYPE=auto" in body["Env"]
    assert (tmp_path / "skupper/system-controller/internal/scripts/start.sh").exists()
    for engine in ("podman", "docker"):
        output = run(f"system install -p {engine}")
        assert output == (
            'Warning: The system controller container "me-skupper-controller" is already running in Podman.\n'
        )


def test_15_6_install_opens_the_socket_and_uninstall_closes_what_it_opened(
    fake: FakeEngine, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    systemctl = Systemctl(tmp_path / "bin")
    systemctl.set("enabled", "1")
    run("system install -p podman")
    assert systemctl.changes == [
        "enable --now podman.socket",
        "daemon-reload",
        "enable skupper-controller.service",
        "start skupper-controller.service",
    ]
    before = len(systemctl.changes)
    assert run("system uninstall -p podman") == (
        "System-controller has been removed\nPlatform podman infrastructure for Skupper is now uninstalled\n"
    )
    assert systemctl.changes[before:][-1] == "disable --now podman.socket"
    assert fake.containers == {}
    assert not (tmp_path / "config/systemd/user/skupper-controller.service").exists()


def test_15_11_socket_that_was_open_before_stays_open(
    fake: FakeEngine, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    systemctl = Systemctl(tmp_path / "bin")
    run("system install -p podman")
    run("system uninstall -p podman")
    assert not [one for one in systemctl.changes if "podman.socket" in one]


def test_15_11_uninstall_is_refused_while_a_site_is_active(
    fake: FakeEngine, run: Run, tmp_path: Path
) -> None:
    run("system install -p podman")
    active_site(tmp_path, "linux-ns", "linux")
    layout = active_site(tmp_path, "ns", "podman")
    assert run("system uninstall -p podman", status=1) == (
        "The west site is active (namespace ns)\n"
        "Uninstallation halted: Active sites detected. Use --force flag to stop and remove active sites\n"
    )
    assert fake.state("me-skupper-controller") == "running"
    output = run("system uninstall -p podman --force")
    assert 'Removing active site namespace "ns"\nNamespace "ns" has been removed\n' in output
    assert not layout.root.exists() and fake.containers == {}
    assert Layout(tmp_path / "skupper", "linux-ns").root.exists()


def test_15_6_install_is_refused_on_linux(fake: FakeEngine, run: Run) -> None:
    assert "There is nothing to install" in run("system install -p linux", status=1)
    assert "There is nothing to uninstall" in run("system uninstall -p linux", status=1)


def test_reload_type_that_does_not_exist_is_refused(fake: FakeEngine, run: Run) -> None:
    assert run("system install -p podman --reload-type always", status=2) == (
        "reload type is not valid: value always not allowed. "
        "It should be one of this options: [manual auto]\n"
    )


def test_15_3_versions_are_those_of_the_images(
    fake: FakeEngine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKUPPER_ROUTER_IMAGE", "example/router:7.1")
    rows = [line.split() for line in run("version -p podman").splitlines()]
    assert rows == [
        ["COMPONENT", "VERSION"],
        ["router", "7.1"],
        ["cli", "0.1.0"],
        ["system-controller", "0.1.0"],
    ]
    found = yaml.safe_load(run("version -p podman -o yaml"))["components"]
    assert found[2]["images"] == [{"name": CONTROLLER_IMAGE, "digest": f"sha256:{CONTROLLER_IMAGE}"}]
    assert [one[1] for one in map(str.split, run("version -p docker").splitlines())][1] == "7.1"
