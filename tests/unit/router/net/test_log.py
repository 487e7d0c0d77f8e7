"""The log as a whole: levels, outputs, counters, the last entries."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from skrouter.config.levels import parse_enable
from skrouter.config.model import LogConfig
from skrouter.router.net.log import KEPT_ENTRIES, RouterLog
from skrouter.router.net.log_output import OutputError

NOW = 1795397545.069293


def config(
    module: str, enable: str = "default", output: Path | str | None = None, **other: bool
) -> LogConfig:
    levels = parse_enable(enable)
    return LogConfig(
        entity=None,  # type: ignore[arg-type]  # the log does not look at it
        name=f"log/{module}",
        identity=f"log/{module}",
        module=module,
        levels=levels,
        include_timestamp=other.get("stamp"),
        include_source=other.get("source"),
        output_file=None if output is None else str(output),
    )


def make(*configs: LogConfig) -> RouterLog:
    return RouterLog(configs, timestamps_in_utc=True, now=lambda: NOW)


def test_a7_a_line_reads_as_captured(tmp_path: Path) -> None:
    log = make(config("DEFAULT", "info+", tmp_path / "log"))
    log.log("ROUTER", "info", "Version: 3")
    log.close()
    assert (tmp_path / "log").read_text() == "2026-11-23 01:32:25.069293 +0000 ROUTER (info) Version: 3\n"


def test_a7_files_are_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    log = make(config("DEFAULT", "info+", path, stamp=False))
    log.log("ROUTER", "error", "after")
    assert path.read_text() == "before\nROUTER (error) after\n"
    log.close()


def test_a7_without_configuration_info_and_above_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log = make()
    log.log("ROUTER", "debug", "hidden")
    log.log("ROUTER", "info", "shown")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "2026-11-23 01:32:25.069293 +0000 ROUTER (info) shown\n")


def test_a7_stdout_is_an_output(capsys: pytest.CaptureFixture[str]) -> None:
    make(config("DEFAULT", "info+", "stdout", stamp=False)).log("A", "info", "x")
    assert capsys.readouterr().out == "A (info) x\n"


@pytest.mark.parametrize(
    ("enable", "enabled"),
    [
        ("none", set()),
        ("debug+", {"debug", "info", "warning", "error", "critical"}),
        ("debug,error", {"debug", "error"}),
        ("default", {"warning", "error", "critical"}),
    ],
)
def test_a7_a_module_has_levels_of_its_own_or_the_default(enable: str, enabled: set[str]) -> None:
    log = make(config("DEFAULT", "warning+"), config("SERVER", enable))
    levels = ("debug", "info", "warning", "error", "critical")
    assert {level for level in levels if log.enabled("SERVER", level)} == enabled
    assert {level for level in levels if log.enabled("AGENT", level)} == {"warning", "error", "critical"}


def test_a7_a_module_may_have_a_file_of_its_own(tmp_path: Path) -> None:
    log = make(
        config("DEFAULT", "info+", tmp_path / "all", stamp=False), config("SERVER", output=tmp_path / "own")
    )
    log.log("SERVER", "info", "mine")
    log.log("AGENT", "info", "yours")
    log.close()
    assert (tmp_path / "all").read_text() == "AGENT (info) yours\n"
    assert (tmp_path / "own").read_text() == "SERVER (info) mine\n"


def test_a7_the_source_is_shown_where_wanted(tmp_path: Path) -> None:
    log = make(config("DEFAULT", "info+", tmp_path / "log", stamp=False, source=True))
    log.log("AGENT", "info", "x")
    log.close()
    assert re.fullmatch(r"AGENT \(info\) x \(\S*test_log\.py:\d+\)\n", (tmp_path / "log").read_text())
    assert log.entries[0].file.endswith("test_log.py")


def test_h5_the_source_of_a_warning_is_known_whether_shown_or_not(tmp_path: Path) -> None:
    log = make(config("DEFAULT", "info+", tmp_path / "log"))
    log.log("AGENT", "warning", "x")
    log.close()
    (warning,) = log.entries
    assert warning.file.endswith("test_log.py")
    assert warning.line > 0


def test_a8_events_are_counted_whether_written_or_not() -> None:
    log = make(config("DEFAULT", "none"))
    log.log("AGENT", "debug", "x")
    log.log("AGENT", "error", "x")
    log.log("AGENT", "error", "x")
    assert log.counts("AGENT") == {"debug": 1, "info": 0, "warning": 0, "error": 2, "critical": 0}
    assert set(log.counts("SERVER").values()) == {0}


def test_a8_only_the_newest_written_entries_are_kept(tmp_path: Path) -> None:
    log = make(config("DEFAULT", "info+", tmp_path / "log"))
    for number in range(KEPT_ENTRIES + 5):
        log.log("AGENT", "info", str(number))
        log.log("AGENT", "debug", "not written")
    log.close()
    assert [entry.text for entry in log.entries] == [str(number) for number in range(5, KEPT_ENTRIES + 5)]
    assert log.entries[0].time == NOW


def test_a8_levels_and_files_change_live(tmp_path: Path) -> None:
    log = make(config("DEFAULT", "info+", tmp_path / "old", stamp=False))
    log.log("AGENT", "info", "1")
    log.configure([config("DEFAULT", "error+", tmp_path / "new", stamp=False), config("AGENT", "debug+")])
    log.log("AGENT", "debug", "2")
    log.log("SERVER", "info", "3")
    log.close()
    assert (tmp_path / "old").read_text() == "AGENT (info) 1\n"
    assert (tmp_path / "new").read_text() == "AGENT (debug) 2\n"


def test_an_unopenable_file_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    log = make(config("DEFAULT", "info+", tmp_path / "good", stamp=False))
    bad = tmp_path / "none" / "log"
    with pytest.raises(OutputError, match=f"^Failed to open log file '{bad}'"):
        log.configure([config("DEFAULT", "error+", bad)])
    log.log("AGENT", "info", "still")
    log.close()
    assert (tmp_path / "good").read_text() == "AGENT (info) still\n"


def test_a_json_line_has_the_same_facts(tmp_path: Path) -> None:
    settings = config("DEFAULT", "info+", tmp_path / "log", source=True)
    log = RouterLog([settings], timestamps_in_utc=True, as_json=True, now=lambda: NOW)
    log.log("SERVER", "error", '[C7][L3] "é" \n')
    log.log("AGENT", "info", "x")
    log.close()
    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert first.pop("line") < second.pop("line")
    assert first == {
        "time": "2026-11-23T01:32:25.069293+0000",
        "module": "SERVER",
        "level": "error",
        "text": '[C7][L3] "é" \\x0a',
        "connection": 7,
        "link": 3,
        "file": first["file"],
    }
    assert second.keys() == {"time", "module", "level", "text", "file"}


def test_a_json_line_has_no_time_or_source_where_they_are_not_wanted(tmp_path: Path) -> None:
    log = RouterLog([config("DEFAULT", "info+", tmp_path / "log", stamp=False)], as_json=True)
    log.log("AGENT", "info", "x")
    log.close()
    assert json.loads((tmp_path / "log").read_text()) == {"module": "AGENT", "level": "info", "text": "x"}


def test_a_log_that_cannot_be_written_is_told_once() -> None:
    log = make(config("DEFAULT", "info+", "/dev/full"))
    told: list[str] = []
    log.broken = told.append
    log.log("AGENT", "info", "x")
    log.log("AGENT", "info", "y")
    log.close()
    assert told == ["Cannot write the log: No space left on device"]


def test_the_observer_sees_what_is_written(tmp_path: Path) -> None:
    log = make(config("DEFAULT", "info+", tmp_path / "log"))
    seen: list[str] = []
    log.followers.append(lambda entry: seen.append(entry.text))
    log.log("AGENT", "info", "x")
    log.log("AGENT", "debug", "y")
    log.close()
    assert seen == ["x"]
