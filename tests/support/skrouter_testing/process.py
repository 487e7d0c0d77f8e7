"""Real `skrouterd` processes on loopback ports: written, started, watched, stopped, killed.

Belongs here: one daemon, its configuration text, its log and its memory. Does not: what a mesh of them
looks like (`processes_mesh`), clients (`amqp_client`).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"
PATIENCE = 20.0
"""Seconds until a wait fails: generous, for a machine that others use too."""
STOP_TIME = 10.0
POLL = 0.02

_DAEMON = (sys.executable, "-P", "-m", "skrouter.cli.skrouterd", "-c")
_given_ports: set[int] = set()


class ProcessError(AssertionError):
    """A daemon did not do in time what was waited for; the text ends with its log."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Octets resident now, and at most since the start or `reset_peak`."""

    resident: int
    peak: int


def section(kind: str, **attributes: object) -> str:
    """One entity of a configuration file; booleans become yes and no, None is left out."""
    shown = {True: "yes", False: "no"}
    lines = [
        f"    {name}: {shown[value] if isinstance(value, bool) else value}"
        for name, value in attributes.items()
        if value is not None
    ]
    return "\n".join([f"{kind} {{", *lines, "}\n"])


def free_port() -> int:
    """A loopback port that nobody listens on and the system gives to no client, never the same twice.

    Test processes that run side by side have a share each: what one has found free stays so until it is used.
    """
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for port in random.sample(range(10_000 + worker, low, workers), 1_000):
        if port not in _given_ports and _can_bind(port):
            _given_ports.add(port)
            return port
    raise ProcessError("no free port found")


def _can_bind(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
        return True


def wait_until(ready: Callable[[], object], what: str, timeout: float = PATIENCE) -> None:
    """Look until it holds, for what no one announces; ProcessError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise ProcessError(f"waited {timeout:.0f} s for {what}")
        time.sleep(POLL)


class RouterProcess:
    """One `skrouterd` with a configuration of its own; may be started again after it ended."""

    def __init__(
        self, directory: Path, name: str, text: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.directory = directory
        self.config = directory / f"{name}.conf"
        self.environment = {**os.environ, **(environment or {})}
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.write(text)

    def write(self, text: str) -> None:
        """The configuration of the next start; a router that logs to stderr is what we can watch."""
        self.config.write_text(text)

    # --- life

    def start(self, *, ready: bool = True, command: Sequence[str] = _DAEMON) -> RouterProcess:
        """Start the process and, if asked, wait for its Operational line."""
        assert self._process is None or self._process.poll() is not None, f"{self.name} runs already"
        mark = self.mark()
        self._process = subprocess.Popen(
            [*command, str(self.config)],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        if ready:
            self.wait_line("Operational,", after=mark)
        return self

    @property
    def process(self) -> subprocess.Popen[str]:
        """The running process, or the last one."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Ask it to stop as a supervisor does; the exit status. ProcessError if it does not."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_exit("stop on SIGTERM")

    def wait_exit(self, what: str = "end", timeout: float = STOP_TIME) -> int:
        """The exit status once it has ended by itself."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name} did not {what} in {timeout:.0f} s\n{self.log}") from None
        self._release()
        return status

    def kill(self) -> None:
        """End it without a chance to say goodbye."""
        self.process.kill()
        self.wait_exit("die")

    def discard(self) -> None:
        """End it if it lives and let go of its output; harmless if repeated."""
        if self._process is None:
            return
        if self.running:
            self._process.kill()
            self._process.wait(STOP_TIME)
        self._release()

    def _release(self) -> None:
        if self._reader is not None:
            self._reader.join(STOP_TIME)
        if self.process.stdout is not None:
            self.process.stdout.close()

    # --- log

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def log(self) -> str:
        """All it wrote, in every life."""
        return "\n".join([f"--- log of {self.name}", *self.lines])

    def mark(self) -> int:
        """A place in the log, for `after`."""
        return len(self.lines)

    def found(self, *parts: str, after: int = 0) -> list[str]:
        """The lines that hold all parts."""
        return [line for line in self.lines[after:] if all(part in line for part in parts)]

    def wait_line(self, *parts: str, after: int = 0, timeout: float = PATIENCE) -> str:
        """The first line that holds all parts. ProcessError if the process ends or time runs out first."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (found := self.found(*parts, after=after)):
                if not self.running or not self._changed.wait(
                    min(1.0, max(0.0, deadline - time.monotonic()))
                ):
                    found = self.found(*parts, after=after)
                    if not found and (not self.running or time.monotonic() >= deadline):
                        how = f"in {timeout:.0f} s" if self.running else "before it ended"
                        raise ProcessError(f"{self.name} did not log {parts} {how}\n{self.log}")
        return found[0]

    # --- memory

    def memory(self) -> Memory:
        """What the system says now."""
        fields = dict(
            line.split(":", 1) for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
        )
        return Memory(*(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM")))

    def reset_peak(self) -> None:
        """Count the peak from now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


class Routers:
    """The daemons of one test: makes them, and ends them all whatever happens."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.all: dict[str, RouterProcess] = {}

    def add(self, name: str, text: str, environment: Mapping[str, str] | None = None) -> RouterProcess:
        """A daemon that is not yet started."""
        self.all[name] = RouterProcess(self.directory, name, text, environment)
        return self.all[name]

    def start(self, name: str, text: str, environment: Mapping[str, str] | None = None) -> RouterProcess:
        """A daemon that is operational."""
        return self.add(name, text, environment).start()

    def __getitem__(self, name: str) -> RouterProcess:
        return self.all[name]

    def __enter__(self) -> Routers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for router in self.all.values():
            router.discard()

    @property
    def logs(self) -> str:
        """The logs of all, for a failed test."""
        return "\n".join(router.log for router in self.all.values())
