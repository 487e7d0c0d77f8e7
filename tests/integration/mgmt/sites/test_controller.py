"""A running controller takes up what users write, and what is killed under it comes back."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.cli.commands.redeem import redeem
from skrouter.config.resources.access_grant import AccessGrant, AccessGrantSpec, AccessGrantStatus
from skrouter.config.resources.access_token import AccessToken, AccessTokenSpec
from skrouter.config.resources.common import Metadata, Resource
from skrouter.config.resources.connector import Connector, ConnectorSpec
from skrouter.config.resources.documents import dump, load
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.site import Site, SiteSpec
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.managers import SupervisedManager
from skrouter.mgmt.sites.platform import PlatformError
from skrouter_testing.process import free_port, wait_until

SITE = Site(Metadata("west"))
RUN = "import os, sys; os.getuid = lambda: 1000; from skrouter.cli.controller import main; sys.exit(main([]))"
"""As a user other than root, whose sites are not below /var."""


class Controller:
    """`skupper-controller` as a process, with our daemon in the PATH and no systemd."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory / "skupper", "west")
        self.layout.input_resources.mkdir(parents=True)
        self._log = directory / "controller.log"
        tools = directory / "bin"
        tools.mkdir()
        daemon = tools / "skrouterd"
        daemon.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m skrouter.cli.skrouterd "$@"\n')
        daemon.chmod(0o755)
        self._environment = {
            **os.environ,
            "PATH": str(tools),
            "XDG_DATA_HOME": str(directory),
            "SKUPPER_GRANT_SERVER_PORT": str(free_port()),
        }
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", RUN], env=self._environment, stderr=log, stdout=log
            )
        return self.process

    @property
    def log(self) -> str:
        return self._log.read_text()

    def put(self, *resources: Resource) -> None:
        for one in resources:
            file = self.layout.input_resources / f"{one.KIND.name}-{one.name}.yaml"
            file.write_text(dump([one], status=False))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def supervisor(self) -> int:
        return int(self.layout.lock.read_text())

    def end(self) -> None:
        self.kill()
        SupervisedManager(self.layout).stop()


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    found = Controller(tmp_path)
    yield found
    found.end()


def can_connect(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def service(number: int) -> tuple[int, Listener, Connector]:
    port = free_port()
    listener = Listener(Metadata(f"l{number}"), ListenerSpec(f"key{number}", "127.0.0.1", port))
    connector = Connector(
        Metadata(f"c{number}"), ConnectorSpec(f"key{number}", free_port(), host="127.0.0.1")
    )
    return port, listener, connector


def processes_of(layout: Layout) -> list[str]:
    """Command lines of all processes that name a file of the namespace."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # gone meanwhile
        if str(layout.root) in line:
            found.append(line)
    return found


def test_what_users_write_is_taken_up_and_only_one_controller_runs(controller: Controller) -> None:
    port, listener, connector = service(1)
    controller.put(SITE, listener, connector)
    wait_until(lambda: can_connect(port), "the first listener", 40)
    second, *more = service(2)
    controller.put(*more)
    wait_until(lambda: can_connect(second), "the second listener", 40)
    (controller.layout.input_resources / "Listener-l1.yaml").write_text("kind: [")
    wait_until(lambda: "is not YAML" in controller.log, "the mistake to be told", 40)
    assert can_connect(port) and can_connect(second)
    other = controller.process
    assert controller.start().wait(20) == 1
    assert "System controller is already running, exiting" in controller.log
    controller.process = other


def test_controller_ends_on_sigterm_and_leaves_the_router_running(controller: Controller) -> None:
    port, listener, connector = service(1)
    controller.put(SITE, listener, connector)
    wait_until(lambda: can_connect(port), "the listener", 40)
    controller.process.send_signal(signal.SIGTERM)
    assert controller.process.wait(20) == 0
    assert can_connect(port)


def test_kills_of_controller_and_router_lose_nothing_and_leave_nothing(controller: Controller) -> None:
    ports: dict[int, int] = {}
    controller.put(SITE)
    for number in range(6):
        port, *resources = service(number)
        ports[number] = port
        controller.put(*resources)
        if number % 3 == 0:
            controller.kill()
            controller.start()
        elif controller.layout.lock.exists() and number % 3 == 1:
            wait_until(lambda: all(can_connect(one) for one in ports.values()), "all listeners", 60)
            os.kill(controller.supervisor(), signal.SIGKILL)
    wait_until(lambda: all(can_connect(one) for one in ports.values()), "all listeners", 60)
    assert len(processes_of(controller.layout)) == 2, "the supervisor and its router"
    assert list(controller.layout.root.rglob(".*.new")) == []
    (controller.layout.input_resources / "Site-west.yaml").unlink()
    wait_until(lambda: processes_of(controller.layout) == [], "the router to end", 60)
    assert not any(can_connect(one) for one in ports.values())


def grant_status(controller: Controller) -> AccessGrantStatus:
    """The status of the grant that the controller tells."""
    file = controller.layout.resources / "AccessGrant-guests.yaml"
    found = load(file.read_text()).good() if file.exists() else ()
    return next((one.status for one in found if isinstance(one, AccessGrant)), AccessGrantStatus())


def test_grant_of_the_input_is_redeemed_before_and_after_the_controller_was_killed(
    controller: Controller,
) -> None:
    controller.put(Site(Metadata("west"), SiteSpec(link_access="default")))
    controller.put(AccessGrant(Metadata("guests"), AccessGrantSpec(2, "1h", "chosen")))
    wait_until(lambda: grant_status(controller).status == "Ready", "the grant")
    found = grant_status(controller)
    assert (controller.layout.resources / "AccessGrant-guests.yaml").stat().st_mode & 0o777 == 0o600
    token = AccessToken(Metadata("far"), AccessTokenSpec(found.url, "chosen", found.ca))
    redeem(token, "one")
    wait_until(lambda: grant_status(controller).redemptions == 1, "the use to be told")
    controller.kill()
    with pytest.raises(PlatformError, match="Connection refused"):
        redeem(token, "two")
    controller.start()
    wait_until(lambda: can_redeem(token), "the controller to redeem again")
    with pytest.raises(PlatformError, match="No such access granted"):
        redeem(token, "three")
    assert "chosen" not in controller.log


def can_redeem(token: AccessToken) -> bool:
    try:
        redeem(token, "two")
    except PlatformError as error:
        assert "refused" in str(error)
        return False
    return True
