"""Outputs other than files, which the log's own tests write."""

from __future__ import annotations

import syslog

import pytest
from skrouter.router.net.log_output import open_output


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        ("debug", syslog.LOG_DEBUG),
        ("info", syslog.LOG_INFO),
        ("warning", syslog.LOG_WARNING),
        ("error", syslog.LOG_ERR),
        ("critical", syslog.LOG_CRIT),
    ],
)
def test_a7_syslog_gets_the_level_as_priority_and_makes_its_own_stamps(
    monkeypatch: pytest.MonkeyPatch, level: str, priority: int
) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(syslog, "openlog", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(syslog, "syslog", lambda *arguments: calls.append(arguments))
    output = open_output("syslog")
    output.write(level, "text")
    output.close()
    assert not output.takes_stamps
    assert calls == [("skrouterd", syslog.LOG_PID, syslog.LOG_DAEMON), (priority, "text")]
