"""A picture that is shown again and again."""

import argparse
import io
from collections.abc import Callable, Iterator

import pytest
from skrouter.cli.watching import Screen, fitting, positive_seconds, watch


class Connection:
    """A connection that keeps what is done with it; `until` ends the program at that many pauses."""

    reply_to = "r"

    def __init__(self, until: int = 99) -> None:
        self.until = until
        self.rests: list[float] = []
        self.closed = 0

    def send(self, address: str, content: bytes) -> None:
        pytest.fail(f"{content!r} to {address}: a picture asks, not its screen")

    def receive(self) -> bytes:
        pytest.fail("nothing was asked")

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        if len(self.rests) == self.until:
            raise KeyboardInterrupt

    def close(self) -> None:
        self.closed += 1


def pictures(*texts: str | Exception) -> Callable[[Connection], str]:
    source = iter(texts)

    def picture(_: Connection) -> str:
        text = next(source)
        if isinstance(text, Exception):
            raise text
        return text

    return picture


def connected(*connections: Connection) -> Callable[[], Connection]:
    source: Iterator[Connection] = iter(connections)
    return lambda: next(source)


def test_every_picture_is_written_until_interrupted() -> None:
    out, connection = io.StringIO(), Connection(until=3)
    assert watch(1.5, connected(connection), pictures("a", "b", "c"), Screen(out)) == 0
    assert out.getvalue() == "a\nb\nc\n"
    assert (connection.rests, connection.closed) == ([1.5, 1.5, 1.5], 1)


def test_first_picture_that_fails_ends_the_program() -> None:
    out, connection = io.StringIO(), Connection()
    assert watch(1, connected(connection), pictures(OSError("gone")), Screen(out)) == 1
    assert (out.getvalue(), connection.closed) == ("OSError: gone\n", 1)


def test_later_failure_is_shown_and_the_connection_made_again() -> None:
    out, first, second = io.StringIO(), Connection(), Connection(until=1)
    made = watch(0.001, connected(first, second), pictures("a", OSError("gone"), "b"), Screen(out))
    assert (made, out.getvalue()) == (0, "a\nOSError: gone\nb\n")
    assert (first.closed, second.closed) == (1, 1)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_is_drawn_over_what_it_showed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "3")
    out = Terminal()
    Screen(out).show("12345678901\nb\nc\nd")
    assert out.getvalue() == "\x1b[H1234567890\x1b[K\nb\x1b[K\n… 2 more l\x1b[K\x1b[J"


@pytest.mark.parametrize(("keeps_end", "lines"), [(False, ["a", "… 2 more lines"]), (True, ["b", "c"])])
def test_what_has_no_room_is_left_out(keeps_end: bool, lines: list[str]) -> None:
    assert fitting("a\nb\nc", 80, 2, keeps_end=keeps_end) == lines


def test_what_fits_is_shown_whole() -> None:
    assert fitting("a\nb", 80, 2, keeps_end=False) == ["a", "b"]


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "x"])
def test_only_a_time_above_zero_is_a_time(text: str) -> None:
    with pytest.raises((ValueError, argparse.ArgumentTypeError), match=r"convert|seconds"):
        positive_seconds(text)
