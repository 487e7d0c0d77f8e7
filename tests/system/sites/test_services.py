"""Rows 17, 19, 20 and 21 of the coverage list: services by commands and by documents."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

from skrouter_testing.machine import Machine, wait_open
from skrouter_testing.process import wait_until

PORT, SERVER = 8080, 9090
CAS = ("skupper-local-ca", "skupper-site-ca", "skupper-service-ca")


def speaks(machine: Machine, port: int = PORT, server: int = SERVER) -> bool:
    """Whether what a client says to the port arrives at the server, and its answer at the client."""
    with machine.serve(server) as listening, machine.connect(port) as client:
        listening.settimeout(10)
        client.sendall(b"question")
        asked = b""
        while not asked:  # connections that only looked whether the port is open come to the server too
            accepted, _ = listening.accept()
            with accepted:
                asked = accepted.recv(8)
                if asked:
                    accepted.sendall(b"answer")
        return (asked, client.recv(6)) == (b"question", b"answer")


def matched(machine: Machine, kind: str, namespace: str = "default") -> bool:
    return machine.rows(f"{kind} status -n {namespace}")[1][-1] == "OK"


def identity(machine: Machine) -> str:
    config = json.loads((machine.namespace() / "runtime/router/skrouterd.json").read_text())
    (router,) = [attributes for kind, attributes in config if kind == "router"]
    return str(router["metadata"])


def contents(directory: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in directory.rglob("*") if one.is_file()}


def test_rows_17_1_to_17_3_services_of_a_running_site_follow_a_reload(machine: Machine) -> None:
    machine.skupper("site create my-site")
    machine.skupper("system start")
    before = identity(machine), contents(machine.namespace() / "runtime/certs")
    (router,) = [pid for pid, line in machine.processes("skrouterd.json").items() if "supervise" not in line]
    resources = machine.namespace() / "input/resources"

    created = machine.skupper(f"connector create my-server {SERVER} --host localhost")
    assert created == f"File written to {resources}/Connector-my-server.yaml\n"
    created = machine.skupper(f"listener create my-server {PORT}")
    assert created == f"File written to {resources}/Listener-my-server.yaml\n"
    assert not machine.is_open(PORT)
    machine.skupper("system reload")
    wait_open(machine, PORT, "the listener")
    wait_until(lambda: matched(machine, "listener") and matched(machine, "connector"), "both to match", 30)

    assert machine.rows("connector status") == [
        ["NAME", "STATUS", "ROUTING-KEY", "SELECTOR", "HOST", "PORT", "HAS MATCHING LISTENER", "MESSAGE"],
        ["my-server", "Ready", "my-server", "localhost", str(SERVER), "true", "OK"],
    ]
    assert machine.rows("listener status") == [
        ["NAME", "STATUS", "ROUTING-KEY", "HOST", "PORT", "MATCHING-CONNECTOR", "MESSAGE"],
        ["my-server", "Ready", "my-server", "0.0.0.0", str(PORT), "true", "OK"],
    ]
    assert speaks(machine)
    assert (identity(machine), contents(machine.namespace() / "runtime/certs")) == before
    assert router in machine.processes("skrouterd.json"), "the reload keeps the router"

    documents = {"Site-my-site.yaml", "Connector-my-server.yaml", "Listener-my-server.yaml"}
    assert {one.name for one in (machine.namespace() / "internal/snapshot").iterdir()} == documents
    with tarfile.open(machine.namespace() / "sources.backup.tar.gz") as backup:
        assert backup.getnames() == ["Site-my-site.yaml"]
    seen = (machine.namespace() / "runtime/resources/ConfigMap-skupper-network-status.yaml").read_text()
    assert '"name":"my-server","protocol":"tcp"' in seen

    machine.skupper("listener delete my-server")
    machine.skupper("system reload")
    wait_until(lambda: not machine.is_open(PORT), "the listener to close")
    assert machine.skupper("listener status") == "No listeners found\n"
    assert machine.rows("connector status")[1][1] == "Pending"


def local(machine: Machine, directory: Path, *, site: str = "default") -> Path:
    """A directory with a whole site and one service."""
    directory.mkdir()
    for name, command in (
        ("site", f"site generate {site}"),
        ("listener", f"listener generate backend {PORT} --host 127.0.0.1"),
        ("connector", f"connector generate backend {SERVER} --host 127.0.0.1"),
    ):
        (directory / f"{name}.yaml").write_text(machine.skupper(command))
    return directory


def test_rows_19_1_and_21_1_to_21_2_site_from_a_directory_of_documents(machine: Machine) -> None:
    local(machine, machine.home / "local")
    machine.skupper("system setup --path ./local")
    assert machine.rows("site status") == [["NAME", "STATUS", "MESSAGE"], ["default", "Ready", "OK"]]
    wait_open(machine, PORT, "the listener")
    assert speaks(machine)
    again = machine.skupper("system setup --path ./local", status=1)
    assert again.startswith("Input sources are already defined for the namespace at: ")


def test_row_19_2_namespace_of_a_command_is_that_of_all_documents(machine: Machine) -> None:
    local(machine, machine.home / "local", site="second")
    machine.skupper("system setup --path ./local --namespace second-site")
    assert machine.rows("site status --namespace second-site")[1] == ["second", "Ready", "OK"]
    assert machine.skupper("site status") == "There is no existing Skupper site resource\n"


def test_rows_20_1_and_20_2_moved_link_file_takes_effect_with_setup_force(machine: Machine) -> None:
    machine.skupper("site create west -n west --enable-link-access")
    machine.skupper("system start -n west")
    local(machine, machine.home / "local")
    machine.skupper("system setup --path ./local")
    link = machine.home / "link-to-west.yaml"
    link.write_text(machine.skupper("link generate -n west --host 127.0.0.1"))
    shutil.move(link, machine.namespace() / "input/resources" / link.name)
    found = machine.run("skupper", "system", "setup", "--force")
    assert found.status == 0 and 'Sources will be consumed from namespace "default"' in found.out.splitlines()
    issuers = machine.namespace() / "runtime/issuers"
    assert {line for line in found.err.splitlines() if line.startswith("WARN certificate")} == {
        f"WARN certificate will not be overwritten path={issuers}/{ca}/{file}"
        for ca in CAS
        for file in ("tls.crt", "tls.key", "ca.crt")
    }
    ready = ["link-west", "Ready", "1", "OK"]
    wait_until(lambda: machine.rows("link status")[1:] == [ready], "the link", 30)


def test_row_20_3_site_links_and_services_come_from_one_directory(machine: Machine) -> None:
    machine.skupper("site create west -n west --enable-link-access")
    machine.skupper(f"connector create far {SERVER} --host 127.0.0.1 -n west")
    machine.skupper("system start -n west")
    directory = local(machine, machine.home / "local")
    (directory / "far.yaml").write_text(machine.skupper(f"listener generate far {PORT + 1} --host 127.0.0.1"))
    (directory / "link.yaml").write_text(machine.skupper("link generate -n west --host 127.0.0.1"))
    machine.skupper("system setup --path ./local")
    wait_open(machine, PORT + 1, "the listener of the service at the other site")
    assert speaks(machine, PORT + 1)
    assert machine.rows("link status")[1] == ["link-west", "Ready", "1", "OK"]
