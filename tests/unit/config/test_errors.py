"""How problems and errors read."""

import pytest
from skrouter.config.errors import ConfigError, Problem

PROBLEM = Problem("bad", "mend it", file="a.conf", line=3, section="listener", attribute="port")


@pytest.mark.parametrize(
    ("problem", "place"),
    [
        (PROBLEM, "a.conf:3: listener.port"),
        (Problem("bad", "mend it", file="a.conf"), "a.conf"),
        (Problem("bad", "mend it", section="listener"), "listener"),
        (Problem("bad", "mend it"), ""),
    ],
)
def test_a_place_is_what_is_known_of_it(problem: Problem, place: str) -> None:
    assert problem.place == place


def test_a_problem_reads_place_kind_text_remedy() -> None:
    assert str(PROBLEM) == "a.conf:3: listener.port: ValidationError: bad; mend it"
    assert str(Problem("bad", "mend it")) == "ValidationError: bad; mend it"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("ValidationError", "bad"),
        ("AttributeError", "bad"),
        ("Configuration", "CError: Configuration: bad"),
        ("Python", "CError: Python: bad"),
    ],
)
def test_a_management_answer_names_the_kind_of_a_c_error(kind: str, status: str) -> None:
    problem = Problem("bad", "mend it", kind)
    assert problem.status == status
    assert problem.is_c_error == status.startswith("CError")


def test_one_problem_stands_in_the_line_of_the_heading() -> None:
    assert str(ConfigError([PROBLEM], "Cannot load configuration file a.conf")) == (
        "Cannot load configuration file a.conf: a.conf:3: listener.port: ValidationError: bad; mend it"
    )
    assert str(ConfigError([PROBLEM])) == str(PROBLEM)


def test_several_problems_have_a_line_each_by_file_and_line() -> None:
    problems = [
        Problem("second", "mend it", file="a.conf", line=9),
        Problem("third", "mend it", file="b.json", line=1),
        Problem("first", "mend it", file="a.conf", line=2),
    ]
    error = ConfigError(problems, "Cannot load configuration file a.conf")
    assert [problem.text for problem in error.problems] == ["first", "second", "third"]
    assert str(error).split("\n") == [
        "Cannot load configuration file a.conf: 3 problems",
        "  a.conf:2: ValidationError: first; mend it",
        "  a.conf:9: ValidationError: second; mend it",
        "  b.json:1: ValidationError: third; mend it",
    ]
