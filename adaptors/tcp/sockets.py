"""Sockets and names for the TCP adaptor's shell: listening sockets, look-ups, packed socket addresses."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from typing import Any, Final

AddressInfo = tuple[Any, Any, int, str, Any]
"""As getaddrinfo gives it."""

MAX_BACKLOG: Final = socket.SOMAXCONN
_MAX_PLACES: Final = 8
_NO_SUCH_FAMILY: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def reason_of(error: OSError | UnicodeError) -> str:
    """The system's words for an error, without number or address. UnicodeError: a name that cannot be."""
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror) and error.errno is not None:
        return os.strerror(error.errno)
    return str(error.args[-1]) if error.args else str(error)


def numeric(host: str, port: str) -> list[AddressInfo] | None:
    """The addresses of a host that is an address itself, without asking anybody; None if it is a name.

    Raises socket.gaierror for an unknown service name.
    """
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        return None
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))


async def look_up(host: str, port: str) -> list[AddressInfo]:
    """The addresses of a host name; raises OSError, or UnicodeError for what cannot be a name."""
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


async def places_of(host: str, port: str) -> list[AddressInfo]:
    """Where to listen; an empty host means all local addresses. Raises as look_up does."""
    if host == "":
        return list(socket.getaddrinfo(None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    return numeric(host, port) or await look_up(host, port)


def packed(info: AddressInfo) -> bytes:
    """The sockaddr of one result of getaddrinfo."""
    family, address = info[0], info[4]
    head = struct.pack("=H", family) + struct.pack("!H", address[1])
    octets = socket.inet_pton(family, address[0].partition("%")[0])
    if family == socket.AF_INET:
        return head + octets + bytes(8)
    return head + struct.pack("!I", address[2]) + octets + struct.pack("=I", address[3])


def _listening(family: int, address: tuple[Any, ...], backlog: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(backlog)
    except OSError:
        opened.close()
        raise
    return opened


def listen_at(places: list[AddressInfo], backlog: int) -> list[socket.socket]:
    """Listen at every place, with one port if it is free to choose. Raises OSError, and listens nowhere then.

    A family that this machine has not is left out, as long as another one works.
    """
    opened: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, _kind, _protocol, _name, address in places[:_MAX_PLACES]:
            port = opened[0].getsockname()[1] if opened and address[1] == 0 else address[1]
            try:
                opened.append(_listening(family, (address[0], port, *address[2:]), backlog))
            except OSError as error:
                if error.errno not in _NO_SUCH_FAMILY:
                    raise
                missing = error
        if not opened:
            raise missing or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    except OSError:
        for one in opened:
            one.close()
        raise
    return opened
