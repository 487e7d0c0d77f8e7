"""One pass over a site, and the loop over all sites of a controller. It decides nothing about sites."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from skrouter.config.resources.common import CustomResource
from skrouter.config.resources.problems import Problem
from skrouter.mgmt.controller.queue import WorkQueue
from skrouter.mgmt.sites.changes import Change
from skrouter.mgmt.sites.facts import Observed
from skrouter.mgmt.sites.platform import Platform, PlatformError
from skrouter.mgmt.sites.reconcile import Desired, Plan, reconcile, with_statuses

MOST_ROUNDS = 12
"""Plans carried out in one pass; a site from nothing needs five."""

REFRESH = 5.0
"""Seconds after which statuses are looked at again though nothing happens."""

Log = Callable[[str, str], None]
"""Takes a level, info, warning or error, and a text."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass found: the last plan and what it was made of. `problems` are those of the input."""

    plan: Plan
    observed: Observed | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    is_settled: bool = False


def reconcile_once(platform: Platform, now: Callable[[], float], log: Log) -> Outcome:
    """Plans are carried out until there is nothing to do, or the router has to come up first.

    PlatformError if something cannot be done now. Input with problems has no effect at all.
    """
    with platform.exclusive():
        return _reconcile(platform, now, log)


def _reconcile(platform: Platform, now: Callable[[], float], log: Log) -> Outcome:
    wanted = platform.read_input()
    warnings = tuple(str(one) for one in wanted.warnings)
    if wanted.problems:
        return Outcome(Plan(), None, wanted.problems, warnings)
    desired = Desired(wanted.resources, platform.setting)
    try:
        for _ in range(MOST_ROUNDS):
            observed = platform.observe(wanted.resources)
            plan = reconcile(desired, observed, now())
            told = with_statuses(plan)
            if any(one.status != observed.statuses.get(one.key) for one in told) or _differ(told, observed):
                platform.tell(told)
            waits = observed.started and observed.running is None
            if not plan.changes:
                return Outcome(plan, observed, (), (*warnings, *plan.warnings), is_settled=not waits)
            _carry_out(platform, plan, log)
            if observed.refusals and _repeats(plan, observed):
                break
        return Outcome(plan, observed, (), (*warnings, *plan.warnings))
    finally:
        platform.release()


def _differ(told: tuple[CustomResource, ...], observed: Observed) -> bool:
    return {one.key for one in told} != set(observed.statuses)


def _carry_out(platform: Platform, plan: Plan, log: Log) -> None:
    for change in plan.changes:
        platform.carry_out(change)
        log("info", describe(change))


def _repeats(plan: Plan, observed: Observed) -> bool:
    """Whether the router refused what this plan asks for again: the same at once would be refused at once."""
    keys = {one.entity.key for one in plan.changes if hasattr(one, "entity")}
    keys |= {one.token.key for one in plan.changes if hasattr(one, "token")}
    return bool(keys & observed.refusals.keys())


def describe(change: Change) -> str:
    """The change in a line of the log; it never holds a secret."""
    name = type(change).__name__
    shown = [getattr(change, field) for field in ("type", "name", "file", "reason") if hasattr(change, field)]
    if hasattr(change, "entity"):
        shown = [change.entity.type, change.entity.name]
    if hasattr(change, "token"):
        shown = [change.token.name]
    return " ".join([name, *(str(one) for one in shown)])


class Controller:
    """Keeps the sites of several platforms; `run` until `stop`."""

    def __init__(
        self, platforms: dict[str, Platform], log: Log, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._platforms = platforms
        self._log = log
        self._wall_clock = wall_clock
        self._queue = WorkQueue()
        self._changed = threading.Condition()
        self._noticed: set[str] = set(platforms)
        self._ended = False
        self._told: dict[str, tuple[str, ...]] = {}

    def notice(self, key: str) -> None:
        """Something of this site has changed; may be called from any thread."""
        with self._changed:
            self._noticed.add(key)
            self._changed.notify()

    def stop(self) -> None:
        """Let `run` return after the pass that it is in; may be called from any thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def run(self) -> None:
        """Until `stop`."""
        ends = [platform.watch(partial(self.notice, key)) for key, platform in self._platforms.items()]
        try:
            while (key := self._wait()) is not None:
                self._visit(key)
        finally:
            for end in ends:
                end()

    def _wait(self) -> str | None:
        """The next site to look at; None when it is over."""
        with self._changed:
            while not self._ended:
                now = time.monotonic()
                for key in self._noticed:
                    self._queue.add(key, now)
                self._noticed.clear()
                found = self._queue.take(now)
                if found is not None:
                    return found
                due = self._queue.next_time()
                self._changed.wait(None if due is None else max(0.0, due - now))
        return None

    def _visit(self, key: str) -> None:
        try:
            outcome = reconcile_once(self._platforms[key], self._wall_clock, self._log)
        except (PlatformError, OSError) as error:
            pause = self._queue.failed(key, time.monotonic())
            self._log("error", f"{key}: {error}; trying again in {pause:.1f} s")
            return
        except Exception:
            # A fault of ours, told in full: it may pass with its cause, and the site may not be left alone.
            pause = self._queue.failed(key, time.monotonic())
            fault = traceback.format_exc()
            self._log("error", f"{key}: trying again in {pause:.1f} s after a fault:\n{fault}")
            return
        self._tell(key, outcome)
        now = time.monotonic()
        if outcome.is_settled or outcome.problems:
            self._queue.succeeded(key)
            self._queue.add(key, now, REFRESH)
        else:
            self._queue.failed(key, now)

    def _tell(self, key: str, outcome: Outcome) -> None:
        """Problems and warnings, each once until they change."""
        texts = (*(str(one) for one in outcome.problems), *outcome.warnings)
        if self._told.get(key, ()) != texts:
            level = "error" if outcome.problems else "warning"
            for text in texts:
                self._log(level, f"{key}: {text}")
        self._told[key] = texts
