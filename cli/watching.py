"""Showing something again and again: `--watch`."""

import argparse
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from skrouter.cli.connection_options import Connection

_HOME, _CLEAR_LINE, _CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
"""ECMA-48: to the first place of the screen; erase the rest of the line; erase what is below."""

Picture = Callable[[Connection], str]


def positive_seconds(text: str) -> float:
    """An option's number of seconds above 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return seconds


@dataclass(frozen=True, slots=True)
class Screen:
    """A terminal that is drawn anew, or a stream to which one picture after the other is written.

    `keeps_end`: of what has no room on a terminal, the end is shown.
    """

    out: TextIO
    keeps_end: bool = False

    def show(self, text: str) -> None:
        """Show this and nothing else; OSError if there is nobody to show it to."""
        if not self.out.isatty():
            self.out.write(f"{text}\n")
        else:
            size = shutil.get_terminal_size()
            lines = fitting(text, size.columns, size.lines, keeps_end=self.keeps_end)
            drawn = f"{_CLEAR_LINE}\n".join(lines)
            self.out.write(f"{_HOME}{drawn}{_CLEAR_LINE}{_CLEAR_REST}")
        self.out.flush()


def fitting(text: str, columns: int, rows: int, *, keeps_end: bool) -> list[str]:
    """The lines that have room, cut at the right margin; the last says how many are left out."""
    lines = [line[:columns] for line in text.split("\n")]
    left = len(lines) - rows
    if left <= 0:
        return lines
    if keeps_end:
        return lines[-rows:]
    return [*lines[: rows - 1], f"… {left + 1} more lines"[:columns]]


def watch(seconds: float, connect: Callable[[], Connection], picture: Picture, screen: Screen) -> int:
    """Show the picture every so many seconds until interrupted (0).

    The first picture must come (else 1, with the error); later ones may fail, and a lost connection is made
    again.
    """
    connection: Connection | None = None
    shown = False
    try:
        while True:
            try:
                connection = connect() if connection is None else connection
                text = picture(connection)
            except Exception as error:  # told as the tools tell every error: class and text
                text = f"{type(error).__name__}: {error}"
                _close(connection)
                connection = None
                if not shown:
                    print(text, file=screen.out)
                    return 1
            screen.show(text)
            shown = True
            _pause(connection, seconds)
    except KeyboardInterrupt:
        return 0
    finally:
        _close(connection)


def _pause(connection: Connection | None, seconds: float) -> None:
    if connection is None:
        time.sleep(seconds)
    else:
        connection.rest(seconds)


def _close(connection: Connection | None) -> None:
    if connection is not None:
        connection.close()
