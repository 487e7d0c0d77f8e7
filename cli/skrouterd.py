"""The router daemon: command line, configuration, composition, life. The only place that knows router,
adaptors and agent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from skrouter.adaptors.tcp.bridge.bridge import Bridge
from skrouter.adaptors.tcp.shell import Surroundings, TcpShell
from skrouter.amqp import events as engine_events
from skrouter.amqp.engine.loop import EngineLoop
from skrouter.amqp.engine.poller import Engine
from skrouter.amqp.engine.tls_context import TlsContext
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
    from skrouter.config.model import Configuration

DEFAULT_CONFIG = "/etc/skupper-router/skrouterd.conf"
MANAGEMENT_KEYS = ("L$management", "M$management", "L$_management_internal")

EXAMPLES = """\
examples:
  skrouterd -c router.conf            run in the foreground, log as the file says
  skrouterd --check router.conf       look at a file, start nothing
  skrouterd -c router.conf --record mesh.jsonl
                                      also append what the mesh is told to a file, to replay a fault
"""


class _Parser(argparse.ArgumentParser):
    """Wrong options end with status 1, as supervisors of the reference expect; argparse would say 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how it would be right."""
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon; returns the exit status."""
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    if options.check is not None:
        return _check(options.check)
    config_path = Path(options.config).absolute()
    try:
        config = load(config_path)
        log = RouterLog(
            config.logs,
            timestamp_format=config.router.timestamp_format,
            timestamps_in_utc=config.router.timestamps_in_utc,
        )
    except (ConfigError, OutputError) as error:
        return _start_failed(None, error)
    try:
        if lacking := _unsupported(config):
            raise ValueError(_refusal(lacking))
        return Daemon(config, log, options.record).run()
    except (ListenError, NetworkConfigurationError, ValueError) as error:
        return _start_failed(log, error)
    finally:
        log.close()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog="skrouterd",
        description="AMQP 1.0 message router, member of an application network.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", metavar="PATH", default=DEFAULT_CONFIG, help="configuration file")
    parser.add_argument("--check", metavar="PATH", help="validate a configuration file and exit")
    parser.add_argument(
        "--record", metavar="FILE", help="append the events of the mesh to FILE (created with mode 0600)"
    )
    parser.add_argument(
        "-v", "--version", action="version", version=VERSION, help="print the version and exit"
    )
    options, extra = parser.parse_known_args(arguments)
    if extra:
        print(f"Unexpected arguments: {' '.join(extra)}", file=sys.stderr)
        parser.print_usage(sys.stderr)
        sys.exit(1)
    return options


def _check(path: str) -> int:
    try:
        config = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if lacking := _unsupported(config):
        print(f"{path}: {_refusal(lacking)}", file=sys.stderr)
        return 1
    print(f"{path}: {len(config.entities)} entities, no error")
    return 0


def _start_failed(log: RouterLog | None, error: Exception) -> int:
    if log is not None:
        if isinstance(error, ListenError):
            log.log(
                "SERVER",
                "critical",
                f"Shutting down, required listener failed {error.host_port}: {error.reason}",
            )
        log.log("ROUTER", "critical", f"Router start-up failed: {error}")
    print(f"skrouterd: {error}", file=sys.stderr)
    return 1


def _unsupported(config: Configuration) -> list[str]:
    """What the file asks for and this version cannot do: better no router than a rule left out in silence."""
    found = []
    if config.policy.enable_vhost_policy:
        found.append("policy enableVhostPolicy")
    if config.auto_links:
        found.append("autoLink")
    served = {"normal", "inter-router", "route-container", "edge", "inter-edge"}
    for port in (*config.listeners, *config.connectors):
        if port.role not in served:
            found.append(f"role {port.role} of {port.name}")
    return found


def _refusal(lacking: list[str]) -> str:
    return f"this version does not support: {', '.join(lacking)}; remove it from the file"


class Daemon:
    """One running router with its management and its adaptors."""

    def __init__(self, config: Configuration, log: RouterLog, record: str | None = None) -> None:
        self.config = config
        self.log = log
        self._record = record
        self.engine = Engine()
        self.loop = EngineLoop(self.engine)
        asyncio.set_event_loop(self.loop)
        self.router = Router(config, self.loop, self.engine, log, VERSION)
        self._tcp = self._make_tcp()
        self._agent = self._make_agent()
        self._stopped_by: int | None = None

    # --- composition

    def _make_tcp(self) -> TcpShell:
        bridge = Bridge(self.router.forwarder, self.router.core.parser.prefix)
        around = Surroundings(
            log=self.log.log,
            watch=lambda address: self.router.watch(address, self._watch_changed),
            unwatch=self.router.unwatch,
            bind_consumer=lambda address, link: self.router.handle(events.ConsumerBound(address, link)),
            unbind_consumer=lambda _address, link: self.router.handle(events.ConsumerUnbound(link)),
            tls_context=self._tls_context,
        )
        return TcpShell(
            bridge, self.loop, around, self.config.router.drop_tcp_connections, self.config.network.tenant_id
        )

    def _tls_context(
        self, profile: str, *, server: bool, require_peer: bool, alpn: tuple[bytes, ...]
    ) -> TlsContext:
        if server:
            return self.router.tls.server(profile, require_peer=require_peer, alpn=alpn)
        return self.router.tls.client(profile)

    def _watch_changed(self, change: WatchChanged) -> None:
        self._tcp.address_watch_changed(change.address, change.local, change.in_process, change.remote)

    def _make_agent(self) -> Agent:
        view = LiveView(self.router, self._tcp)
        return Agent(view, load_schema())

    def _management(self, event: engine_events.MessageReceived) -> None:
        """A management request; the answer goes to its reply-to."""
        response = self._agent.handle(event.content, clock.monotonic())
        if response is None:
            return
        if response.log_text:
            self.log.log("AGENT", "error", response.log_text)
        self.router.send(response.content)

    # --- life

    def run(self) -> int:
        """Start, run until a signal, stop. Raises what keeps it from starting."""
        try:
            self._catch_signals()
            self._start()
            if self._stopped_by is None:
                self.loop.run_forever()
        finally:
            self._stop()
        if self._stopped_by == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return 0

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
        self.router.open_ports()
        for listener in self.config.tcp_listeners:
            self._tcp.configure_listener(listener)
        for connector in self.config.tcp_connectors:
            self._tcp.configure_connector(connector)
        for address in self.config.listener_addresses:
            self._tcp.configure_listener_address(address)
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

    def _stop(self) -> None:
        self.log.log("ROUTER", "info", "Shut Down")
        self._tcp.close()
        self.router.stop()
        self.loop.close()


if __name__ == "__main__":
    sys.exit(main())
