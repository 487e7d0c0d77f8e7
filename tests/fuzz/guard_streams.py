"""Fuzz the frame guard: damaged real frames, judged by guard and oracle. A program: [seconds] [seed].

On an AddressSanitizer build run it with PYTHONMALLOC=malloc: each stream then has memory of its exact length.
"""

import array
import random
import sys
import time
from pathlib import Path

from skrouter.amqp.engine.guard import NAMES, Guard
from skrouter_testing.amqp_octets import OPEN, damaged, frame, performative
from skrouter_testing.guard_oracle import HEADER, Oracle

FRAMES = Path(__file__).parents[1] / "unit/amqp/engine/captured_frames.txt"
OPENED = HEADER + frame(performative(OPEN, b"\xa1\x01c"))


def stream_of(frames: list[bytes], source: random.Random) -> bytes:
    """A connection's first octets with damage at random places."""
    parts = [damaged(source.choice(frames), source) for _ in range(source.randint(1, 3))]
    return OPENED + b"".join(parts)


def main(seconds: float, seed: int) -> int:
    """0 if the two always agreed; otherwise prints the stream that divides them."""
    frames = [bytes.fromhex(line.split()[1]) for line in FRAMES.read_text().splitlines()[1:]]
    source, count, end = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        stream = stream_of(frames, source)
        error, passed = Guard(16384, 32767).scan(array.array("B", stream))
        expected = Oracle(16384, 32767).judge(stream)
        if (NAMES[error], passed) != expected:
            sys.stderr.write(f"guard {NAMES[error]} {passed}, oracle {expected}: {stream.hex()}\n")
            return 1
        count += 1
    sys.stdout.write(f"{count} streams, seed {seed}: agreed\n")
    return 0


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *("10", "0")[len(sys.argv) - 1 :]]
    sys.exit(main(float(arguments[0]), int(arguments[1])))
