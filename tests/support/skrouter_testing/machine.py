"""Machines of their own for sites: processes, mounts, network and user apart from those of this machine.

A `Machine` is a set of Linux namespaces in which one user, who is not root, has a data home, the programs of
this tree and, if wanted, a real user manager of systemd. All that runs in it ends with it.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, TypeVar

from skrouter_testing.process import wait_until
from skrouter_testing.source_tree import ROOT

SYSTEMD: Final = Path("/lib/systemd/systemd")
USER: Final = 1000
PROGRAMS: Final = {
    "skupper": "skrouter.cli.skupper",
    "skrouterd": "skrouter.cli.skrouterd",
    "skupper-controller": "skrouter.cli.controller",
}
SYSTEM_PATH: Final = f"/usr/bin:/bin:/usr/sbin:/sbin:{sys.base_exec_prefix}/bin"
_NETWORK_NAMESPACE: Final = 0x40000000
_ISOLATION: Final = ("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
_AS_USER: Final = ("unshare", "--user", f"--map-user={USER}", f"--map-group={USER}")

_CONTROL_GROUPS: Final = tuple(Path("/sys/fs/cgroup") / name for name in ("", "unified", "systemd"))
"""Where systemd has its groups, in any of the layouts; each machine has one of its own there."""

_BOOT: Final = f"""
set -eu
for group in $GROUPS_OF_MACHINE; do mkdir $group; echo $$ >$group/cgroup.procs; done
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user/{USER}
chmod 700 /run/user/{USER}
if [ -d /var/lib/systemd ]; then mount -t tmpfs tmpfs /var/lib/systemd; fi
ip link set lo up
exec {" ".join(_AS_USER)} bash -c "$1"
"""
_IDLE: Final = "echo ready; read -r _"
_WITH_MANAGER: Final = f"""
{SYSTEMD} --user 2>"$XDG_CONFIG_HOME/manager.log" &
timeout 20 sh -c 'until [ -S $XDG_RUNTIME_DIR/systemd/private ]; do sleep 0.05; done'
{_IDLE}
systemctl --user exit
wait
"""

_numbers = count()

T = TypeVar("T")


@cache
def possible() -> bool:
    """Whether this machine lets us make others."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    command = [*_ISOLATION, "--net", *_AS_USER, "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@cache
def manager_possible() -> bool:
    """Whether they can have a user manager of systemd, with control groups for its units."""
    return possible() and SYSTEMD.exists() and bool(_bases())


@dataclass(frozen=True, slots=True)
class Result:
    """What a command printed and returned."""

    status: int
    out: str
    err: str


