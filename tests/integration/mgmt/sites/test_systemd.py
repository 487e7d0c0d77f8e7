"""A real user manager of systemd keeps the router of a site, in a mount namespace of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from skrouter_testing.source_tree import ROOT

MANAGER = Path("/lib/systemd/systemd")

IN_NAMESPACE = """
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/0
chmod 700 /run/user/0
export XDG_RUNTIME_DIR=/run/user/0
/lib/systemd/systemd --user 2>/dev/null &
manager=$!
trap 'kill $manager; wait $manager' EXIT
timeout 20 sh -c 'until [ -S /run/user/0/systemd/private ]; do sleep 0.05; done'
"$@"
"""

LIFE = """
import os, subprocess, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import DAEMON, no_redemption, reconcile_once
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.documents import dump
from skrouter.config.resources.site import Site
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.managers import SystemdManager
from skrouter.mgmt.platforms.linux.platform import LinuxPlatform
from skrouter.mgmt.sites.facts import Identity
from skrouter_testing.process import wait_until

layout = Layout(Path(sys.argv[1]), "unit")
layout.input_resources.mkdir(parents=True)
(layout.input_resources / "Site-west.yaml").write_text(dump([Site(Metadata("west"))]))
manager = SystemdManager(layout, os.environ, user_id=1000)
platform = LinuxPlatform(
    layout,
    authority=CertificateAuthority(),
    manager=manager,
    new_identity=Identity("id", "1-1"),
    now=time.time,
    redeem=no_redemption,
    version="2.1.0",
)
units = layout.home.parent / "config/systemd/user"

def settled():
    return reconcile_once(platform, time.time, lambda *_: None).is_settled

def process():
    command = ["systemctl", "--user", "show", "skupper-unit.service", "--property=MainPID", "--value"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

print("answers", manager.answers())
wait_until(settled, "the site", 60)
first = process()
print("enabled", (units / "default.target.wants/skupper-unit.service").exists())
os.kill(first, 9)
wait_until(lambda: process() not in (0, first), "another router", 30)
wait_until(settled, "the site after the kill", 60)
second = process()
manager.restart()
wait_until(lambda: process() not in (0, second), "the restarted router", 30)
(layout.input_resources / "Site-west.yaml").unlink()
wait_until(settled, "the end of the site", 60)
print("started", manager.is_started())
print("unit", (units / "skupper-unit.service").exists())
"""


def can_try() -> bool:
    """Whether this machine lets us have a mount namespace with a manager in it."""
    if os.geteuid() != 0 or not MANAGER.exists() or shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/run"], check=False).returncode
        == 0
    )


@pytest.mark.skipif(not can_try(), reason="needs root, unshare and systemd")
def test_unit_starts_restarts_and_ends_the_router(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    daemon = tools / "skrouterd"
    path = os.environ.get("PYTHONPATH", "")
    command = f'{sys.executable} -P -m skrouter.cli.skrouterd "$@"'
    daemon.write_text(f"#!/bin/sh\nPYTHONPATH={path} exec {command}\n")
    daemon.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}:/usr/bin:/bin",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PYTHONPATH": f"{path}:{ROOT / 'tests/support'}",
    }
    life = [sys.executable, "-P", "-c", LIFE, str(tmp_path / "data"), str(Path(__file__).parent)]
    process = subprocess.Popen(
        ["unshare", "-m", "bash", "-c", IN_NAMESPACE, "life", *life],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=100)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    assert output.splitlines() == ["answers True", "enabled True", "started False", "unit False"], output
