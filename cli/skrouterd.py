"""The router daemon: configuration, composition, life. The only place that knows router,
adaptors and agent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from skrouter.adaptors.tcp.bridge.bridge import Bridge
from skrouter.adaptors.tcp.shell import Surroundings, TcpShell
from skrouter.amqp import events as engine_events
from skrouter.amqp.engine.loop import EngineLoop
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.tls_context import TlsContext
from skrouter.cli import daemon, panic
from skrouter.cli.control import RouterControl
from skrouter.cli.daemon_options import parse
from skrouter.cli.memory_line import write_regularly
from skrouter.cli.preflight import preflight
from skrouter.cli.test_hooks import TestHooks
from skrouter.cli.version import VERSION
from skrouter.cli.view import LiveView
from skrouter.config.errors import ConfigError
from skrouter.config.loader import load
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent.agent import Agent
from skrouter.router.core import events
from skrouter.router.core.effects import WatchChanged
from skrouter.router.net import clock
from skrouter.router.net.errors import ListenError, NetworkConfigurationError
from skrouter.router.net.log import RouterLog
from skrouter.router.net.log_output import OutputError
from skrouter.router.runtime import Router

if TYPE_CHECKING:
    from skrouter.cli.metrics import RouterMetrics
    from skrouter.config.model import Configuration

MANAGEMENT_KEYS = ("L$management", "M$management", "L$_management_internal")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the router; returns the exit status, as a daemon that of its start."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if options.check is not None:
        return _check(options.check)
    config_path = Path(options.config).absolute()
    if options.include:
        sys.path.insert(0, str(Path(options.include).absolute()))
    if not options.daemon:
        return _run(config_path, options, lambda: None, _say_why)
    return daemon.detach("skrouterd", lambda parent: _run_detached(config_path, options, parent))


def _say_why(text: str) -> None:
    print(f"skrouterd: {text}", file=sys.stderr)


def _run_detached(config_path: Path, options: argparse.Namespace, parent: daemon.Parent) -> int:
    try:
        if options.pidfile is not None:
            daemon.write_pid(options.pidfile)
        if options.user is not None:
            _load_what_waits()
            daemon.become(options.user)
    except daemon.DaemonError as error:
        parent.failed(str(error))
        return 1
    return _run(config_path, options, parent.ready, parent.failed)


def _load_what_waits() -> None:
    """Read what else is read when it is first needed: the user may have no way into our installation."""
    load_schema()
    import_module("skrouter.amqp.cyrus")


def _run(
    config_path: Path, options: argparse.Namespace, ready: Callable[[], None], failed: Callable[[str], None]
) -> int:
    """One router from start to stop: `ready` is called once it serves, else `failed` with the reason."""
    try:
        config = load(config_path)
        log = RouterLog(
            config.logs,
            timestamp_format=config.router.timestamp_format,
            timestamps_in_utc=config.router.timestamps_in_utc,
            as_json=options.log_format == "json",
        )
    except (ConfigError, OutputError) as error:
        failed(str(error))
        return 1
    panic.install(log.descriptor)
    try:
        preflight(config, str(config_path))
        return Daemon(config, log, options.record, test_hooks=options.test_hooks).run(ready)
    except (ConfigError, ListenError, NetworkConfigurationError, ValueError) as error:
        _log_failed_start(log, error)
        failed(str(error))
        return 1
    finally:
        log.close()


def _check(path: str) -> int:
    try:
        config = load(path)
        preflight(config, path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path}: {len(config.entities)} entities, no error")
    return 0


def _log_failed_start(log: RouterLog, error: Exception) -> None:
    if isinstance(error, ListenError):
        text = f"Shutting down, required listener failed {error.host_port}: {error.reason}"
        log.log("SERVER", "critical", text)
    if isinstance(error, NetworkConfigurationError):
        log.log("CONN_MGR", "error", str(error))
    if isinstance(error, ConfigError):
        for problem in error.problems:
            log.log("CONN_MGR", "error", problem.text)
    log.log("ROUTER", "critical", f"Router start-up failed: {error}")


def memory_ceiling() -> int:
    """Octets that TCP's buffers may take: as the environment says, else what the machine has."""
    given = os.environ.get("SKUPPER_ROUTER_MEMORY_CEILING", "")
    if given.isdecimal() and int(given):
        return int(given)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


