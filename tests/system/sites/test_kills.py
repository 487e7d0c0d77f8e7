"""`kill -9` at any point of a site's life: it becomes what is wanted, and nothing is left over.

`SKROUTER_SITE_KILLS` sets the number of cycles, `SKROUTER_SITE_SEED` where the random numbers begin.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from skrouter.mgmt.platforms.linux.host import listened_ports
from skrouter_testing.machine import Machine, files_below, key_modes
from skrouter_testing.process import ProcessError, wait_until

CYCLES = int(os.environ.get("SKROUTER_SITE_KILLS", "6"))
SEED = int(os.environ.get("SKROUTER_SITE_SEED", "1"))
LONGEST_PAUSE = 1.5
"""Seconds between a change and the blow: a site from nothing is up in about as many."""

PATIENCE = 180.0
LOCAL_PORT, LINK_PORTS = 5671, {55671, 45671}
PORTS = range(8000, 8040)
CONTROLLER, SUPERVISOR, ROUTER = "skrouter.cli.controller", "linux.supervise", "skrouter.cli.skrouterd"
LEFT = ("internal/supervisor.lock", "internal/skrouterd.log", "runtime/issuers/")
"""What a deleted site leaves: the log of its router, and CAs, which outlive reloads."""


class Life:
    """A site that a controller keeps, what is wanted of it, and random changes and blows."""

    def __init__(self, machine: Machine, source: random.Random) -> None:
        self.machine = machine
        self._random = source
        self._listeners: dict[str, int] = {}
        self._has_site = self._has_access = False
        self._log = machine.home / "controller.log"
        self._controller = self._start_controller()

    def _start_controller(self) -> subprocess.Popen[bytes]:
        return self.machine.start("skupper-controller", log=self._log)

    # --- what is wanted

    def change(self) -> str:
        """Create, update or delete something; what it was."""
        if not self._has_site:
            return self._create_site()
        change = self._random.choice(
            [
                self._create,
                self._create,
                self._update,
                self._update,
                self._delete,
                self._set_access,
                self._end,
            ]
        )
        return change()

    def _create_site(self) -> str:
        self._has_site, self._has_access = True, self._random.random() < 0.5
        option = "--enable-link-access" if self._has_access else ""
        return self._run(f"site create west {option}")

    def _free_port(self) -> int:
        return self._random.choice([one for one in PORTS if one not in self._listeners.values()])

    def _create(self) -> str:
        name, port = f"l{self._random.randrange(10**6)}", self._free_port()
        self._listeners[name] = port
        self._run(f"connector create {name} 9 --host 127.0.0.1")
        return self._run(f"listener create {name} {port}")

    def _update(self) -> str:
        if not self._listeners:
            return self._create()
        name, port = self._random.choice(sorted(self._listeners)), self._free_port()
        self._listeners[name] = port
        return self._run(f"listener update {name} --port {port}")

    def _delete(self) -> str:
        if not self._listeners:
            return self._create()
        name = self._random.choice(sorted(self._listeners))
        del self._listeners[name]
        self._run(f"connector delete {name}")
        return self._run(f"listener delete {name}")

    def _set_access(self) -> str:
        self._has_access = not self._has_access
        return self._run(f"site update west --enable-link-access={str(self._has_access).lower()}")

    def _end(self) -> str:
        self._has_site = False
        return self._run("site delete west")

    def _run(self, command: str) -> str:
        self.machine.skupper(command)
        return command

    # --- blows

    def strike(self) -> str:
        """Kill something after a while; what it was."""
        pause = self._random.uniform(0, LONGEST_PAUSE)
        victims = self._random.choice(
            [(CONTROLLER,), (ROUTER,), (SUPERVISOR,), (CONTROLLER, ROUTER), (CONTROLLER, SUPERVISOR), ()]
        )
        if not victims:
            self._kill_reload(pause)
            return f"reload after {pause:.2f} s"
        time.sleep(pause)
        for word in victims:
            self._kill(word)
        if CONTROLLER in victims:
            self._controller.wait()
            self._controller = self._start_controller()
        return f"{' and '.join(victims)} after {pause:.2f} s"

    def _kill_reload(self, pause: float) -> None:
        """Begin a reload beside the controller, and kill it if it has not ended by then."""
        reload = self.machine.start("skupper", "system", "reload", log=self.machine.home / "reload.log")
        with contextlib.suppress(subprocess.TimeoutExpired):
            reload.wait(pause)
        self._kill("skrouter.cli.skupper")
        reload.wait()

    def _kill(self, word: str) -> None:
        for pid in self.machine.processes(word):
            with contextlib.suppress(ProcessLookupError):
                self.machine.kill(pid)

    # --- what is

    def differences(self) -> list[str]:
        """What is not as wanted, or left over."""
        found = {
            "ports": (self._ports(), self._wanted_ports()),
            "processes": (self._processes(), self._wanted_processes()),
            "units": (
                self.machine.units(),
                ["skupper-default.service"] if self.machine.systemd and self._has_site else [],
            ),
            "left": (self._left_over(), []),
        }
        return [f"{what}: {is_}, not {wanted}" for what, (is_, wanted) in found.items() if is_ != wanted]

    def _ports(self) -> set[int]:
        files = [Path(f"/proc/{self.machine.init}/net/{name}") for name in ("tcp", "tcp6")]
        return {port for file in files for port in listened_ports(file.read_text().splitlines())}

    def _wanted_ports(self) -> set[int]:
        if not self._has_site:
            return set()
        return {LOCAL_PORT, *self._listeners.values(), *(LINK_PORTS if self._has_access else ())}

    def _processes(self) -> list[int]:
        return [len(self.machine.processes(word)) for word in (CONTROLLER, SUPERVISOR, ROUTER)]

    def _wanted_processes(self) -> list[int]:
        supervised = self._has_site and not self.machine.systemd
        supervisor_line = 1 if supervised else 0
        return [1, supervisor_line, 1 if self._has_site else 0]

    def _left_over(self) -> list[str]:
        """Files that are half written; of a site that is deleted all but `LEFT` and what waits for a site."""
        root = self.machine.namespace()
        names = [str(one.relative_to(root)) for one in files_below(root)]
        found = [one for one in names if one.endswith(".new")]
        if not self._has_site:
            waiting = {
                f"runtime/resources/{kind}-{name}.yaml"
                for kind in ("Listener", "Connector")
                for name in self._listeners
            }
            ours = [one for one in names if one.startswith(("runtime/", "internal/"))]
            found += [one for one in ours if one not in waiting and not one.startswith(LEFT)]
        return sorted(found)

    def log(self) -> str:
        """The last words of the controller."""
        return "\n".join(self._log.read_text().splitlines()[-20:])

    def faults(self) -> list[str]:
        """What the controller had not foreseen."""
        return [line for line in self._log.read_text().splitlines() if line.startswith("Traceback")]

    def end(self) -> None:
        """End the controller."""
        self._kill(CONTROLLER)
        self._controller.wait()


@contextlib.contextmanager
def watched_keys(root: Path) -> Iterator[dict[str, int]]:
    """Modes that some file with a key had at some time, other than 0600."""
    found: dict[str, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            found.update({name: mode for name, mode in key_modes(root).items() if mode != 0o600})

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield found
    ended.set()
    thread.join()


@pytest.mark.timeout(300 + 60 * CYCLES)
def test_kills_at_random_points_leave_a_site_as_wanted_and_nothing_else(each_machine: Machine) -> None:
    life = Life(each_machine, random.Random(SEED))
    history: list[str] = []
    try:
        with watched_keys(each_machine.data) as wrong_keys:
            for _ in range(CYCLES):
                history.append(f"{life.change()}; {life.strike()}")
                try:
                    wait_until(lambda: life.differences() == [], "the site to be as wanted", PATIENCE)
                except ProcessError:
                    pytest.fail("\n".join([*history[-8:], *life.differences(), life.log()]))
        assert wrong_keys == {}
        assert life.faults() == []
    finally:
        life.end()
