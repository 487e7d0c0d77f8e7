"""Rules hold for what is allowed and for nothing else."""

from __future__ import annotations

import pytest
from skrouter.config.resources.rules import duration_seconds, is_certificate_host, is_host, is_label, is_name


@pytest.mark.parametrize("text", ["a", "0", "my-service", "a.b", "a-1.b2", "a--b"])
def test_names_that_are_allowed(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "A", "-a", "a-", "a..b", ".a", "a_b", "a\n", "ä", "x" * 254])
def test_names_that_are_not(text: str) -> None:
    assert not is_name(text)


def test_label_has_no_dot_and_at_most_63_characters() -> None:
    assert is_label("a" * 63) and not is_label("a" * 64) and not is_label("a.b")


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1", "::1", "a.example", "0.0.0.0"])
def test_hosts_that_are_allowed(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize("text", ["", "a b", "http://a", "a..b", "a:80", "a/", "*"])
def test_hosts_that_are_not(text: str) -> None:
    assert not is_host(text)


def test_wildcard_stands_in_certificates_only_and_for_a_first_part_only() -> None:
    assert is_certificate_host("*.example") and not is_host("*.example")
    assert not any(is_certificate_host(one) for one in ("*", "a.*.b", "../x", "*./x"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("1h30m", 5400), ("90s", 90), ("1.5h", 5400), ("100ms", 0.1), (".5s", 0.5)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "15", "m", "15x", "1h 30m", "-5m"])
def test_what_is_no_duration(text: str) -> None:
    assert duration_seconds(text) is None
