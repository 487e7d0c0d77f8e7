"""The bench: medians, comparison and choice of cases."""

import pytest
from load.bench import main
from load.cases import CASES, GROUPS, select
from load.report import Outcome, cost, table

CASE = next(case for case in CASES if case.title == "tcp-one/request-16")


def test_median_is_taken_of_each_figure_by_itself() -> None:
    runs = [{"per_s": 1.0, "p50_us": 9.0}, {"per_s": 5.0, "p50_us": 7.0}, {"per_s": 3.0, "p50_us": 8.0}]
    assert Outcome(CASE, "skrouter", runs).median() == {"per_s": 3.0, "p50_us": 8.0}


def test_outcome_without_a_good_run_has_no_median_and_shows_its_failures() -> None:
    outcome = Outcome(CASE, "skrouter", errors=["stalled"])
    assert outcome.median() == {}
    assert "1 FAILED" in table([outcome])


def test_table_gives_rates_as_multiples_of_nginx_in_the_same_case() -> None:
    other = next(case for case in CASES if case.title == "tcp-two/request-16")
    lines = table(
        [
            Outcome(CASE, "skrouter", [{"per_s": 30000.0, "router_cpu_us": 25.0}]),
            Outcome(CASE, "nginx", [{"per_s": 20000.0, "router_cpu_us": 30.0}]),
            Outcome(other, "skrouter", [{"per_s": 10000.0, "router_cpu_us": 50.0}]),
        ]
    ).splitlines()
    assert lines[1].split() == [
        "tcp-one/request-16",
        "skrouter",
        "30000",
        "/s",
        "25.00",
        "us",
        "each",
        "1.50",
    ]
    assert lines[3].split() == ["tcp-two/request-16", "skrouter", "10000", "/s", "50.00", "us", "each"]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"router_cpu_us_per_msg": 2.5}, "2.50 us/msg"),
        ({"router_cpu_us": 25.0}, "25.00 us each"),
        ({"router_cpu_ms_per_GB": 800.0}, "800.00 ms/GB"),
        ({}, ""),
    ],
)
def test_cost_names_its_unit(figures: dict[str, float], expected: str) -> None:
    assert cost(figures) == expected


def test_quick_run_touches_every_group_and_is_a_part_of_the_full_one() -> None:
    quick, full = select(quick=True, only=()), select(quick=False, only=())
    assert {case.group for case in quick} == set(GROUPS)
    assert set(quick) < set(full) == set(CASES)


def test_only_chooses_by_the_beginning_of_the_title() -> None:
    assert {case.group for case in select(quick=False, only=("tcp-one", "messages-two/64KiB"))} == {
        "tcp-one",
        "messages-two",
    }


def test_case_titles_are_unique() -> None:
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    "arguments", [["--only", "tcp-three"], ["--beside", "noequals"], ["--repeats", "many"]]
)
def test_wrong_command_line_is_refused_before_anything_starts(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert arguments[1] in capsys.readouterr().err
