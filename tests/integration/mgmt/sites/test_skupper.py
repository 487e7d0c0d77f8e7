"""The command line starts, changes, shows and stops a real site of this machine."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import socket
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.cli import skupper
from skrouter.mgmt.platforms.linux.layout import GrantLayout, Layout
from skrouter.mgmt.platforms.linux.managers import SupervisedManager, is_locked
from skrouter_testing.process import free_port, wait_until


class Cli:
    """`skupper` as a user with a data home of its own, our daemon in the PATH and no systemd."""

    def __init__(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tools = directory / "bin"
        tools.mkdir()
        daemon = tools / "skrouterd"
        daemon.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m skrouter.cli.skrouterd "$@"\n')
        daemon.chmod(0o755)
        monkeypatch.setattr("os.getuid", lambda: 1000)
        monkeypatch.setenv("PATH", str(tools))
        monkeypatch.setenv("SKUPPER_PLATFORM", "linux")
        monkeypatch.setenv("XDG_DATA_HOME", str(directory))
        self.home = directory / "skupper"
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, command: str, *, status: int = 0, stdin: str = "") -> str:
        """Standard output of a command that ends with this status."""
        self._monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        found = skupper.run(command.split())
        captured = self._capsys.readouterr()
        assert found == status, (command, captured)
        return captured.out

    def end(self) -> None:
        """Stop all sites, and the grant server that a token has started."""
        lock = GrantLayout(self.home).supervisor_lock
        if is_locked(lock):
            os.kill(int(lock.read_text()), signal.SIGTERM)
            wait_until(lambda: not is_locked(lock), "the grant server to end")
        for root in (self.home / "namespaces").glob("[!.]*"):
            SupervisedManager(Layout(self.home, root.name)).stop()


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    found = Cli(tmp_path, monkeypatch, capsys)
    yield found
    found.end()


def rows(table: str) -> list[list[str]]:
    return [[cell for cell in line.split("\t") if cell] for line in table.splitlines()]


def is_quiet(listening: socket.socket) -> bool:
    """Whether nobody waits to be accepted: those were who only looked whether somebody answers."""
    return not select.select([listening], [], [], 0)[0]


def test_two_sites_of_one_machine_are_linked_and_serve_each_other(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cli.home.parent)
    port, server = free_port(), free_port()
    cli("site create west -n west")
    cli("site update -n west --enable-link-access")
    started = cli("system start -n west")
    assert 'Site "west" has been created on namespace "west"' in started and "Platform: linux" in started
    assert "Static links have been defined at:" in started
    assert cli("system start -n west", status=1) == "namespace already exists: west\n"

    link = cli("link generate -n west --host 127.0.0.1")
    decoder, shown = json.JSONDecoder(), cli("link generate -n west --host 127.0.0.1 -o json")
    secret, rest = decoder.raw_decode(shown)
    assert secret["kind"] == "Secret" and decoder.raw_decode(shown[rest + 1 :])[0]["kind"] == "Link"
    cli("site create east -n east")
    cli(f"connector create backend {server} --host 127.0.0.1 -n east")
    cli("system apply -n east -f -", stdin=link)
    cli("system start -n east")
    wait_until(lambda: rows(cli("link status -n east"))[1] == ["link-west", "Ready", "1", "OK"], "the link")

    cli(f"listener create backend {port} -n west")
    pending = rows(cli("listener status -n west"))[1]
    assert pending[1] == "Pending" and pending[-1] == "The router does not have it yet"
    cli("system reload -n west")
    wait_until(lambda: rows(cli("listener status -n west"))[1][-1] == "OK", "the listener to match")
    assert rows(cli("site status -n west"))[1] == ["west", "Ready", "OK"]
    assert cli("debug explain listener backend -n west") == "Listener/backend is ready\n"
    page = cli("status -n west")
    assert all(
        word in page for word in ("Sites of the network", "east", "Services of the network", "backend")
    )
    assert "Connection refused" in cli("status -n east")
    failed = cli("debug check -n east", status=1)
    assert f"FAIL  127.0.0.1:{server}, the server of a connector, Connection refused" in failed
    with socket.create_server(("127.0.0.1", server)) as listening:
        assert "FAIL" not in cli("debug check -n east") and "refused" not in cli("status -n east")
        while not is_quiet(listening):
            listening.accept()[0].close()
        listening.settimeout(10)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            accepted, _ = listening.accept()
            with accepted:
                client.sendall(b"hello")
                assert accepted.recv(5) == b"hello"

    written = cli("debug dump found -n west")
    archive = Path(written.removeprefix("Skupper dump details written to compressed archive: ").strip())
    with tarfile.open(archive) as tar:
        names = [one.name.partition("/")[2] for one in tar]
        statistics = tar.extractfile(next(one for one in tar if one.name.endswith("skstat-g.txt")))
        assert statistics is not None and b"Router Statistics" in statistics.read()
    assert "site-namespace/resources/runtime/Site-west.yaml" in names
    assert archive.stat().st_mode & 0o777 == 0o600

    assert cli("system stop -n west") == 'Namespace "west" has been removed\n'
    assert not (cli.home / "namespaces/west").exists()
    down = rows(cli("debug explain link link-west -n east"))
    assert any("Next step" in line[0] for line in down)


def test_token_issued_here_is_redeemed_once_and_becomes_a_link(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cli.home.parent)
    monkeypatch.setenv("SKUPPER_GRANT_SERVER_PORT", str(free_port()))
    cli("site create west -n west")
    refused = cli("token issue west.token -n west", status=1)
    assert refused.startswith("there is no active skupper site in this namespace")
    cli("system start -n west")
    refused = cli("token issue west.token -n west", status=1)
    assert refused.startswith("You must enable link access for this site before you can create a token.")
    for line in refused.splitlines():
        if line.startswith("\tskupper "):
            cli(f"{line.strip().removeprefix('skupper ')} -n west")
    cli("listener create late 1 -n west")
    issued = cli("token issue west.token -n west --name guests --expiration-window 90m --cost 5")
    assert issued == (
        "Waiting for token status ...\n\n"
        'Grant "guests" is ready\nToken file west.token created\n\n'
        "Transfer this file to a remote site. At the remote site,\n"
        'create a link to this site using the "skupper token redeem" command:\n\n'
        "\tskupper token redeem west.token\n\n"
        "The token expires after 1 use(s) or after 1h30m0s.\n"
    )
    assert Path("west.token").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in Path("west.token").read_text()
    assert rows(cli("listener status -n west"))[1][1] == "Pending", "a token applies nothing else"
    assert cli("token issue x --grant none -n west", status=1).startswith('there is no AccessGrant "none"')
    assert "no certificate of this site is good" in cli("token issue x --host a.example -n west", status=1)

    cli("site create east -n east")
    assert 'Token "guests" has been redeemed.' in cli("token redeem west.token -n east")
    cli("system start -n east")
    wait_until(lambda: rows(cli("link status -n east"))[1] == ["guests", "Ready", "5", "OK"], "the link")
    again = cli("token redeem west.token -n other", status=1)
    assert again == "Received HTTP Response 404: No such access granted\n"


def test_site_is_set_up_from_a_directory(cli: Cli, tmp_path: Path) -> None:
    directory = tmp_path / "local"
    directory.mkdir()
    for name, command in (
        ("site", "site generate default"),
        ("listener", f"listener generate a {free_port()}"),
    ):
        (directory / f"{name}.yaml").write_text(cli(command))
    cli(f"system setup --path {directory}")
    assert rows(cli("site status")) == [["NAME", "STATUS", "MESSAGE"], ["default", "Ready", "OK"]]
    assert 'Sources will be consumed from namespace "default"' in cli("system setup --force")
    cli("system teardown")


def test_input_with_mistakes_starts_nothing_and_tells_them_all(cli: Cli) -> None:
    cli("site create west")
    directory = cli.home / "namespaces/default/input/resources"
    (directory / "bad.yaml").write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Listener\nmetadata: {name: A}\nspec: {port: 0}\n"
    )
    output = cli("system start", status=1)
    assert len([line for line in output.splitlines() if "bad.yaml" in line]) == 4
    assert not (cli.home / "namespaces/default/runtime").exists()
