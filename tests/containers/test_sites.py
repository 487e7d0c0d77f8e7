"""Sites whose routers are containers: linked, serving each other, changed while they run, killed, removed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from skrouter_testing.podman import DATA_HOME, Cli, Podman
from skrouter_testing.process import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@contextmanager
def connected(port: int, server: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client at the listener's port and the server's end of its connection."""
    with socket.create_server(("127.0.0.1", server)) as listening:
        listening.settimeout(20)
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(20)
                yield client, accepted


def passes(client: socket.socket, server: socket.socket, octets: bytes) -> bool:
    client.sendall(octets)
    found = b""
    while len(found) < len(octets):
        found += server.recv(65536)
    return found == octets


def process(podman: Podman, namespace: str) -> int:
    return int(podman.inspect(f"{namespace}-skupper-router")["State"]["Pid"])


@pytest.mark.parametrize("cli", ["podman", "docker"], indirect=True)
def test_15_1_and_15_2_two_sites_side_by_side_are_linked_and_serve_each_other(
    cli: Cli, podman: Podman
) -> None:
    port, server = free_port(), free_port()
    cli("site create west -n west --enable-link-access")
    assert podman.names() == set()
    started = cli("system start -n west")
    assert f"Platform: {cli.platform}" in started
    link = cli("link generate -n west --host 127.0.0.1")
    cli("site create east -n east")
    cli(f"connector create backend {server} --host 127.0.0.1 -n east")
    cli("system apply -n east -f -", stdin=link)
    cli("system start -n east")
    assert podman.names() == {"west-skupper-router", "east-skupper-router"}
    wait_until(lambda: cli.row("link status -n east") == ["link-west", "Ready", "1", "OK"], "the link", 60)

    before = process(podman, "west")
    cli(f"listener create backend {port} -n west")
    cli("system reload -n west")
    wait_until(lambda: cli.row("listener status -n west")[-1:] == ["OK"], "the listener to match", 60)
    with connected(port, server) as (client, accepted):
        assert passes(client, accepted, os.urandom(300_000))
        cli(f"listener create other {free_port()} -n west")
        cli("system reload -n west")
        assert passes(client, accepted, b"the connection has outlived the reload")
    assert process(podman, "west") == before
    assert cli.row("site status -n west") == ["west", "Ready", "OK"]

    assert cli("system stop -n west") == 'Namespace "west" has been removed\n'
    assert podman.names() == {"east-skupper-router"}
    assert not (DATA_HOME / "namespaces/west").exists()


def test_container_is_that_of_the_reference(cli: Cli, podman: Podman) -> None:
    cli("site create west")
    cli("system start")
    found = podman.inspect("default-skupper-router")
    host, config = found["HostConfig"], found["Config"]
    assert host["NetworkMode"] == "host" and host["RestartPolicy"]["Name"] == "always"
    labels = config["Labels"]
    assert labels["application"] == "skupper-v2" and labels["skupper.io/v2-component"] == "router"
    assert f"SKUPPER_SITE_ID={labels['skupper.io/site-id']}" in config["Env"]
    mounts = {one["Destination"]: one["Source"] for one in found["Mounts"]}
    runtime = DATA_HOME / "namespaces/default/runtime"
    assert mounts == {
        "/etc/skupper-router/config": str(runtime / "router"),
        "/etc/skupper-router/runtime/certs": str(runtime / "certs"),
    }
    assert cli.row("version")[0] == "router"


def test_killed_router_comes_back(cli: Cli, podman: Podman) -> None:
    cli("site create west --enable-link-access")
    cli("system start")
    first = process(podman, "default")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: process(podman, "default") not in (0, first), "another router", 30)
    wait_until(lambda: cli.row("site status") == ["west", "Ready", "OK"], "the site", 60)


def test_router_that_somebody_stopped_is_started_again(cli: Cli, podman: Podman) -> None:
    cli("site create west")
    cli("system start")
    assert cli("system start", status=1) == "namespace already exists: default\n"
    podman("stop", "default-skupper-router")
    assert podman.inspect("default-skupper-router")["State"]["ExitCode"] == 0, "it does not listen to SIGTERM"
    cli("system start")
    assert podman.inspect("default-skupper-router")["State"]["Status"] == "running"


