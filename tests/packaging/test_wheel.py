"""The wheel holds the whole source tree and nothing else, and its native modules load."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from skrouter_testing.source_tree import ROOT, area_files, copy_tree, module_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NOT_SHIPPED = ("config/samples", "config/chart", "config/images", "mgmt/observer/web")
BUILD_ONLY = {".pyx", ".h", ".so", ".c"}


def run(*command: str, cwd: Path, **environment: str) -> None:
    result = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a clean copy; unoptimized, for the content does not depend on it."""
    work = tmp_path_factory.mktemp("wheel")
    copy_tree(work / "tree")
    pip = (sys.executable, "-P", "-m", "pip", "--disable-pip-version-check")
    build = ("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(work), ".")
    run(*pip, *build, cwd=work / "tree", SKROUTER_BUILD="debug")
    (found,) = work.glob("*.whl")
    return found


def content(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = (name for name in archive.namelist() if ".dist-info/" not in name)
        return {name.split(".cpython-")[0] + ".so" if name.endswith(".so") else name for name in names}


def shipped() -> set[str]:
    """What the tree says must be in the wheel."""
    expected = set()
    for path in area_files():
        relative = path.relative_to(ROOT)
        if path.suffix == ".pyx":
            expected.add(f"skrouter/{relative.with_suffix('.so')}")
        elif path.suffix not in BUILD_ONLY and not any(
            relative.is_relative_to(folder) for folder in NOT_SHIPPED
        ):
            expected.add(f"skrouter/{relative}")
    return expected


def test_wheel_lacks_no_file_of_the_tree(wheel: Path) -> None:
    assert sorted(shipped() - content(wheel)) == []


def test_wheel_holds_no_file_that_the_tree_does_not_have(wheel: Path) -> None:
    assert sorted(content(wheel) - shipped()) == []


def test_wheel_carries_license_and_programs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (programs,) = (name for name in names if name.endswith("/entry_points.txt"))
        assert "skrouterd = skrouter.cli.skrouterd:main" in archive.read(programs).decode()
    assert any(name.endswith("/LICENSE") for name in names)


def test_native_modules_of_the_wheel_load(wheel: Path, tmp_path: Path) -> None:
    """Unpacked in front of the path, so that the modules of the work tree are not the ones found."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    modules = [module_name(path) for path in area_files(".pyx")]
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[2:]:\n"
        "    found = importlib.import_module(name).__file__\n"
        "    assert found.startswith(sys.argv[1]), found\n"
    )
    run(sys.executable, "-P", "-c", code, str(tmp_path), *modules, cwd=tmp_path, PYTHONPATH=str(tmp_path))
