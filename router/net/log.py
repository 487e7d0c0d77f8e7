"""The router's log: modules, levels, outputs, counters, the last lines (spec: router-config.md §8)."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Final

from skrouter.config.levels import LEVELS
from skrouter.config.model import LogConfig
from skrouter.router.net import clock
from skrouter.router.net.log_line import ISO_FORMAT, Stamp, cut, json_line, line
from skrouter.router.net.log_output import Output, open_output

DEFAULT: Final = "DEFAULT"
KEPT_ENTRIES: Final = 1000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One logged event, as GET-LOG tells it; `time` in seconds since 1970."""

    module: str
    level: str
    text: str
    file: str
    line: int
    time: float


@dataclass(frozen=True, slots=True)
class _Settings:
    """What counts for a module once DEFAULT has filled the gaps."""

    levels: frozenset[str]
    include_timestamp: bool
    include_source: bool
    output: str


_FALLBACK: Final = _Settings(frozenset(LEVELS[1:]), True, False, "stderr")


class RouterLog:
    """All modules' logs, in lines of text or, `as_json`, of JSON.

    `configure` may be called any time; if it raises OutputError nothing has changed.
    """

    def __init__(
        self,
        configs: Iterable[LogConfig] = (),
        *,
        timestamp_format: str | None = None,
        timestamps_in_utc: bool = False,
        as_json: bool = False,
        now: Callable[[], float] = clock.wall,
    ) -> None:
        self._stamp = Stamp(timestamp_format or (ISO_FORMAT if as_json else None), timestamps_in_utc)
        self._as_json = as_json
        self._now = now
        self._configs: dict[str, LogConfig] = {}
        self._settings: dict[str, _Settings] = {}
        self._outputs: dict[str, Output] = {}
        self._default = _FALLBACK
        self._counts: dict[str, dict[str, int]] = {}
        self.entries: deque[LogEntry] = deque(maxlen=KEPT_ENTRIES)
        """The newest entries, oldest first."""
        self.followers: list[Callable[[LogEntry], None]] = []
        """Called with every entry that is written."""
        self.broken: Callable[[str], None] | None = None
        """Called once with the reason if lines cannot be written any more."""
        self.configure(configs)

    def configure(self, configs: Iterable[LogConfig]) -> None:
        """Set the modules named; the others stay as they are."""
        merged = {**self._configs, **{config.module: config for config in configs}}
        default = _merged(merged.get(DEFAULT), _FALLBACK)
        settings = {module: _merged(config, default) for module, config in merged.items()}
        self._reopen({item.output for item in settings.values()} | {default.output})
        self._configs, self._settings, self._default = merged, settings, default

    def _reopen(self, wanted: set[str]) -> None:
        opened = {name: open_output(name) for name in sorted(wanted - self._outputs.keys())}
        for name in self._outputs.keys() - wanted:
            self._outputs.pop(name).close()
        self._outputs.update(opened)

    @property
    def configs(self) -> tuple[LogConfig, ...]:
        """The settings of every module that has been configured, as they were given."""
        return tuple(self._configs.values())

    def enabled(self, module: str, level: str) -> bool:
        """Whether such an event would be written: ask before making an expensive text."""
        return level in self._settings.get(module, self._default).levels

    def log(self, module: str, level: str, text: str) -> None:
        """Count the event, and write it if its level is enabled. Its source is where this is called."""
        if self.enabled(module, level):
            self._enter(module, level, text, sys._getframe(1))
        else:
            self._count(module, level)

    def write(self, module: str, level: str, text: str) -> None:
        """Count the event and write it, whatever levels are enabled."""
        self._enter(module, level, text, sys._getframe(1))

    def _count(self, module: str, level: str) -> None:
        counts = self._counts.get(module) or self._counts.setdefault(module, dict.fromkeys(LEVELS, 0))
        counts[level] += 1

    def _enter(self, module: str, level: str, text: str, frame: FrameType) -> None:
        self._count(module, level)
        entry = LogEntry(module, level, cut(text), _file_of(frame), frame.f_lineno, self._now())
        self.entries.append(entry)
        try:
            self._write(entry, self._settings.get(module, self._default))
        except OSError as error:
            self._break(f"Cannot write the log: {error.strerror or error}")
        for follower in self.followers:
            follower(entry)

    def _break(self, reason: str) -> None:
        """Tell it once: whoever is told may log, too."""
        broken, self.broken = self.broken, None
        if broken is not None:
            broken(reason)

    def _write(self, entry: LogEntry, settings: _Settings) -> None:
        output = self._outputs[settings.output]
        stamp = self._stamp.text(entry.time) if settings.include_timestamp and output.takes_stamps else ""
        has_source = settings.include_source
        if self._as_json:
            place = (entry.file, entry.line) if has_source else None
            shown = json_line(stamp, entry.module, entry.level, entry.text, place)
        else:
            source = f"{entry.file}:{entry.line}" if has_source else ""
            shown = line(stamp, entry.module, entry.level, entry.text, source)
        output.write(entry.level, shown)

    @property
    def descriptor(self) -> int:
        """Where what cannot be a line goes: the file of DEFAULT, or stderr."""
        return self._outputs[self._default.output].descriptor

    def counts(self, module: str) -> dict[str, int]:
        """Events of the module so far by level, whether written or not."""
        return dict(self._counts.get(module) or dict.fromkeys(LEVELS, 0))

    def close(self) -> None:
        """Close all files."""
        for output in self._outputs.values():
            with contextlib.suppress(OSError):  # what could not be written has been told
                output.close()
        self._outputs.clear()


def _file_of(frame: FrameType) -> str:
    """The path below the package; not of this machine."""
    spec = frame.f_globals.get("__spec__")  # knows the name of a module that was started as __main__, too
    name = str(frame.f_globals["__name__"] if spec is None else spec.name)
    return f"{name.removeprefix('skrouter.').replace('.', '/')}.py"


def _merged(config: LogConfig | None, default: _Settings) -> _Settings:
    if config is None:
        return default
    return _Settings(
        default.levels if config.levels is None else config.levels,
        default.include_timestamp if config.include_timestamp is None else config.include_timestamp,
        default.include_source if config.include_source is None else config.include_source,
        config.output_file or default.output,
    )
