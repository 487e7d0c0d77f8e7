"""Which namespaces a controller keeps, on which platform, and from which documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from skrouter.cli.commands import local
from skrouter.cli.commands.session import Session


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for name in ("CONTAINER_ENGINE", "SKUPPER_PLATFORM", "SKUPPER_SYSTEM_RELOAD_TYPE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "skupper"


def keep_platform(namespace: str, platform: str) -> None:
    file = Session("", namespace).layout.platform_file
    file.parent.mkdir(parents=True)
    file.write_text(f"platform: {platform}\n")


@pytest.mark.parametrize(
    ("kept", "engine", "selected", "platform"),
    [
        ("", "", "", "linux"),
        ("", "", "podman", "podman"),
        ("", "", "kubernetes", "linux"),
        ("", "docker", "", "docker"),
        ("linux", "docker", "", "linux"),
        ("podman", "", "linux", "podman"),
    ],
)
def test_namespace_is_kept_on_the_platform_that_runs_it(
    monkeypatch: pytest.MonkeyPatch, kept: str, engine: str, selected: str, platform: str
) -> None:
    if kept:
        keep_platform("ns", kept)
    monkeypatch.setenv("CONTAINER_ENGINE", engine)
    monkeypatch.setenv("SKUPPER_PLATFORM", selected)
    assert local.own_session("ns").platform == platform
    assert local.is_kept_here("ns") is (not engine or platform == engine)


def test_manual_reload_takes_what_a_command_has_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session("podman", "ns")
    assert local.is_kept_here("ns") and local.snapshot_sources(session) is None
    monkeypatch.setenv("SKUPPER_SYSTEM_RELOAD_TYPE", "manual")
    snapshot = session.layout.internal / "snapshot"
    assert not local.is_kept_here("ns") and local.snapshot_sources(session) == snapshot
    snapshot.mkdir(parents=True)
    (snapshot / "Site-west.yaml").write_text("")
    assert local.is_kept_here("ns")
