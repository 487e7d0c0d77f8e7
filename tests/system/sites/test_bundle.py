"""Rows 15.12 and 15.13 of the coverage list: a bundle runs a site where our programs are not."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter_testing import machine as machines
from skrouter_testing.machine import SYSTEM_PATH, Machine, Result, files_below, key_modes, wait_open

PORT = 8080


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Machine]:
    """Another machine."""
    with Machine(tmp_path / "remote", systemd=machines.manager_possible()) as found:
        yield found


def plain(machine: Machine, script: str) -> Result:
    """Run a script without the programs of this tree."""
    return machine.run("env", "-u", "PYTHONPATH", f"PATH={SYSTEM_PATH}", "sh", "-euc", script)


def left(machine: Machine) -> set[Path]:
    """What the user of the machine has, without the bundle."""
    return {one for part in ("data", "config/systemd") for one in files_below(machine.home / part)}


@pytest.mark.parametrize("kind", ["tarball", "shell-script"])
def test_rows_15_12_and_15_13_bundle_installs_and_removes_a_site(
    machine: Machine, remote: Machine, kind: str
) -> None:
    machine.skupper("site create my-site --enable-link-access")
    machine.skupper(f"connector create backend {PORT + 1} --host 127.0.0.1")
    machine.skupper(f"listener create backend {PORT} --host 127.0.0.1")
    made = machine.skupper(f"system generate-bundle remote-site --type {kind}")
    suffix = "tar.gz" if kind == "tarball" else "sh"
    bundle = machine.data / f"bundles/remote-site.{suffix}"
    assert made.splitlines() == [
        'Site "my-site" has been created (as a distributable bundle)',
        f"Installation bundle available at: {bundle}",
        "Default namespace: default",
        "Default platform: linux",
    ]
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600

    install = f"sh {bundle}"
    if kind == "tarball":
        assert "install.sh" in plain(remote, f"tar -xzvf {bundle}").out.splitlines()
        install = "./install.sh"
    found = plain(remote, install)
    assert found.status == 0, found
    root = remote.namespace()
    assert found.out.splitlines()[-1] == 'Site "my-site" is now running on namespace "default"'
    assert f"Definition: {root}/input/resources" in found.out.splitlines()
    wait_open(remote, PORT, "the listener")
    assert remote.is_open(55671)
    assert remote.units() == (["skupper-default.service"] if remote.systemd else [])
    assert set(key_modes(root).values()) == {0o600}
    status = plain(remote, f"{remote.data}/programs/default/bin/skupper site status -p linux").out
    assert status.splitlines()[1].split() == ["my-site", "Ready", "OK"]
    assert remote.rows("site status")[1] == ["my-site", "Ready", "OK"], "a CLI that is there shows it too"
    again = plain(remote, install)
    assert again.status == 1 and 'Namespace "default" is in use already' in again.err

    links = plain(remote, f"{install} -d links")
    assert links.status == 0 and list((remote.home / "links/my-site").glob("link-my-site-*.yaml"))
    removed = plain(remote, f"{install} -r")
    assert (removed.status, removed.out) == (0, 'Namespace "default" has been removed\n')
    assert left(remote) == set() and not remote.data.exists()
    assert not remote.is_open(PORT) and remote.processes("skrouter") == {}
    assert plain(remote, f"{install} -x").err == 'Namespace "default" does not exist\n'


def test_row_15_13_installation_that_fails_leaves_nothing(machine: Machine, remote: Machine) -> None:
    machine.skupper("site create my-site")
    machine.skupper(f"listener create backend {PORT} --host 127.0.0.1")
    machine.skupper("system generate-bundle remote-site")
    (remote.home / "data").write_text("not a directory")
    found = plain(remote, f"tar -xzf {machine.data}/bundles/remote-site.tar.gz; ./install.sh")
    assert found.status != 0
    (remote.home / "data").unlink()
    broken = plain(remote, "rm wheels/click-*; ./install.sh")
    assert broken.status != 0 and "click" in broken.err
    assert left(remote) == set() and not remote.data.exists()
    assert remote.processes("skrouter") == {}


def test_row_15_13_credentials_of_the_target_win_and_the_namespace_can_be_chosen(
    machine: Machine, remote: Machine
) -> None:
    machine.skupper("site create other")
    machine.skupper("system start")
    issuer = machine.namespace() / "runtime/issuers/skupper-site-ca"
    machine.skupper("site create my-site --enable-link-access -n bundled")
    machine.skupper("system generate-bundle remote-site -n bundled")
    own = remote.namespace("east") / "input/issuers/skupper-site-ca"
    own.mkdir(parents=True)
    for file in issuer.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    found = plain(remote, f"tar -xzf {machine.data}/bundles/remote-site.tar.gz; ./install.sh -n east")
    assert found.status == 0, found
    used = remote.namespace("east") / "runtime/issuers/skupper-site-ca/tls.crt"
    assert used.read_bytes() == (issuer / "tls.crt").read_bytes()
    assert remote.rows("site status -n east")[1] == ["my-site", "Ready", "OK"]
