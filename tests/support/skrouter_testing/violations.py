"""Recorded connections of a raw client that breaks rules, for the same octets to be sent to our router.

Belongs here: the cases of `12-limits-cases.txt`, and a client that plays one at the recorded pace. Does not:
what our router is expected to answer.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from skrouter_testing import captures, wire
from skrouter_testing.process import HOST
from skrouter_testing.relay import Frame, split

FILE = "12-limits-cases.txt"
ENOUGH = 1.0
"""Seconds to wait for more when the recording has ended."""
TOGETHER = 0.002
"""Frames less than so many seconds apart were sent in one write."""

_UNPARSED = re.compile(r"TCP conn (\d+): end of stream client->A \(\d+ octets unparsed: hex ([0-9a-f]+)\)")


@dataclass(frozen=True, slots=True)
class Case:
    """One connection. `sent`: seconds since its begin, and octets; `answers`: frames as `wire` shows them."""

    title: str
    sent: tuple[tuple[float, bytes], ...]
    answers: tuple[str, ...]

    @property
    def is_idle(self) -> bool:
        """Whether it was a connection to the listener with an idle timeout."""
        return self.title.startswith("idle ")


def cases() -> list[Case]:
    """All of the file, in its order."""
    text = (captures.FOLDER / FILE).read_text()
    unparsed = {int(found[1]): bytes.fromhex(found[2]) for found in _UNPARSED.finditer(text)}
    return [_case(part, unparsed) for part in text.split("\n### ")[1:]]


def _case(part: str, unparsed: dict[int, bytes]) -> Case:
    title, _, rest = part.partition("\n")
    frames = list(captures.frames_of(rest, title))
    began = min((frame.time for frame in frames), default=0.0)
    writes: list[tuple[float, bytes]] = []
    for frame in frames:
        if frame.direction != "client->A":
            continue
        at = frame.time - began
        if writes and at - writes[-1][0] < TOGETHER:
            writes[-1] = (writes[-1][0], writes[-1][1] + frame.octets)
        else:
            writes.append((at, frame.octets))
    # Numbers of connections begin anew with the idle ones; what is not parsed is of the first part.
    if not title.startswith("idle ") and (octets := unparsed.get(frames[0].connection)):
        writes.append(((writes[-1][0] if writes else 0.0) + 0.2, octets))
    recorded = (
        Frame(0, False, frame.channel, frame.octets) for frame in frames if frame.direction == "A->client"
    )
    return Case(title, tuple(writes), tuple(shown(recorded)))


def shown(frames: Iterator[Frame]) -> Iterator[str]:
    """Frames with their channel, a line each; of keep-alives in a row, whose number is chance, the first."""
    last = ""
    for frame in frames:
        if frame.octets.startswith(b"AMQP"):
            line = f"header {frame.octets[4:].hex()}"
        else:
            line = " | ".join((f"{frame.channel}: {wire.shown(frame)[0]}", *wire.shown(frame)[1:]))
        if line != last or not line.endswith("empty"):
            yield line
        last = line


class Player(threading.Thread):
    """Sends what a case has to send, and keeps what is answered until the router ends the connection."""

    def __init__(self, case: Case, port: int) -> None:
        super().__init__(daemon=True)
        self.case = case
        self.closed = False
        self._port = port
        self._received = b""

    @property
    def answers(self) -> tuple[str, ...]:
        """All frames that were answered."""
        return tuple(shown(split(self._received)))

    def run(self) -> None:
        """Play the case."""
        began = time.monotonic()
        with socket.create_connection((HOST, self._port)) as peer:
            for at, octets in self.case.sent:
                self._listen(peer, began + at)
                if self.closed:
                    return
                peer.sendall(octets)
            self._listen(peer, time.monotonic() + self._patience)

    @property
    def _patience(self) -> float:
        return 6.0 if self.case.is_idle else ENOUGH

    def _listen(self, peer: socket.socket, until: float) -> None:
        while not self.closed and (left := until - time.monotonic()) > 0:
            peer.settimeout(left)
            try:
                octets = peer.recv(65536)
            except TimeoutError:
                return
            except ConnectionResetError:
                octets = b""
            self._received += octets
            self.closed = not octets
