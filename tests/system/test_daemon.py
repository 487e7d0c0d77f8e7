"""skrouterd as a daemon: when and how its parent ends, what it holds on to, as whom it runs."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from skrouter_testing.live_management import query
from skrouter_testing.process import HOST, free_port, section, wait_until
from skrouter_testing.tcp_peers import Service

PROGRAM = (sys.executable, "-P", "-m", "skrouter.cli.skrouterd")
NOBODY = "nobody"


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@dataclass
class Place:
    """A directory with a configuration whose daemons are ended by the test."""

    directory: Path
    port: int = field(default_factory=free_port)

    @property
    def pid_file(self) -> Path:
        return self.directory / "skrouterd.pid"

    @property
    def log(self) -> Path:
        return self.directory / "router.log"

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def start(self, *options: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """What the parent says and how it ends."""
        config = self.directory / "skrouterd.conf"
        config.write_text(self.text() if text is None else text)
        return subprocess.run(
            [*PROGRAM, "-d", "-P", self.pid_file.name, "-c", config.name, *options],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    def text(self) -> str:
        text = section("router", mode="standalone", id="S")
        text += section("log", module="DEFAULT", enable="info+", outputFile=self.log)
        return text + section("listener", name="clients", host=HOST, port=self.port)

    def status(self, name: str) -> list[str]:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line for line in lines if line.startswith(f"{name}:")).split()[1:]

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.pid_file.exists() and alive(self.pid):
            os.kill(self.pid, number)
            wait_until(lambda: not alive(self.pid), "the daemon to end")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    try:
        yield made
    finally:
        made.stop(signal.SIGKILL)


def test_a3_parent_ends_with_0_once_the_daemon_serves(place: Place) -> None:
    ended = place.start()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert [row["name"] for row in query(place.port, "listener")] == ["clients"]
    assert f"Threads Running (process ID {place.pid})" in place.log.read_text()


def test_a3_daemon_is_detached(place: Place) -> None:
    assert place.start().returncode == 0
    directory = Path(f"/proc/{place.pid}")
    assert (directory / "cwd").readlink() == Path("/")
    assert {(directory / "fd" / str(number)).readlink() for number in range(3)} == {Path(os.devnull)}
    assert os.getsid(place.pid) not in (os.getsid(0), place.pid), "in a session of its own, and no leader"
    assert place.status("Umask") == ["0022"]
    assert oct(place.pid_file.stat().st_mode & 0o777) == oct(0o644)


def test_daemon_stops_in_order_on_sigterm(place: Place) -> None:
    assert place.start().returncode == 0
    place.stop()
    assert "ROUTER (info) Shut Down" in place.log.read_text()


def test_a3_parent_says_why_the_daemon_did_not_start(place: Place) -> None:
    with Service(place.port):
        ended = place.start()
    assert ended.returncode == 1
    assert ended.stderr == (
        f"skrouterd: required listener failed {HOST}:{place.port}: Address already in use\n"
    )
    wait_until(lambda: not alive(place.pid), "the daemon to end")
    assert "ROUTER (critical) Router start-up failed: required listener failed" in place.log.read_text()


def test_parent_says_what_is_wrong_with_the_configuration(place: Place) -> None:
    ended = place.start(text="listener {\n    bogus: 1\n}\n")
    assert ended.returncode == 1
    assert "Unknown attribute 'bogus' for 'io.skupper.router.listener'" in ended.stderr


def test_a_pid_file_that_cannot_be_written_keeps_the_daemon_from_starting(place: Place) -> None:
    missing = place.directory / "none" / "skrouterd.pid"
    ended = place.start("-P", str(missing))
    assert ended.returncode == 1
    assert ended.stderr == f"skrouterd: Can't write pidfile {missing}: No such file or directory\n"


def test_an_unknown_user_keeps_the_daemon_from_starting(place: Place) -> None:
    ended = place.start("-U", "no-such-user-here")
    assert (ended.returncode, ended.stderr) == (1, "skrouterd: Can't find user no-such-user-here\n")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a3_daemon_runs_as_the_user_with_that_users_groups_only(place: Place) -> None:
    for directory in (place.directory, *place.directory.parents):
        if directory.stat().st_uid == os.getuid() and not directory.stat().st_mode & stat.S_IXOTH:
            directory.chmod(0o755)
    place.log.touch()
    os.chown(place.log, pwd.getpwnam(NOBODY).pw_uid, -1)
    ended = place.start("-U", NOBODY)
    assert ended.returncode == 0, ended.stderr
    found = pwd.getpwnam(NOBODY)
    assert place.status("Uid") == [str(found.pw_uid)] * 4
    assert place.status("Gid") == [str(found.pw_gid)] * 4
    assert place.status("Groups") == [str(group) for group in os.getgrouplist(NOBODY, found.pw_gid)]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *options], capture_output=True, text=True, timeout=20, check=False)


def test_a3_help_names_every_option_and_gives_examples() -> None:
    ended = run("--help")
    assert ended.returncode == 0
    for option in ("--config", "--include", "--daemon", "--pidfile", "--user", "--test-hooks", "--version"):
        assert option in ended.stdout
    assert "examples:" in ended.stdout


def test_a3_pid_file_and_user_are_for_daemons(tmp_path: Path) -> None:
    ended = run("-P", str(tmp_path / "pid"), "-c", str(tmp_path / "none.conf"))
    assert ended.returncode == 1
    assert "-P and -U have an effect with -d only" in ended.stderr
    assert "Configuration file could not be opened" in ended.stderr
    assert not (tmp_path / "pid").exists()
