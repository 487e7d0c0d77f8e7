"""A small internet of network namespaces: machines on one public wire, and one behind a router with NAT."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from itertools import count
from types import TracebackType
from typing import Final

PUBLIC: Final = "10.99.0."
GATEWAY: Final = "192.168.99.1"
PRIVATE: Final = "192.168.99.2"
_numbers = count()


def possible() -> bool:
    """Whether the programs are there; the rights are those that machines need too."""
    return all(shutil.which(name) for name in ("ip", "iptables", "nsenter"))


class Internet:
    """Network namespaces by name: `public` ones with an address each, and `private` behind a gateway."""

    def __init__(self, public: Sequence[str], private: str) -> None:
        mark = f"{os.getpid()}-{next(_numbers)}"
        self._wire, self._gateway = f"wire-{mark}", f"gateway-{mark}"
        self.names = {name: f"{name}-{mark}" for name in (*public, private)}
        self._public = {name: f"{PUBLIC}{number}" for number, name in enumerate(public, start=2)}
        self._private = private

    def address(self, name: str) -> str:
        """Where others reach it; nobody reaches the private one."""
        return self._public[name]

    def __enter__(self) -> Internet:
        for one in (self._wire, self._gateway, *self.names.values()):
            _ip("netns", "add", one)
        _ip("-n", self._wire, "link", "add", "br0", "up", "type", "bridge")
        for number, (name, address) in enumerate(self._public.items()):
            self._plug(self.names[name], number, address)
        self._plug(self._gateway, len(self._public), f"{PUBLIC}254")
        inside = self.names[self._private]
        _cable(self._gateway, "lan", inside)
        for where, device, address in ((self._gateway, "lan", GATEWAY), (inside, "eth0", PRIVATE)):
            _ip("-n", where, "address", "add", f"{address}/24", "dev", device)
            _ip("-n", where, "link", "set", device, "up")
        _ip("-n", inside, "route", "add", "default", "via", GATEWAY)
        enter = ["nsenter", f"--net=/run/netns/{self._gateway}"]
        _run(*enter, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        _run(*enter, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "eth0", "-j", "MASQUERADE")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._wire, self._gateway, *self.names.values()):
            _ip("netns", "del", one)

    def _plug(self, where: str, number: int, address: str) -> None:
        """Give it an interface on the wire."""
        port = f"port{number}"
        _cable(self._wire, port, where)
        _ip("-n", self._wire, "link", "set", port, "master", "br0", "up")
        _ip("-n", where, "address", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", where, "link", "set", "eth0", "up")


def _cable(near: str, device: str, far: str) -> None:
    """From a device of one namespace to eth0 of another."""
    _ip("-n", near, "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", far)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, (command, result.stderr)
