"""`skupper system generate-bundle`: what is refused, and what goes into the file."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from skrouter.cli import skupper
from skrouter.mgmt.bundles import wheels
from skrouter.mgmt.bundles.wheels import Wheel


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data home of its own, the linux platform, and no wheels but a small one."""
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SKUPPER_PLATFORM", "linux")
    monkeypatch.setattr(wheels, "wheels", lambda: iter([Wheel("a-1-py3-none-any.whl", b"wheel")]))
    return tmp_path / "skupper"


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = skupper.run(command.split())
    return status, capsys.readouterr().out


def members(file: Path) -> dict[str, int]:
    with tarfile.open(file) as archive:
        return {one.name: one.mode for one in archive.getmembers()}


@pytest.mark.parametrize(
    ("arguments", "status", "output"),
    [
        ("", 2, "You need to specify a name for the bundle file to generate.\n"),
        ("a b", 2, "This command does not accept more than one argument.\n"),
        ("a --input /none", 2, "The input path does not exist\n"),
        ("a --input /proc/version", 2, "The input path must be a directory\n"),
        (
            "a --type zip",
            2,
            "Bundle type is not valid: value zip not allowed. "
            "It should be one of this options: [tarball shell-script]\n",
        ),
    ],
)
def test_refusals_have_text_and_status(
    capsys: pytest.CaptureFixture[str], arguments: str, status: int, output: str
) -> None:
    assert run(f"system generate-bundle {arguments}", capsys) == (status, output)


def test_namespace_without_sources_makes_no_bundle(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    status, output = run("system generate-bundle a", capsys)
    assert status == 1 and output.startswith("No sources found at: ")
    assert not (home / "bundles").exists()


def test_mistakes_in_the_documents_are_told_and_make_no_bundle(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    directory = tmp_path / "in"
    directory.mkdir()
    run("listener create a 8080", capsys)
    status, output = run("system generate-bundle a", capsys)
    assert status == 1 and "no valid site definition has been found" in output
    (directory / "x.yaml").write_text("kind: [")
    status, output = run(f"system generate-bundle a --input {directory}", capsys)
    assert status == 1 and "x.yaml" in output
    assert not (home / "bundles").exists()


def test_bundle_holds_documents_credentials_and_wheels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, home: Path
) -> None:
    directory = tmp_path / "in"
    (directory / "certs/mine").mkdir(parents=True)
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (directory / "certs/mine" / name).write_text(name)
    (directory / "site.yaml").write_text(run("site generate west", capsys)[1])
    status, output = run(f"system generate-bundle a --input {directory} -n east", capsys)
    file = home / "bundles/a.tar.gz"
    assert status == 0 and output.splitlines() == [
        'Site "west" has been created (as a distributable bundle)',
        f"Installation bundle available at: {file}",
        "Default namespace: east",
        "Default platform: linux",
    ]
    assert members(file) == {
        "install.sh": 0o755,
        "east/input/resources/Site-west.yaml": 0o644,
        "east/input/certs/mine/ca.crt": 0o644,
        "east/input/certs/mine/tls.crt": 0o644,
        "east/input/certs/mine/tls.key": 0o600,
        "wheels/a-1-py3-none-any.whl": 0o644,
    }
    assert file.stat().st_mode & 0o777 == 0o600
