"""A real broker: RabbitMQ with its AMQP 1.0 plug-in, with files, ports and a name server of its own.

Belongs here: its life. Does not: routers and clients. It needs what scripts/setup-conformance installs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from skrouter_testing.process import HOST, free_port, wait_until

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
USER, PASSWORD = "router", "let-me-in"
START_TIME = 300.0
"""Seconds: a virtual machine starts, on a machine that others use too."""
STOP_TIME = 30.0
_CONFIGURATION = """
listeners.tcp.1 = {host}:{port}
auth_mechanisms.1 = PLAIN
log.file = false
log.console = true
load_definitions = {definitions}
"""
_SALT = b"salt"


def _definitions(queues: Sequence[str]) -> dict[str, object]:
    """One user who may do all, and durable queues."""
    digest = _SALT + hashlib.sha256(_SALT + PASSWORD.encode()).digest()
    user = {
        "name": USER,
        "password_hash": base64.b64encode(digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "",
    }
    everything = dict.fromkeys(("configure", "read", "write"), ".*")
    kept = {"vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
    return {
        "users": [user],
        "vhosts": [{"name": "/"}],
        "permissions": [{"user": USER, "vhost": "/", **everything}],
        "queues": [{"name": name, **kept} for name in queues],
    }


class RabbitMQ:
    """A broker in a directory, with durable queues `/amq/queue/NAME`; listens from `start` on."""

    def __init__(self, directory: Path, *queues: str) -> None:
        self.port = free_port()
        self._directory = directory
        self._names = str(free_port())
        self._name_server: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir()
        definitions = directory / "definitions.json"
        definitions.write_text(json.dumps(_definitions(queues)))
        text = _CONFIGURATION.format(host=HOST, port=self.port, definitions=definitions)
        (directory / "rabbitmq.conf").write_text(text)
        (directory / "plugins").write_text("[rabbitmq_amqp1_0].")

    def __enter__(self) -> RabbitMQ:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything."""
        self.end()
        if self._name_server is not None:
            self._name_server.terminate()
            self._name_server.wait(STOP_TIME)

    def _environment(self) -> dict[str, str]:
        at = self._directory
        return {
            **os.environ,
            "HOME": str(at),  # of the secret that its tools share
            "ERL_EPMD_PORT": self._names,
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": "conformance@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_SERVER_START_ARGS": "-start_epmd false",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(at / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(at / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(at / "data"),
            "RABBITMQ_LOG_BASE": str(at / "log"),
        }

    def start(self) -> RabbitMQ:
        """Start it, with what it has kept, and wait until it listens."""
        environment = self._environment()
        if self._name_server is None:
            self._name_server = subprocess.Popen(["epmd"], env=environment, stdin=subprocess.DEVNULL)
        with (self._directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(SERVER)],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # it is more than one process
            )
        wait_until(self._listens, f"the broker to listen:\n{self._story()}", START_TIME)
        return self

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the broker has ended:\n{self._story()}"
        with socket.socket() as sock:
            return sock.connect_ex((HOST, self.port)) == 0

    def _story(self) -> str:
        return (self._directory / "broker.log").read_text(errors="replace")[-2000:]

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it; what it has on its disk stays."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, how)
            self._process.wait(STOP_TIME)
