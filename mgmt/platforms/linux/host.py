"""What the machine is called, how it is reached and which of its ports are in use, read from the kernel."""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from skrouter.mgmt.sites.entities import ConfigTextError, listening_ports, parse
from skrouter.mgmt.sites.facts import Host

_LISTENING = "0A"
_SIOCGIFADDR = 0x8915


def observe_host(namespaces: Path) -> Host:
    """Name, addresses that others can use, and ports in use here or kept by any namespace."""
    return Host(
        name=socket.gethostname().lower(),
        addresses=addresses(),
        ports_in_use=frozenset({*ports_listened_on(), *_kept_ports(namespaces)}),
    )


def addresses() -> tuple[str, ...]:
    """The addresses that others can use."""
    return tuple(sorted({*_ipv4_addresses(), *_ipv6_addresses()}))


def main_address() -> str:
    """The address that others most likely reach this machine by: that of its way out, else loopback."""
    for family, outside in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((outside, 9))  # chooses a route and sends nothing
                return str(sock.getsockname()[0])
        except OSError:
            continue
    return next(_ipv4_addresses(), "127.0.0.1")


def listened_ports(lines: Iterable[str]) -> Iterator[int]:
    """Ports in the lines of /proc/net/tcp that are listened on."""
    for line in lines:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTENING:
            yield int(fields[1].rpartition(":")[2], 16)


def ports_listened_on() -> frozenset[int]:
    """Ports that some program listens on now, at any address."""
    tables = [file.read_text() for file in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if file.exists()]
    return frozenset(port for text in tables for port in listened_ports(text.splitlines()))


def _kept_ports(namespaces: Path) -> Iterator[int]:
    """Ports of sites that are stopped, or about to start."""
    for file in namespaces.glob("*/runtime/router/skrouterd.json"):
        try:
            config = parse(file.read_text(encoding="utf-8"))
        except (OSError, ConfigTextError):
            continue
        yield from listening_ports(config)


def _ipv4_addresses() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(sock.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # an interface without an IPv4 address
            address = socket.inet_ntoa(answer[20:24])
            if not ip_address(address).is_loopback:
                yield address


def _ipv6_addresses() -> Iterator[str]:
    file = Path("/proc/net/if_inet6")
    for line in file.read_text().splitlines() if file.exists() else ():
        address = IPv6Address(bytes.fromhex(line.split()[0]))
        if not address.is_loopback and not address.is_link_local:
            yield str(address)
