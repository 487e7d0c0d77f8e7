"""Time stamps and lines."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.router.net.log_line import MAX_TEXT, Stamp, cut, line

TIME = 1795397545.000042


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (None, "2026-11-23 01:32:25.000042 +0000"),
        ("%Y-%m-%d %H:%M:%S.%%06lu %z", "2026-11-23 01:32:25.000042 +0000"),
        ("%H:%M", "01:32"),
        ("%%lu", "42"),
        ("%%6lu", "    42"),
        ("100%%%%", "100%"),
    ],
)
def test_a7_the_format_is_strftime_and_then_microseconds(form: str | None, text: str) -> None:
    assert Stamp(form, in_utc=True).text(TIME) == text


def test_a7_local_time_carries_its_offset() -> None:
    text = Stamp(None, in_utc=False).text(TIME)
    assert datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f %z").timestamp() == pytest.approx(TIME)


@given(st.floats(0, 4e9, allow_nan=False))
def test_the_default_stamp_is_the_time_to_the_microsecond(time: float) -> None:
    text = Stamp(None, in_utc=True).text(time)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \+0000", text)
    parsed = datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f %z").timestamp()
    assert abs(parsed - time) < 2e-6


@pytest.mark.parametrize(
    ("stamp", "source", "text"),
    [("", "", "M (info) t"), ("S", "", "S M (info) t"), ("S", "f:1", "S M (info) t (f:1)")],
)
def test_a_line_has_what_is_wanted(stamp: str, source: str, text: str) -> None:
    assert line(stamp, "M", "info", "t", source) == text


@given(st.text(max_size=3000))
def test_a_text_is_one_line_of_limited_length(text: str) -> None:
    shown = cut(text)
    assert len(shown.encode("utf-8", "backslashreplace")) <= MAX_TEXT
    assert len(shown.splitlines()) <= 1


def test_a_printable_text_is_unchanged() -> None:
    assert cut("Grüße \t☃" + "x" * 2000) == "Grüße \t☃" + "x" * 2000