class Daemon:
    """One running router with its management and its adaptors."""

    def __init__(
        self, config: Configuration, log: RouterLog, record: str | None = None, *, test_hooks: bool = False
    ) -> None:
        self.config = config
        self.log = log
        self._record = record
        self._test_hooks = test_hooks
        self.engine = Engine()
        self.loop = EngineLoop(self.engine)
        asyncio.set_event_loop(self.loop)
        self.router = Router(config, self.loop, self.engine, log, VERSION)
        self._tcp = self._make_tcp()
        self._view = LiveView(self.router, self._tcp)
        self.router.policy.number_of_link = self._view.link_number
        schema = load_schema()
        control = RouterControl(self.router, self._tcp, self._view, schema)
        self._agent = Agent(self._view, schema, control)
        self._metrics: RouterMetrics | None = None
        self.router.shell.pages.metrics = self._metrics_page
        self._stopped_by: int | None = None
        self._broken = False
        log.broken = self._log_broken

    # --- composition

    def _make_tcp(self) -> TcpShell:
        bridge = Bridge(self.router.forwarder, self.router.core.parser.prefix, memory_ceiling())
        self.router.telemetry.rows = bridge
        around = Surroundings(
            recorder=self.router.telemetry,
            log=self.log.log,
            watch=lambda address: self.router.watch(address, self._watch_changed),
            unwatch=self.router.unwatch,
            bind_consumer=lambda address, link: self.router.handle(events.ConsumerBound(address, link)),
            unbind_consumer=lambda _address, link: self.router.handle(events.ConsumerUnbound(link)),
            tls_context=self._tls_context,
        )
        shell = TcpShell(
            bridge, self.loop, around, self.config.router.drop_tcp_connections, self.config.network.tenant_id
        )
        self.router.telemetry.polls.append(shell.records.poll)
        return shell

    def _tls_context(
        self, profile: str, *, server: bool, require_peer: bool, alpn: tuple[bytes, ...]
    ) -> TlsContext:
        if server:
            return self.router.tls.server(profile, require_peer=require_peer, alpn=alpn)
        return self.router.tls.client(profile)

    def _watch_changed(self, change: WatchChanged) -> None:
        self._tcp.address_watch_changed(change.address, change.local, change.in_process, change.remote)

    def _metrics_page(self, accept: str) -> tuple[str, bytes]:
        if self._metrics is None:
            from skrouter.cli.metrics import RouterMetrics  # noqa: PLC0415  (heavy: only where it is asked for)

            self._metrics = RouterMetrics(self.router, self._view)
        return self._metrics.page(accept)

    def _management(self, event: engine_events.MessageReceived) -> None:
        """A management request; the answer goes to its reply-to."""
        may_update = self.router.policy.may_update(event.connection)
        response = self._agent.handle(event.content, clock.monotonic(), may_update=may_update)
        if response is None:
            return
        if response.log_text:
            self.log.log("AGENT", "error", response.log_text)
        if response.fault is not None:
            for line in "".join(traceback.format_exception(response.fault)).splitlines():
                self.log.log("AGENT", "error", line)
        self.router.send(response.content)

    # --- life

    def run(self, ready: Callable[[], None]) -> int:
        """Start, call `ready`, run until a signal, stop. Raises what keeps it from starting."""
        try:
            self._catch_signals()
            self._start()
            ready()
            if self._stopped_by is None and not self._broken:
                self.loop.run_forever()
        finally:
            self._stop()
        if self._stopped_by == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return 1 if self._broken else 0

    def _start(self) -> None:
        router = self.config.router
        if self._record is not None:
            self.router.record(self._record)
        self._say_hello()
        self.router.start()
        for key in MANAGEMENT_KEYS:
            self.router.subscribe(events.EndpointAdded(key), self._management)
        self.log.log("AGENT", "info", "Activating management agent on $_management_internal")
        for problem in self.config.warnings:
            self.log.log("AGENT", "warning", str(problem))
        if self._test_hooks:
            TestHooks(self.router).open()
        self.router.open_ports()
        for listener in self.config.tcp_listeners:
            self._tcp.configure_listener(listener)
        for connector in self.config.tcp_connectors:
            self._tcp.configure_connector(connector)
        for address in self.config.listener_addresses:
            self._tcp.configure_listener_address(address)
        write_regularly(self.loop, self._view.memory, self.log.log)
        threads = router.worker_threads
        self.log.log("SERVER", "info", f"Operational, {threads} Threads Running (process ID {os.getpid()})")

    def _say_hello(self) -> None:
        router = self.config.router
        if router.mode == "interior":
            how = "calculated at" if router.data_connections_calculated else "set to"
            self.log.log(
                "ROUTER", "info", f"Inter-router data connections {how} {router.data_connection_count} "
            )
        self.log.log("SERVER", "info", f"Container Name: {router.id}")
        self.log.log(
            "ROUTER", "info", f"Router started in {router.mode.capitalize()} mode, area=0 id={router.id}"
        )
        self.log.log("ROUTER", "info", f"Version: {VERSION}")
        if router.mode == "interior":
            started = self.router.identity.started
            text = f"Router Engine Instantiated: id={router.id} instance={started} max_routers=unlimited"
            self.log.log("ROUTER", "info", text)

    def _catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            self.loop.add_signal_handler(number, self._on_signal, number)
        self.loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _on_signal(self, number: int) -> None:
        if self._stopped_by is None:
            self._stopped_by = number
            self.loop.stop()

    def _log_broken(self, reason: str) -> None:
        """A router that cannot say what it does ends (spec: router-config.md §1.3)."""
        _say_why(reason)
        self._broken = True
        self.loop.stop()

    def _stop(self) -> None:
        self.log.log("ROUTER", "info", "Shut Down")
        self.router.telemetry.stop()
        self._tcp.close()
        self.router.stop()
        self.loop.close()


if __name__ == "__main__":
    sys.exit(main())
