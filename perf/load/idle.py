"""Memory of a router that does nothing, and of each AMQP connection that does nothing."""

import socket
import time

from load import configs
from load.processes import BenchError, Processes, accepts, free_ports, memory
from load.targets import RouterProgram, start_router

SETTLE = 2.0
"""Seconds in which a router finishes what start-up or a burst of connections left behind."""

SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"


def measure(processes: Processes, program: RouterProgram, connections: int) -> dict[str, float]:
    """Bytes resident when idle, and per opened connection; each has done SASL ANONYMOUS and open."""
    (port,) = free_ports(1)
    pid = start_router(
        processes, program, "idle", configs.router("idle", "standalone", configs.amqp_listener(port))
    )
    processes.wait_until(lambda: accepts(port), f"{program.name} (idle)")
    time.sleep(SETTLE)
    before = memory(pid)["resident"]
    opened = [_open(port, f"idle-{number}") for number in range(connections)]
    time.sleep(SETTLE)
    after = memory(pid)["resident"]
    for connection in opened:
        connection.close()
    return {
        "idle_resident_bytes": before,
        "connections": connections,
        "bytes_per_connection": (after - before) / connections,
    }


def _open(port: int, container: str) -> socket.socket:
    connection = socket.create_connection((configs.HOST, port), timeout=10)
    connection.sendall(SASL_HEADER + _frame(1, b"\x00\x53\x41\xc0\x0c\x01\xa3\x09ANONYMOUS"))
    name = container.encode()
    fields = b"\xa1" + bytes((len(name),)) + name
    connection.sendall(AMQP_HEADER + _frame(0, b"\x00\x53\x10\xc0" + bytes((len(fields) + 1, 1)) + fields))
    _expect_open(connection)
    return connection


def _frame(kind: int, body: bytes) -> bytes:
    """AMQP 1.0 §2.3: size, data offset, type (0 AMQP, 1 SASL), channel 0."""
    return (len(body) + 8).to_bytes(4, "big") + bytes((2, kind, 0, 0)) + body


def _expect_open(connection: socket.socket) -> None:
    """Read the peer's headers and SASL frames up to its open (descriptor 0x10)."""
    while True:
        head = _read(connection, 8)
        if head.startswith(b"AMQP"):
            continue
        body = _read(connection, int.from_bytes(head[:4], "big") - 8)
        if head[5] == 0 and body.startswith(b"\x00\x53\x10"):
            return


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise BenchError("the router closed a connection before its open frame")
        data += piece
    return data
