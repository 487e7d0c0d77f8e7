"""The server and the two routers as processes: started, ready, ended."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo import PATIENCE, DemoError
from demo.configs import HOST, Ports, east, west


@contextmanager
def network(directory: Path, ports: Ports, *, keep: bool) -> Iterator[list[int]]:
    """Process ids of server, west and east, ready for use. Ended on exit, unless kept and nothing failed."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for name, command in _commands(directory, ports).items():
            running.append(_start(directory, name, command))
        (directory / "pids").write_text(" ".join(str(process.pid) for process in running))
        for port in (ports.server, ports.west, ports.east):
            _wait_until(_listening(port), f"port {port} to open", running)
        _wait_until(_listening(ports.service), "the service to be reachable through both routers", running)
        yield [process.pid for process in running]
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            _end(running)
            (directory / "pids").unlink(missing_ok=True)


def refuse_if_running(directory: Path) -> None:
    """DemoError if processes of an earlier demo are alive."""
    file = directory / "pids"
    pids = file.read_text().split() if file.exists() else []
    if alive := [pid for pid in pids if str(directory) in _command_line(pid)]:
        raise DemoError(f"an earlier demo is still running; end it with: kill {' '.join(alive)}")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _commands(directory: Path, ports: Ports) -> dict[str, list[str]]:
    """The command of each process; writes the routers' configuration."""
    web = ["-m", "http.server", str(ports.server), "--bind", HOST, "--directory", str(directory / "www")]
    commands = {"server": [sys.executable, *web]}
    for router, text in (("west", west(directory, ports)), ("east", east(directory, ports))):
        file = directory / f"{router}.conf"
        file.write_text(text)
        commands[router] = [str(Path(sys.executable).with_name("skrouterd")), "-c", str(file)]
    return commands


def _start(directory: Path, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that a kept demo outlives the terminal's interrupt."""
    with (directory / f"{name}.out").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until(ready: Callable[[], bool], what: str, running: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        for process in running:
            if process.poll() is not None:
                raise DemoError(f"{process.args!r} ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise DemoError(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(0.1)


def _listening(port: int) -> Callable[[], bool]:
    def probe() -> bool:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            return False
        return True

    return probe


def _command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        return ""
