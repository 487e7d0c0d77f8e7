"""A real Podman with our images, in a machine of its own, which scripts/alone makes."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest
from skrouter_testing.podman import DATA_HOME, Cli, Podman
from skrouter_testing.process import wait_until
from skrouter_testing.source_tree import ROOT

ARCHIVE = ROOT / "build/image/skrouter-images.tar"


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Its service runs while tests do; containers end with the machine."""
    alone = os.geteuid() == 0 and [name for _, name in socket.if_nameindex()] == ["lo"]
    assert alone, "run `make containers`, or pytest by scripts/alone: the tests use /var/lib/skupper"
    assert ARCHIVE.exists(), "run `make image` first"
    found = Podman(tmp_path_factory.mktemp("podman"))
    found.configure()
    found("load", "--input", str(ARCHIVE))
    log = (found.directory / "service.log").open("w")
    service = subprocess.Popen(
        ["podman", "system", "service", "--time=0", f"unix://{found.socket}"],
        env={**os.environ, **found.environment},
        stdout=log,
        stderr=log,
    )
    wait_until(found.socket.exists, "the socket of podman")
    yield found
    found("rm", "--all", "--force", "--time", "2")
    found("rmi", "--all", "--force")
    service.terminate()
    service.wait(20)
    log.close()


@pytest.fixture
def cli(request: pytest.FixtureRequest, podman: Podman) -> Iterator[Cli]:
    """On podman, or what the test's parameter says; no site is left."""
    found = Cli(podman, getattr(request, "param", "podman"))
    yield found
    for root in sorted((DATA_HOME / "namespaces").glob("[!.]*/")):
        found(f"system stop -n {root.name}")
    assert not [name for name in podman.names() if name.endswith("-skupper-router")]
