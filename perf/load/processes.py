"""Starts and ends the processes of a measurement, and reads what the kernel knows about them."""

import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from load.configs import HOST


class BenchError(Exception):
    """A measurement cannot be made; the text says which process and why."""


class Processes:
    """The processes of one group, each in `directory` with its output in a file there; all ended on exit."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in reversed(self._running):
            process.terminate()
        for _, process in self._running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, command: Sequence[str]) -> int:
        """Start `command`; return its process id."""
        with (self.directory / f"{name}.out").open("wb") as output:
            process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._running.append((name, process))
        return process.pid

    def check(self) -> None:
        """Raise if a process has ended by itself."""
        for name, process in self._running:
            if (status := process.poll()) is not None:
                text = (self.directory / f"{name}.out").read_text(errors="replace")[-2000:]
                raise BenchError(f"{name} ended with status {status}:\n{text}")

    def wait_until(self, ready: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
        """Poll `ready` until it holds; BenchError if a process ends or `timeout` seconds pass before."""
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise BenchError(f"{what} was not ready within {timeout:.0f} s; see {self.directory}")
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def accepts(port: int) -> bool:
    """Whether somebody listens on `port`."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def memory(pid: int) -> dict[str, int]:
    """Resident memory of a process in bytes: now (`resident`) and at most (`peak`)."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        name: int(fields[field].split()[0]) * 1024
        for name, field in (("resident", "VmRSS"), ("peak", "VmHWM"))
    }
