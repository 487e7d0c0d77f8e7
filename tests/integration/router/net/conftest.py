"""A router's connections without its routing: a shell on an engine and thread of its own."""

from __future__ import annotations

import concurrent.futures
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest
from skrouter.amqp.engine.loop import EngineLoop
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.pump import Connections
from skrouter.amqp.events import Event
from skrouter.config.loader import RandomSource, load
from skrouter.config.model import Configuration
from skrouter.router.core.facts import ConnectionFacts
from skrouter.router.forwarder.forwarder import Forwarder
from skrouter.router.net.connections import ConnectionShell
from skrouter.router.net.log import RouterLog
from skrouter.router.net.pages import Pages
from skrouter.router.net.policing import Policing
from skrouter.router.net.proxies import Proxies
from skrouter.router.net.tls import TlsProfiles
from skrouter_testing.certs import Authority, Pair

Result = TypeVar("Result")
PATIENCE = 10.0

_engines: list[Engine] = []
"""Kept: an engine must not end inside a cycle that the garbage collector takes apart."""


@dataclass(frozen=True, slots=True)
class Down:
    """A call of on_down."""

    handle: int
    facts: ConnectionFacts | None
    condition: str
    description: str


@dataclass(frozen=True, slots=True)
class Options:
    """What else a shell is made with; `access_id` of its listeners."""

    version: str = "1.2.3"
    random: RandomSource = field(default_factory=lambda: random.Random(7))
    access_id: str | None = None


class Side:
    """One shell with the listeners and connectors of a configuration; `ups`, `downs`: what it reported."""

    def __init__(self, directory: Path, text: str, max_connections: int | None, options: Options) -> None:
        directory.mkdir()
        self.log_file = directory / "router.log"
        path = directory / "router.conf"
        log = f"log {{\n module: DEFAULT\n enable: debug+\n outputFile: {self.log_file}\n}}\n"
        log += "log {\n module: PROTOCOL\n enable: info+\n}\n"  # frames are looked at where they are wanted
        path.write_text(log + text)
        self.config: Configuration = load(path, random=random.Random(7))
        self.ups: list[ConnectionFacts] = []
        self.downs: list[Down] = []
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._stopped = False
        self._max_connections = max_connections
        self._options = options
        self._build()
        self._thread = threading.Thread(target=self._run, name=f"router {self.config.router.id}")
        self._thread.start()

    def _build(self) -> None:
        engine = Engine()
        _engines.append(engine)
        self.loop = EngineLoop(engine)
        self.connections = Connections(engine)
        self.forwarder = Forwarder(engine, self.config.router.id, True)
        self.log = RouterLog(self.config.logs)
        self.log.followers.append(
            lambda entry: self._note(self.lines, f"{entry.module} ({entry.level}) {entry.text}")
        )
        tls = TlsProfiles(self.config.ssl_profiles.values())
        most = self._max_connections
        policy = self.config.policy if most is None else replace(self.config.policy, max_connections=most)
        self.shell = ConnectionShell(
            self.loop,
            self.connections,
            self.config.router,
            self.log,
            tls,
            self._options.random,
            self._options.version,
            lambda facts: self._note(self.ups, facts),
            lambda *arguments: self._note(self.downs, Down(*arguments)),
            self._adopt,
            policing=Policing(policy, self.connections, self.forwarder, self.log),
            pages=Pages(lambda: None),
            proxies=Proxies(lambda: self.config.proxy_profiles, tls),
        )
        self.loop.handle_events(self._events)

    def _adopt(self, handle: int) -> None:
        self.forwarder.adopt(handle)

    def _note(self, notes: list[Result], item: Result) -> None:
        with self._changed:
            notes.append(item)
            self._changed.notify_all()

    def _events(self, events: list[Event]) -> None:
        for event in events:
            self.shell.handle(event)
        with self._changed:
            self._changed.notify_all()

    def _run(self) -> None:
        self.loop.run_forever()
        self.loop.close()

    # --- for the test's thread

    def call(self, function: Callable[[], Result]) -> Result:
        """The function's result, called where the shell lives."""
        answer: concurrent.futures.Future[Result] = concurrent.futures.Future()

        def run() -> None:
            try:
                answer.set_result(function())
            except BaseException as error:  # the caller's, whatever it is
                answer.set_exception(error)

        self.loop.call_soon_threadsafe(run)
        return answer.result(PATIENCE)

    def open(self) -> Side:
        """Open listeners, then start connectors, as configured."""
        for listener in self.config.listeners:
            self.call(lambda listener=listener: self.shell.add_listener(listener, self._options.access_id))
        for connector in self.config.connectors:
            self.call(lambda connector=connector: self.shell.add_connector(connector))
        return self

    @property
    def port(self) -> int:
        """The first listener's port."""
        return self.shell.listeners[0].port

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until it holds; it is looked at after every event and log line."""
        with self._changed:
            held = self._changed.wait_for(condition, PATIENCE)
        assert held, f"{what}; log:\n" + "\n".join(self.lines)

    def wait_line(self, *parts: str) -> str:
        """The first log line that holds all these parts, once there is one."""
        found: list[str] = []

        def seen() -> bool:
            found[:] = [line for line in self.lines if all(part in line for part in parts)]
            return bool(found)

        self.wait(seen, f"no log line with {parts}")
        return found[0]

    def stop(self) -> None:
        """End the shell, its loop and its thread; harmless if repeated."""
        if self._stopped:
            return
        self._stopped = True
        self.call(self.shell.shutdown)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        del self.forwarder  # before its engine, whatever order the garbage collector would choose
        self.log.close()


_USUAL = Options()


class MakeSide:
    """Makes sides that end with the test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._sides: list[Side] = []

    def __call__(
        self, text: str, *, max_connections: int | None = None, opened: bool = True, options: Options = _USUAL
    ) -> Side:
        side = Side(self._directory / f"side{len(self._sides)}", text, max_connections, options)
        self._sides.append(side)
        return side.open() if opened else side

    def stop(self) -> None:
        """End all."""
        for side in self._sides:
            side.stop()


@pytest.fixture
def options() -> type[Options]:
    return Options


@pytest.fixture
def make_side(tmp_path: Path) -> Iterator[MakeSide]:
    maker = MakeSide(tmp_path)
    yield maker
    maker.stop()


@pytest.fixture(scope="package")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="package")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "other-ca")


@pytest.fixture(scope="package")
def server_pair(authority: Authority) -> Pair:
    return authority.issue("server", addresses=("127.0.0.1",))


@pytest.fixture(scope="package")
def client_pair(authority: Authority) -> Pair:
    return authority.issue("client")
