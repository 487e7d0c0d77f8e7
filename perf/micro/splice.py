"""CPU time of one relayed gigabyte, by copy and by `splice`: what a shortcut within one router could save.

A program that prints one line for each run; the relay alone is counted, not who sends and receives.
"""

import fcntl
import os
import socket
import sys
from collections.abc import Callable
from multiprocessing import Process

OCTETS = 3 << 30
PIECE = 1 << 18
ROUNDS = 3


def send(out: socket.socket) -> None:
    """All octets, then the end."""
    piece = bytes(PIECE)
    for _ in range(OCTETS // PIECE):
        out.sendall(piece)
    out.shutdown(socket.SHUT_WR)


def receive(source: socket.socket) -> None:
    """All octets until the end."""
    piece = bytearray(PIECE)
    while source.recv_into(piece):
        pass


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Through memory of this process."""
    piece = memoryview(bytearray(PIECE))
    while size := source.recv_into(piece):
        sink.sendall(piece[:size])


def splice(source: socket.socket, sink: socket.socket) -> None:
    """Through a pipe, pages as they are."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 1 << 20)
    while size := os.splice(source.fileno(), into, PIECE):
        while size:
            size -= os.splice(out, sink.fileno(), size)
    os.close(out)
    os.close(into)


def connected() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    return near, far


def milliseconds(relay: Callable[[socket.socket, socket.socket], None]) -> float:
    """CPU time of this process for a gigabyte."""
    (sender, source), (sink, receiver) = connected(), connected()
    others = [Process(target=send, args=(sender,)), Process(target=receive, args=(receiver,))]
    for other in others:
        other.start()
    sender.close()
    receiver.close()
    before = os.times()
    relay(source, sink)
    after = os.times()
    sink.shutdown(socket.SHUT_WR)
    for other in others:
        other.join()
    source.close()
    sink.close()
    return (after.user + after.system - before.user - before.system) * 1000 / (OCTETS / 1e9)


def main() -> None:
    """Print one line for each run, the ways by turns."""
    for _ in range(ROUNDS):
        for relay in (copy, splice):
            sys.stdout.write(f"{relay.__name__:8} {milliseconds(relay):6.0f} ms/GB\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
