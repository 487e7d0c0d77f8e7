"""A steady trickle of numbered messages while things break: what was accepted must have arrived, and when.

Belongs here: one sender and one receiver, each message unsettled, with the times of their outcomes. Does not:
volume (`traffic`), and breaking things.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from types import TracebackType

from proton import Message

from skrouter_testing.amqp_client import Client, Receiver, Sender, Sent
from skrouter_testing.process import wait_until

PATIENCE = 25.0


class Trickle:
    """Messages 0, 1, 2, … from the first port to a receiver at the second, while the context lasts.

    A sender or receiver whose router dies stays as it is; the test chooses ports that live.
    """

    def __init__(self, ports: tuple[int, int], address: str, interval: float = 0.02) -> None:
        self._ports = ports
        self._address = address
        self._interval = interval
        self._stack = ExitStack()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._open: list[tuple[int, Sent]] = []
        self._sender: Sender
        self._receiver: Receiver
        self.sent_at: list[float] = []
        self.accepted_at: dict[int, float] = {}
        self.outcomes: dict[int, str] = {}

    def __enter__(self) -> Trickle:
        here, there = (self._stack.enter_context(Client(port)) for port in self._ports)
        self._receiver = there.receiver(self._address)
        self._sender = here.sender(self._address)
        self._sender.wait_credit()
        self._thread.start()
        self.wait_moved()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(PATIENCE)
        self._stack.close()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            if self._sender.link.credit > 0:
                self._send()
            self._look()

    def _send(self) -> None:
        number = len(self.sent_at)
        self.sent_at.append(time.monotonic())
        self._open.append((number, self._sender.send(Message(body=number))))

    def _look(self) -> None:
        for number, sent in self._open:
            if sent.result is not None:
                self.outcomes[number] = sent.result.state
                if sent.result.state == "accepted":
                    self.accepted_at[number] = time.monotonic()
        self._open = [(number, sent) for number, sent in self._open if number not in self.outcomes]

    def wait_moved(self, after: float | None = None, timeout: float = PATIENCE) -> float:
        """Until a message that was sent after that moment is accepted; the seconds that it took."""
        began = time.monotonic() if after is None else after

        def accepted() -> list[float]:
            items = list(self.accepted_at.items())
            return [at for number, at in items if self.sent_at[number] > began]

        wait_until(accepted, f"a message to {self._address} to be accepted", timeout)
        return min(accepted()) - began

    def finish(self) -> None:
        """Send no more, and wait for all outcomes. AssertionError if an accepted message has not arrived."""
        self._stopped.set()
        self._thread.join(PATIENCE)

        def settled() -> bool:
            self._look()
            return not self._open

        wait_until(settled, f"the outcomes of {len(self._open)} messages", PATIENCE)
        arrived = {arrival.body for arrival in self._receiver.arrivals}
        lost = [number for number in self.accepted_at if number not in arrived]
        assert not lost, f"accepted and lost: {lost}"
        odd = set(self.outcomes.values()) - {"accepted", "released", "modified"}
        assert not odd, odd
