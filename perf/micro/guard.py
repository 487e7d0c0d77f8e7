"""Cost of the frame guard in nanoseconds per frame: a program that prints one line for each kind of frame."""

import sys
import time

from skrouter.amqp.engine.guard import Guard

HEADER = b"AMQP\x00\x01\x00\x00"
OPEN = bytes.fromhex("005310c00a05a10372617740404040")
BATCH = 64  # frames offered in one scan, about what one read brings
ROUNDS = 20_000
REPEATS = 5

# Descriptor, number of fields, fields, payload octets.
BODIES = {
    # handle, delivery-id, delivery-tag of 8 octets, message-format, settled, more
    "transfer, 6 fields, payload 100": (0x14, 6, "5201700000000aa008000000000000000a434242", 100),
    "transfer, 11 fields, payload 100": (0x14, 11, "5201700000000aa008000000000000000a4342424040424242", 100),
    "disposition accepted": (0x15, 5, "41700000000170000000054100532445", 0),
    "flow": (0x13, 9, "52055270520652715200520052644342", 0),
}


def body_of(descriptor: int, count: int, fields: str, payload: int) -> bytes:
    """A performative as a list8, and its payload."""
    octets = bytes.fromhex(fields)
    return bytes((0, 0x53, descriptor, 0xC0, len(octets) + 1, count)) + octets + bytes(payload)


def frame(octets: bytes) -> bytes:
    """An AMQP frame on channel 0."""
    return (len(octets) + 8).to_bytes(4, "big") + b"\x02\x00\x00\x00" + octets


def nanoseconds(body: bytes) -> float:
    """The best of several runs over a batch of equal frames."""
    guard = Guard(16384, 32767)
    guard.scan(HEADER + frame(OPEN))
    batch = frame(body) * BATCH
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        error = guard.repeat(batch, ROUNDS)
        best = min(best, time.perf_counter() - start)
        assert not error, guard.explain()
    return best / ROUNDS / BATCH * 1e9


def main() -> None:
    """Print one line for each kind of frame."""
    for name, parts in BODIES.items():
        sys.stdout.write(f"{name:34} {nanoseconds(body_of(*parts)):6.1f} ns\n")
    sys.stdout.write(f"{'empty frame':34} {nanoseconds(b''):6.1f} ns\n")


if __name__ == "__main__":
    main()