def test_scripts_for_the_boot_stop_and_start_the_router(cli: Cli, podman: Podman) -> None:
    cli("site create west")
    cli("system start")
    scripts = DATA_HOME / "namespaces/default/internal/scripts"
    for script, expected in (("stop.sh", "exited"), ("start.sh", "running")):
        subprocess.run(["bash", str(scripts / script)], env=cli.environment, check=True, timeout=60)
        assert podman.inspect("default-skupper-router")["State"]["Status"] == expected


def test_container_of_a_stranger_is_left_alone(cli: Cli, podman: Podman) -> None:
    image = cli.row("version")[1]
    name = "strange-skupper-router"
    podman("create", "--name", name, f"localhost/skrouter/skupper-router:{image}")
    cli("site create west -n strange")
    assert "exists and is not the router of this site" in cli("system start -n strange", status=1)
    cli("system stop -n strange")
    assert name in podman.names()
    podman("rm", name)


def test_15_6_and_15_11_controller_takes_up_changes_and_leaves_with_its_sites(
    cli: Cli, podman: Podman
) -> None:
    port = free_port()
    assert cli("system install --reload-type auto").endswith(
        "Platform podman is now configured for Skupper\n"
    )
    assert podman.inspect("root-skupper-controller")["State"]["Status"] == "running"
    assert "already running in Podman" in cli("system install")
    cli("site create west -n auto")
    wait_until(lambda: "auto-skupper-router" in podman.names(), "the controller to start the site", 60)
    wait_until(lambda: cli.row("site status -n auto") == ["west", "Ready", "OK"], "the site", 60)
    cli(f"listener create web {port} -n auto")
    wait_until(
        lambda: cli.row("listener status -n auto")[-1:] == ["No matching connectors"], "the listener", 60
    )
    podman("stop", "auto-skupper-router")
    wait_until(lambda: podman.state("auto-skupper-router") == "running", "the router again", 60)
    assert "The west site is active (namespace auto)" in cli("system uninstall", status=1)
    output = cli("system uninstall --force")
    assert 'Namespace "auto" has been removed' in output and "System-controller has been removed" in output
    assert podman.names() == set()


def test_bundle_names_its_image_and_runs_with_it(cli: Cli, podman: Podman) -> None:
    cli("site create west --enable-link-access -n built")
    cli("system generate-bundle west -n built --type shell-script")
    installer = DATA_HOME / "bundles/west.sh"

    def run(*options: str) -> str:
        command = ["sh", installer, *options]
        found = subprocess.run(command, env=cli.environment, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found
        return found.stdout

    assert 'Site "west" is now running on namespace "installed"' in run("-n", "installed")
    image = podman.inspect("installed-skupper-router")["ImageName"]
    assert f"IMAGE={image}\n" in installer.read_bytes().partition(b"__TARBALL")[0].decode()
    assert cli.row("site status -n installed") == ["west", "Ready", "OK"]
    run("-r", "-n", "installed")
    assert podman.names() == set() and not (DATA_HOME / "programs").exists()


def test_bundle_whose_image_nobody_has_tells_it_first(cli: Cli, podman: Podman) -> None:
    cli.environment["SKUPPER_ROUTER_IMAGE"] = "localhost/nobody/has:this"
    cli("site create west -n built")
    cli("system generate-bundle west -n built --type shell-script")
    command = ["sh", DATA_HOME / "bundles/west.sh", "-n", "installed"]
    found = subprocess.run(command, env=cli.environment, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "  the image localhost/nobody/has:this, which podman cannot pull" in found.stderr
    assert not (DATA_HOME / "namespaces/installed").exists() and podman.names() == set()


def test_image_expands_variables_and_runs_as_a_user_of_its_own(podman: Podman, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "skrouterd.json").write_text('[["router", {"id": "${SITE}-router", "mode": "standalone"}]]')
    name = "localhost/skrouter/skupper-router:0.1.0"
    assert podman("image", "inspect", "--format", "{{.Config.User}}", name) == "10000:10000\n"
    options = (
        "--network",
        "host",
        "--env",
        "SITE=west",
        "--volume",
        f"{tmp_path}:/etc/skupper-router/config",
    )
    podman("run", "--detach", "--name", "alone", *options, name)
    wait_until(lambda: "id=west-router" in podman.log("alone"), "the router of the expanded name")
    podman("rm", "--force", "--time", "5", "alone")
    assert int(podman("image", "inspect", "--format", "{{.Size}}", name)) < 130 << 20
