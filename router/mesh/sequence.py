"""How far we are behind a remote router's numbered state, and when to ask for it.

Used twice for each router: for its link state and for its mobile addresses. The protocol acknowledges
nothing; a router repeats its numbers (RA), and whoever is behind asks. Beyond the reference, a question
without an answer is asked again after `RETRY` seconds, not at the next RA only, and a question that could not
be answered for lack of a route is answered when there is one (`owed`).
"""

from dataclasses import dataclass
from math import inf
from typing import Final

RETRY: Final = (1.0, 2.0, 4.0)
"""Seconds to the next question after one, two, more without an answer; 4 is the reference's pace in flux."""
REPEAT: Final = 1.0
"""Seconds in which copies of one advertisement that came by several paths lead to one question."""
SLACK: Final = 0.5
"""Ticks come a second apart but for some milliseconds; half a tick tells which of them is meant."""


@dataclass(slots=True)
class RemoteSequence:
    """`have`: number of our copy. `advertised`: number the router told. `wanted`: ask in any case."""

    have: int = 0
    advertised: int = 0
    wanted: bool = False
    owed: bool = False
    asked_at: float = -inf
    asked_for: int = -1
    unanswered: int = 0

    @property
    def behind(self) -> bool:
        """Whether the router has told a number later than that of our copy."""
        return self.advertised > self.have

    def take_due(self, now: float) -> bool:
        """Whether a tick is to ask; what made it due for other reasons than being behind is taken."""
        if self.wanted:
            self.wanted = False
            return True
        if self.advertised <= self.have:  # nearly always, for every router at every tick
            return False
        patience = RETRY[min(self.unanswered, len(RETRY)) - 1] if self.unanswered else 0.0
        return now - self.asked_at >= patience - SLACK

    def asked(self, now: float) -> None:
        """A question was sent. One that is `wanted` besides stays so: its tick asks again."""
        self.asked_at = now
        self.asked_for = self.advertised
        self.unanswered += 1

    def hurry(self) -> None:
        """Ask at the next tick if we are still behind then."""
        self.asked_at = -inf
        self.unanswered = 0

    def just_asked(self, now: float) -> bool:
        """Whether the same was asked a moment ago."""
        return self.asked_for == self.advertised and now - self.asked_at < REPEAT

    def arrived(self, number: int) -> None:
        """Our copy now has this number."""
        self.have = number
        self.unanswered = 0
        self.advertised = max(self.advertised, number)

    def restart(self) -> None:
        """Forget what the copy is worth: the next answer is accepted whatever its number."""
        self.have = 0
        self.advertised = 0
        self.hurry()
        self.asked_for = -1
