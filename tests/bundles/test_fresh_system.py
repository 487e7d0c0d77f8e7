"""A bundle on a Debian system that was made a minute ago: what it lacks is told, then the site runs.

The systems are made with mmdebstrap from the mirror that this machine uses.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter_testing.machine import Machine

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = (PYTHON, "libssl3", "libsasl2-2")
CONNECT = "import socket; socket.create_connection(('127.0.0.1', 8080), 10)"
IN_ROOT = """
set -eu
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
ip link set lo up
exec chroot "$0" sh -c "$1"
"""

pytestmark = pytest.mark.timeout(600)


class System:
    """The root of a fresh system."""

    def __init__(self, directory: Path, packages: tuple[str, ...]) -> None:
        self.root = directory
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--format=directory",
            _suite(),
            str(directory),
        ]
        include = [f"--include={','.join(packages)}"] if packages else []
        subprocess.run([*command[:-2], *include, *command[-2:]], check=True, capture_output=True)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script in it, as root, with processes and a network of its own, which end with it."""
        isolation = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
        return subprocess.run(
            [*isolation, "sh", "-c", IN_ROOT, str(self.root), script],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            timeout=300,
        )

    def files(self) -> set[str]:
        """All that is there, but for temporary files."""
        found = subprocess.run(
            ["find", ".", "-xdev", "-not", "-path", "./tmp/*", "-not", "-path", "./bundle/*"],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        )
        return set(found.stdout.splitlines())


def _suite() -> str:
    return next(
        line.partition("=")[2].strip('"')
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith("VERSION_CODENAME=")
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bundle of a site with a listener and link access."""
    with Machine(tmp_path_factory.mktemp("builder") / "machine") as machine:
        machine.skupper("site create my-site --enable-link-access")
        machine.skupper("listener create backend 8080 --host 127.0.0.1")
        machine.skupper("connector create backend 8081 --host 127.0.0.1")
        machine.skupper("system generate-bundle remote-site")
        yield machine.data / "bundles/remote-site.tar.gz"


def unpacked(system: System, bundle: Path) -> None:
    (system.root / "bundle").mkdir()
    shutil.unpack_archive(bundle, system.root / "bundle", filter="tar")


def test_missing_python_and_libraries_are_named_all_at_once(tmp_path: Path, bundle: Path) -> None:
    system = System(tmp_path / "bare", ())
    before = system.files()
    unpacked(system, bundle)
    found = system.run("/bundle/install.sh")
    assert found.returncode == 1
    lacking = found.stderr.splitlines()
    version = PYTHON.removeprefix("python")
    assert lacking[:2] == ["This machine lacks:", f"  Python {version} (Debian: {PYTHON})"]
    assert "  the library libsasl2.so.2 (Debian: libsasl2-2)" in lacking
    assert "  the library libssl.so.3 (Debian: libssl3)" in lacking
    assert system.files() - before == {"./bundle"}, "nothing is written before everything is there"


def test_site_runs_on_a_fresh_system_and_is_removed_without_a_trace(tmp_path: Path, bundle: Path) -> None:
    system = System(tmp_path / "fresh", PACKAGES)
    unpacked(system, bundle)
    before = system.files()
    script = f"""
    set -e
    export CONNECT="{CONNECT}"
    /bundle/install.sh
    export PATH=$PATH:/var/lib/skupper/programs/default/bin SKUPPER_PLATFORM=linux
    skupper site status
    timeout 30 sh -c 'until {PYTHON} -c "$CONNECT" 2>/dev/null; do sleep 0.1; done'
    echo open
    skstat --help >/dev/null
    /bundle/install.sh -r
    """
    found = system.run(script)
    assert found.returncode == 0, found
    lines = [line.split() for line in found.stdout.splitlines()]
    assert ["my-site", "Ready", "OK"] in lines and ["open"] in lines
    assert found.stdout.endswith('Namespace "default" has been removed\n')
    assert system.files() == before
