"""A long link between two network namespaces, in user space, for kernels without netem: delay, loss, a rate.

`Wan` makes two namespaces and a relay process between two TUN devices. Needs root and /dev/net/tun.
`python -m skrouter_testing.wan relay|sink|send …` are the programs.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from skrouter_testing.process import wait_until

NEAR: Final = "10.77.0.1"
FAR: Final = "10.77.0.2"
BLOCK: Final = bytes(1 << 16)
_TUNSETIFF: Final = 0x400454CA
_TUN_WITHOUT_HEADER: Final = 0x1001
_NETWORK_NAMESPACE: Final = 0x40000000
_DEVICE: Final = "wan0"
_IDLE: Final = 0.05
_names = iter(range(1_000_000))


def possible() -> bool:
    """Whether this machine lets us make namespaces and TUN devices."""
    return os.geteuid() == 0 and Path("/dev/net/tun").exists() and Path("/var/run/netns").is_dir()


class Wan:
    """Two namespaces, `near` and `far`, and the link between them.

    `delay`: seconds one way; `loss`: of packets, 0 to 1; `rate`: octets a second each way.
    """

    def __init__(self, delay: float, loss: float, rate: float) -> None:
        number = f"{os.getpid()}-{next(_names)}"
        self.near, self.far = f"wan-near-{number}", f"wan-far-{number}"
        self._relay: subprocess.Popen[bytes] | None = None
        self._settings = [str(delay), str(loss), str(rate)]

    def __enter__(self) -> Wan:
        for name in (self.near, self.far):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        command = [sys.executable, "-P", "-m", "skrouter_testing.wan", "relay", self.near, self.far]
        self._relay = subprocess.Popen([*command, *self._settings], env=_environment())
        wait_until(lambda: all(self._is_up(name) for name in (self.near, self.far)), "the link to be up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._relay is not None:
            self._relay.kill()
            self._relay.wait()
        for name in (self.near, self.far):
            _ip("netns", "del", name)

    def _is_up(self, name: str) -> bool:
        shown = subprocess.run(
            ["ip", "-n", name, "-br", "addr", "show", "dev", _DEVICE],
            capture_output=True,
            text=True,
            check=False,
        )
        return "peer" in shown.stdout

    def command(self, where: str, *arguments: str) -> list[str]:
        """The command line of a program in a namespace."""
        return ["ip", "netns", "exec", where, *arguments]

    def throughput(self, host: str, port: int, sink_port: int, warm_up: float, seconds: float) -> float:
        """Octets a second of one stream from near, to `host` and `port`, as the sink at far counts them."""
        program = [sys.executable, "-P", "-m", "skrouter_testing.wan"]
        sink = subprocess.Popen(
            self.command(self.far, *program, "sink", str(sink_port), str(warm_up), str(seconds)),
            stdout=subprocess.PIPE,
            env=_environment(),
            text=True,
        )
        assert sink.stdout is not None
        assert sink.stdout.readline() == "ready\n"
        sender = subprocess.Popen(
            self.command(self.near, *program, "send", host, str(port)), env=_environment()
        )
        try:
            return float(sink.communicate(timeout=60 + warm_up + seconds)[0])
        finally:
            for one in (sender, sink):
                one.kill()
                one.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


# --- the relay


class _Direction:
    """Packets on their way from one device to the other, in order."""

    def __init__(self, source: int, target: int, settings: Sequence[float]) -> None:
        self.source, self.target = source, target
        self._delay, self._loss, self._rate = settings
        self._limit = max(self._rate * self._delay * 4, 500_000.0)
        self._queue: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0

    def take(self, now: float) -> None:
        """Read what is there; what finds the queue full is lost, as at a real bottleneck."""
        for _ in range(128):
            try:
                packet = os.read(self.source, 65535)
            except BlockingIOError:
                return
            waiting = max(0.0, self._free_at - now) * self._rate
            if random.random() < self._loss or waiting > self._limit:
                continue
            self._free_at = max(now, self._free_at) + len(packet) / self._rate
            self._queue.append((self._free_at + self._delay, packet))

    def give(self, now: float) -> float:
        """Deliver what is due; seconds until the next is."""
        while self._queue and self._queue[0][0] <= now:
            try:
                os.write(self.target, self._queue.popleft()[1])
            except OSError:
                continue
        return self._queue[0][0] - now if self._queue else _IDLE


def _tun(libc: ctypes.CDLL, namespace: str, own: str, peer: str) -> int:
    """A device made inside a namespace, from where this thread comes back."""
    here, there = (
        os.open("/proc/self/ns/net", os.O_RDONLY),
        os.open(f"/var/run/netns/{namespace}", os.O_RDONLY),
    )
    if libc.setns(there, _NETWORK_NAMESPACE):
        raise OSError(ctypes.get_errno(), "setns")
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _TUN_WITHOUT_HEADER))
    finally:
        libc.setns(here, _NETWORK_NAMESPACE)
        os.close(here)
        os.close(there)
    _ip("-n", namespace, "addr", "add", own, "peer", peer, "dev", _DEVICE)
    _ip("-n", namespace, "link", "set", _DEVICE, "up", "mtu", "9000", "txqueuelen", "10000")
    return device


def _relay(near: str, far: str, *settings: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    devices = _tun(libc, near, NEAR, FAR), _tun(libc, far, FAR, NEAR)
    numbers = [float(setting) for setting in settings]
    ways = [_Direction(*devices, numbers), _Direction(*devices[::-1], numbers)]
    poll = select.poll()
    for way in ways:
        poll.register(way.source, select.POLLIN)
    while True:
        now = time.monotonic()
        wait = min(way.give(now) for way in ways)
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, min(wait, _IDLE)) * 1000)}
        for way in ways:
            if way.source in ready:
                way.take(time.monotonic())


# --- the ends


def _sink(port: str, warm_up: str, seconds: str) -> None:
    """Count the octets of one connection, in a window of time that begins `warm_up` after its first octet."""
    listening = socket.create_server(("0.0.0.0", int(port)))
    print("ready", flush=True)
    connection, _ = listening.accept()
    buffer = bytearray(1 << 20)
    connection.recv_into(buffer)
    begin = time.monotonic() + float(warm_up)
    counted, now, first = 0, 0.0, 0.0
    while now < begin + float(seconds):
        size = connection.recv_into(buffer)
        now = time.monotonic()
        if now >= begin:
            first = first or now
            counted += size
        if size == 0:
            raise SystemExit("the stream has ended")
    print(counted / (now - first), flush=True)


def _send(host: str, port: str) -> None:
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.settimeout(None)
        while True:
            connection.sendall(BLOCK)


PROGRAMS: Final[dict[str, Callable[..., None]]] = {"relay": _relay, "sink": _sink, "send": _send}

if __name__ == "__main__":
    threading.current_thread().name = sys.argv[1]
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
