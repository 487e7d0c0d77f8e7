"""The programs: how each serves, and how it is loaded through a port."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from skrouter_testing.process import HOST, STOP_TIME, free_port, wait_until

Load = Callable[[int, float], str]
"""Puts load on a port for so many seconds, and says what came of it. AssertionError: something went wrong."""


class MissingError(Exception):
    """A program that is not installed."""


@dataclass(frozen=True, slots=True)
class Served:
    """A service that listens, and its load."""

    port: int
    load: Load


def program(name: str) -> str:
    """Where it is. Raises MissingError."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise MissingError(f"{name} is not installed")
    return found


@contextmanager
def running(*command: str, cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server, until the end."""
    with (cwd / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIME)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def told(*command: str, seconds: float, environment: dict[str, str] | None = None) -> str:
    """What a program prints. AssertionError unless it ends well and in time."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"{Path(command[0]).name} ended with {done.returncode}: {output[-800:]}"
    return output


def line_of(output: str, *parts: str) -> str:
    """The first line that has all parts. AssertionError if there is none."""
    found = [line.strip() for line in output.splitlines() if all(part in line for part in parts)]
    assert found, f"no line with {parts} in: {output[-800:]}"
    return found[0]


# --- HTTP


NGINX = """daemon off; master_process off; pid {at}/nginx.pid;
error_log {at}/error.log; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {at}/b; proxy_temp_path {at}/p;
 fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
 server {{ listen {host}:{port} backlog=4096; location / {{ root {at}/www; }} }} }}
"""


@contextmanager
def nginx(directory: Path) -> Iterator[Served]:
    """Pages of nginx: wrk on lasting connections, ab with a connection for each request."""
    wrk, ab = program("wrk"), program("ab")
    port = free_port()
    (directory / "www").mkdir()
    (directory / "www" / "page").write_bytes(b"x" * 10_000)
    (directory / "nginx.conf").write_text(NGINX.format(at=directory, host=HOST, port=port))

    def load(at: int, seconds: float) -> str:
        url = f"http://{HOST}:{at}/page"
        lasting = told(wrk, "-c", "64", "-t", "2", "-d", f"{seconds:.0f}s", url, seconds=seconds)
        assert "Socket errors" not in lasting, lasting
        assert "Non-2xx" not in lasting, lasting
        short = told(ab, "-q", "-n", "1000000", "-t", f"{seconds:.0f}", "-c", "16", url, seconds=seconds)
        assert line_of(short, "Failed requests:").split()[-1] == "0", short
        return f"wrk {line_of(lasting, 'Requests/sec')}, ab {line_of(short, 'Requests per second')}"

    with running(program("nginx"), "-p", str(directory), "-c", str(directory / "nginx.conf"), cwd=directory):
        yield Served(port, load)


@contextmanager
def http2(directory: Path) -> Iterator[Served]:
    """HTTP/2 without TLS: nghttpd and h2load, many streams on a connection."""
    h2load = program("h2load")
    port = free_port()
    (directory / "page").write_bytes(b"y" * 10_000)

    def load(at: int, seconds: float) -> str:
        url = f"http://{HOST}:{at}/page"
        output = told(h2load, "-c", "16", "-m", "20", "-D", f"{seconds:.0f}", url, seconds=seconds)
        counts = line_of(output, "requests:", "failed")
        assert " 0 failed, 0 errored, 0 timeout" in counts, counts
        return line_of(output, "finished in")

    with running(program("nghttpd"), "--no-tls", "-a", HOST, "-d", str(directory), str(port), cwd=directory):
        yield Served(port, load)


# --- databases


@contextmanager
def redis(directory: Path) -> Iterator[Served]:
    """Redis: redis-benchmark with 50 connections, then one that sends 16 commands at a time."""
    benchmark = program("redis-benchmark")
    port = free_port()

    def load(at: int, seconds: float) -> str:
        deadline, rounds, last = time.monotonic() + seconds, 0, ""
        while time.monotonic() < deadline:
            for pipeline in ("1", "16"):
                options = ["-t", "set,get,lpush,lrange_100", "-n", "20000", "-P", pipeline, "-d", "200", "-q"]
                last = told(benchmark, "-h", HOST, "-p", str(at), *options, seconds=300)
                assert "rror" not in last, last
            rounds += 1
        return f"{rounds} rounds, {line_of(last.replace(chr(13), chr(10)), 'GET:', 'per second')}"

    options = ["--port", str(port), "--bind", HOST, "--save", "", "--dir", str(directory)]
    with running(program("redis-server"), *options, cwd=directory):
        yield Served(port, load)


@contextmanager
def postgresql(directory: Path) -> Iterator[Served]:
    """PostgreSQL: pgbench with 8 clients on lasting connections, then a connection for each transaction."""
    pgbench, initdb, server = program("pgbench"), program("initdb"), program("postgres")
    port, data = free_port(), directory / "data"
    user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
        user = [program("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    told(*user, initdb, "-D", str(data), "-A", "trust", "-U", "bench", "--no-sync", seconds=60)

    def load(at: int, seconds: float) -> str:
        access = ["-h", HOST, "-p", str(at), "-U", "bench", "postgres"]
        told(pgbench, "-i", "-s", "2", "-q", *access, seconds=60)
        shown = []
        for extra in ([], ["-C", "-S"]):
            time_limit = ["-T", f"{max(seconds / 2, 2):.0f}"]
            output = told(pgbench, "-c", "8", "-j", "2", *time_limit, *extra, *access, seconds=seconds)
            assert line_of(output, "number of failed transactions").split()[4] == "0", output
            shown.append(line_of(output, "tps ="))
        return "; ".join(shown)

    options = ["-D", str(data), "-p", str(port), "-h", HOST, "-k", str(directory), "-F"]
    ready = [program("pg_isready"), "-q", "-h", HOST, "-p", str(port)]
    with running(*user, server, *options, cwd=directory):
        # Its port is open before the database takes connections.
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL to be ready")
        yield Served(port, load)


# --- the rest


@contextmanager
def ssh(directory: Path) -> Iterator[Served]:
    """OpenSSH: megabytes through a session and back, then sessions one after the other."""
    daemon, client, keygen = program("sshd"), program("ssh"), program("ssh-keygen")
    port = free_port()
    for name in ("host", "user"):
        told(keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name), seconds=10)
    shutil.copy(directory / "user.pub", directory / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    config = (
        f"ListenAddress {HOST}:{port}\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/authorized\n"
    )
    config += f"PidFile {directory}/sshd.pid\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
    (directory / "sshd_config").write_text(config)

    def load(at: int, seconds: float) -> str:
        checks = ["StrictHostKeyChecking=no", f"UserKnownHostsFile={directory}/known", "BatchMode=yes"]
        options = [part for check in checks for part in ("-o", check)]
        to = [client, "-i", str(directory / "user"), *options, "-p", str(at), f"{getpass.getuser()}@{HOST}"]
        octets, sessions, deadline = os.urandom(4_000_000), 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            back = subprocess.run([*to, "cat"], input=octets, capture_output=True, timeout=60, check=False)
            assert back.returncode == 0, back.stderr[-500:]
            assert back.stdout == octets, "octets have changed"
            sessions += 1
        return f"{sessions} sessions of 4 MB there and back"

    with running(daemon, "-D", "-e", "-f", str(directory / "sshd_config"), cwd=directory):
        yield Served(port, load)


@contextmanager
def iperf3(directory: Path) -> Iterator[Served]:
    """iperf3 with 1, 8 and 64 streams, both directions."""
    iperf = program("iperf3")
    port = free_port()

    def load(at: int, seconds: float) -> str:
        shown = []
        for streams in (1, 8, 64):
            for reverse in ([], ["-R"]):
                each = max(seconds / 6, 1)
                options = ["-c", HOST, "-p", str(at), "-P", str(streams), "-t", f"{each:.0f}", "-J", *reverse]
                wait_until(lambda: _is_free(directory / "iperf3.log"), "the iperf3 server to be free")
                found = json.loads(told(iperf, *options, seconds=each))
                assert "error" not in found, found["error"]
                rate = found["end"]["sum_received"]["bits_per_second"] / 1e9
                assert rate > 0
                shown.append(f"{streams}{'R' if reverse else ''}: {rate:.1f}")
        return f"Gbit/s by streams: {', '.join(shown)}"

    with running(iperf, "-s", "--forceflush", "-B", HOST, "-p", str(port), cwd=directory):
        yield Served(port, load)


def _is_free(log: Path) -> bool:
    """An iperf3 server has one client at a time; the reset with which it turns others away may come first."""
    lines = [line for line in log.read_text().splitlines() if line.strip("-")]
    return bool(lines) and lines[-1].startswith("Server listening")


@contextmanager
def websocket(directory: Path) -> Iterator[Served]:
    """A WebSocket echo service (Python's websockets), 20 clients at once."""
    import websockets.sync.client as clients  # noqa: PLC0415  (its absence is no failure of the others)
    import websockets.sync.server as servers  # noqa: PLC0415

    def echo(connection: servers.ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    port = free_port()
    errors: list[BaseException] = []
    counts: list[int] = []

    def client(at: int, deadline: float) -> None:
        count = 0
        try:
            while time.monotonic() < deadline:
                with clients.connect(f"ws://{HOST}:{at}", open_timeout=20, max_size=None) as connection:
                    for size in (1, 125, 126, 65_535, 65_536, 300_000):
                        message = os.urandom(size)
                        connection.send(message)
                        assert connection.recv(30) == message, "a message has changed"
                        count += 1
        except Exception as error:
            errors.append(error)
        counts.append(count)

    def load(at: int, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        threads = [threading.Thread(target=client, args=(at, deadline)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        return f"{sum(counts)} messages there and back"

    with servers.serve(echo, HOST, port, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Served(port, load)
        server.shutdown()
        thread.join()


PROGRAMS: dict[str, Callable[[Path], AbstractContextManager[Served]]] = {
    "nginx": nginx,
    "http2": http2,
    "redis": redis,
    "postgresql": postgresql,
    "ssh": ssh,
    "iperf3": iperf3,
    "websocket": websocket,
}
