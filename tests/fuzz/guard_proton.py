"""Fuzz what the guard is for: what passes never kills, hangs or deafens proton. A program: [seconds] [seed].

Damaged frames, and sound ones whose fields have any type, go through the guard; what passed, and then a close
frame, goes to a proton transport. It must see the close or end the connection. A hang ends this program.
"""

import faulthandler
import random
import sys
import time
from pathlib import Path

from proton import Connection, Endpoint, Transport, TransportException
from skrouter.amqp.engine.guard import Guard
from skrouter_testing.amqp_octets import CLOSE, OPEN, any_value, damaged, frame, performative
from skrouter_testing.guard_oracle import HEADER

FRAMES = Path(__file__).parents[1] / "unit/amqp/engine/captured_frames.txt"
OPENED = HEADER + frame(performative(OPEN, b"\xa1\x01c"))
HALF_A_FRAME = b"\x00\x00\x00\x08"
PATIENCE = 5.0  # seconds; a stream takes well under a millisecond


def any_frame(frames: list[bytes], source: random.Random) -> bytes:
    """A real frame, whole or damaged, or a performative with fields of any type."""
    match source.randrange(4):
        case 0:
            return source.choice(frames)
        case 1 | 2:
            return damaged(source.choice(frames), source)
        case _:
            fields = [any_value(source) for _ in range(source.randrange(12))]
            return frame(performative(source.randrange(OPEN, CLOSE + 1), *fields))


def whole_frames(stream: bytes) -> bytes | None:
    """The frames of the stream that the guard lets through; None if the last one is a part of a transfer."""
    guard = Guard(16384, 32767)
    error, passed = guard.scan(stream)
    inside_payload = not error and passed == len(stream) and guard.scan(HALF_A_FRAME)[1] > 0
    return None if inside_payload else stream[:passed]


def answers(stream: bytes) -> bool:
    """Whether proton notices the close behind these octets, or has ended the connection itself."""
    connection, transport = Connection(), Transport()
    transport.bind(connection)
    connection.open()
    rest = stream + frame(performative(CLOSE))
    try:
        while rest and (room := transport.capacity()) > 0:
            transport.push(rest[:room])
            rest = rest[room:]
            transport.pop(max(transport.pending(), 0))
    except TransportException:
        return True
    return (
        bool(connection.state & Endpoint.REMOTE_CLOSED) or transport.closed or transport.condition is not None
    )


def main(seconds: float, seed: int) -> int:
    """0 if proton always answered."""
    frames = [bytes.fromhex(line.split()[1]) for line in FRAMES.read_text().splitlines()[1:]]
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        source = random.Random(f"{seed}/{count}")
        parts = [any_frame(frames, source) for _ in range(source.randint(1, 6))]
        stream = whole_frames(OPENED + b"".join(parts))
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        if stream is not None and not answers(stream):
            sys.stderr.write(f"stream {seed}/{count}: no answer to the close behind {stream.hex()}\n")
            return 1
        count += 1
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(f"{count} streams, seed {seed}: always answered\n")
    return 0


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *("10", "0")[len(sys.argv) - 1 :]]
    sys.exit(main(float(arguments[0]), int(arguments[1])))
