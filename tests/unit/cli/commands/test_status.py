"""`skupper status` needs a site that runs, and watches until it is interrupted, whatever fails meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from skrouter.cli import skupper
from skrouter.cli.commands import status
from skrouter.cli.commands.session import FailedError, Session


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SKUPPER_PLATFORM", "linux")


def test_site_that_does_not_run_is_told_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert skupper.run(["status", "-n", "west"]) == 1
    assert capsys.readouterr().out == (
        "there is no running site in namespace west; start it: skupper system start -n west\n"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--watch", "0"], "watch is not valid: 0 is not a number of seconds above 0"),
        (["--watch", "often"], "watch is not valid: often is not a number of seconds above 0"),
        (["--watch", "1", "-o", "json"], "--watch shows tables: leave out --output"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    assert skupper.run(["status", *arguments]) == 2
    assert capsys.readouterr().out == f"{text}\n"


def test_watching_goes_on_over_failures_until_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = iter(["one", FailedError("away"), "two"])
    slept: list[float] = []

    def page(_session: Session) -> str:
        found = next(pages)
        if isinstance(found, FailedError):
            raise found
        return found

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status, "_page", page)
    monkeypatch.setattr("time.sleep", sleep)
    assert skupper.run(["status", "--watch"]) == 0
    assert capsys.readouterr().out == "one\naway\ntwo\n"
    assert slept == [2.0, 2.0, 2.0]