class Machine:
    """One machine; `network` is the name of a network namespace, if it shall not have its own."""

    def __init__(self, directory: Path, *, systemd: bool = False, network: str = "") -> None:
        self.home = directory
        self.systemd = systemd
        self._network = network
        self._process: subprocess.Popen[bytes] | None = None
        self._groups = [base / f"skrouter-{os.getpid()}-{next(_numbers)}" for base in _bases()]
        self.environment = _environment(directory)

    def __enter__(self) -> Machine:
        for path in ("config", "bin"):
            (self.home / path).mkdir(parents=True)
        for name, module in PROGRAMS.items():
            _write_program(self.home / "bin" / name, module)
        enter = ["nsenter", f"--net=/run/netns/{self._network}"] if self._network else []
        isolation = [*_ISOLATION, *(() if self._network else ("--net",))]
        script = _WITH_MANAGER if self.systemd else _IDLE
        self._process = subprocess.Popen(
            [*enter, *isolation, "bash", "-c", _BOOT, "boot", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**self.environment, "GROUPS_OF_MACHINE": " ".join(str(one) for one in self._groups)},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the machine does not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        for group in self._groups:
            _remove_group(group)

    # --- programs

    def command(self, *arguments: str) -> list[str]:
        """The command line of a program on this machine."""
        enter = ["nsenter", "--target", str(self.init), "--all", "--preserve-credentials", "--"]
        return [*enter, "env", f"--chdir={self.home}", f"PATH={self.environment['PATH']}", *arguments]

    def run(self, *arguments: str, stdin: str = "", timeout: float = 100) -> Result:
        """Run a program until it ends."""
        found = subprocess.run(
            self.command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
            timeout=timeout,
        )
        return Result(found.returncode, found.stdout, found.stderr)

    def start(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Have a program running; its process here is one above the program itself."""
        with log.open("ab") as file:
            return subprocess.Popen(self.command(*arguments), stdout=file, stderr=file, env=self.environment)

    def skupper(self, command: str, *, status: int = 0, stdin: str = "") -> str:
        """Standard output of `skupper …`, which must end with this status."""
        found = self.run("skupper", *shlex.split(command), stdin=stdin)
        assert found.status == status, (command, found)
        return found.out

    def rows(self, command: str) -> list[list[str]]:
        """The cells of a table that `skupper …` prints."""
        return [[cell for cell in line.split("\t") if cell] for line in self.skupper(command).splitlines()]

    # --- what is there

    @property
    def data(self) -> Path:
        """The data home of the user."""
        return self.home / "data/skupper"

    def namespace(self, name: str = "default") -> Path:
        """The directory of a namespace."""
        return self.data / "namespaces" / name

    def units(self) -> list[str]:
        """Units of sites that systemd would start."""
        return sorted(one.name for one in (self.home / "config/systemd/user").glob("*.service"))

    def processes(self, word: str) -> dict[int, str]:
        """Command lines in which a word occurs, by process id as this machine's test sees it."""
        space = str(Path(f"/proc/{self.init}/ns/pid").readlink())
        return {pid: line for pid, line in _command_lines(space) if word in line}

    def kill(self, pid: int) -> None:
        """`kill -9`."""
        os.kill(pid, signal.SIGKILL)

    # --- network

    def connect(self, port: int, host: str = "127.0.0.1") -> socket.socket:
        """A connection from this machine."""
        return self._in_network(lambda: socket.create_connection((host, port), timeout=10))

    def is_open(self, port: int, host: str = "127.0.0.1") -> bool:
        """Whether somebody listens."""
        try:
            self.connect(port, host).close()
        except OSError:
            return False
        return True

    def serve(self, port: int, host: str = "127.0.0.1") -> socket.socket:
        """A listening socket on this machine."""
        return self._in_network(lambda: socket.create_server((host, port)))

    def _in_network(self, act: Callable[[], T]) -> T:
        with _network_of(self.init):
            return act()

    @property
    def init(self) -> int:
        """The first process of the machine."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0])


def _bases() -> list[Path]:
    return [one for one in _CONTROL_GROUPS if os.access(one / "cgroup.procs", os.W_OK)]


def _remove_group(group: Path) -> None:
    """It is empty when the last process of the machine has ended."""
    below = sorted((one for one in group.rglob("*") if one.is_dir()), reverse=True)
    for one in (*below, group):
        wait_until(partial(_is_removed, one), f"{one} to be empty")


def _is_removed(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _environment(directory: Path) -> dict[str, str]:
    return {
        "PATH": f"{directory / 'bin'}:{SYSTEM_PATH}",
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "PYTHONPATH": _python_path(),
        "SKUPPER_PLATFORM": "linux",
        "XDG_CONFIG_HOME": str(directory / "config"),
        "XDG_DATA_HOME": str(directory / "data"),
        "XDG_RUNTIME_DIR": f"/run/user/{USER}",
    }


def _python_path() -> str:
    return os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(ROOT / "tests/support")])


def _write_program(path: Path, module: str) -> None:
    run = f'{sys.executable} -P -m {module} "$@"'
    path.write_text(f"#!/bin/sh\nPYTHONPATH={_python_path()} exec {run}\n")
    path.chmod(0o755)


def _command_lines(space: str) -> Iterator[tuple[int, str]]:
    """All processes of a process namespace."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if str((directory / "ns/pid").readlink()) == space:
                line = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                yield int(directory.name), line
        except OSError:
            continue  # gone meanwhile


@contextmanager
def _network_of(pid: int) -> Iterator[None]:
    """This thread makes its sockets in the network of that process."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        if libc.setns(other, _NETWORK_NAMESPACE):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(own, _NETWORK_NAMESPACE)
        os.close(own)
        os.close(other)


def files_below(root: Path) -> list[Path]:
    """All files, also while others come and go."""
    return [Path(directory) / name for directory, _, names in os.walk(root) for name in names]


def key_modes(root: Path) -> Mapping[str, int]:
    """The modes of all files below that hold a private key."""
    found = {}
    for path in files_below(root):
        try:
            if b"PRIVATE KEY" in path.read_bytes():
                found[str(path.relative_to(root))] = stat.S_IMODE(path.stat().st_mode)
        except FileNotFoundError:
            continue  # replaced meanwhile
    return found


def wait_open(machine: Machine, port: int, what: str, timeout: float = 40) -> None:
    """Until somebody listens."""
    wait_until(lambda: machine.is_open(port), what, timeout)
