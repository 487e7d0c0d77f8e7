"""When to ask: wanted, behind, asked a moment ago, unanswered."""

import pytest
from skrouter.router.mesh.sequence import RemoteSequence


@pytest.mark.parametrize(
    ("have", "advertised", "behind"), [(0, 0, False), (0, 1, True), (2, 2, False), (3, 2, False)]
)
def test_copy_is_behind_if_a_later_number_was_advertised(have: int, advertised: int, behind: bool) -> None:
    assert RemoteSequence(have, advertised).behind == behind


def test_wanted_is_due_once() -> None:
    sequence = RemoteSequence(wanted=True)
    assert [sequence.take_due(5.0), sequence.take_due(5.0)] == [True, False]


def test_unanswered_question_is_due_again_after_one_two_and_then_every_four_seconds() -> None:
    sequence = RemoteSequence(have=1, advertised=2)
    asked = []
    for now in range(20):
        if sequence.take_due(float(now)):
            sequence.asked(float(now))
            asked.append(now)
    assert asked == [0, 1, 3, 7, 11, 15, 19]


def test_answered_question_is_not_asked_again() -> None:
    sequence = RemoteSequence(have=1, advertised=2)
    sequence.asked(10.0)
    sequence.arrived(2)
    assert not sequence.take_due(99.0)


def test_question_sent_between_ticks_leaves_what_a_tick_owes() -> None:
    sequence = RemoteSequence(advertised=1, wanted=True)
    sequence.asked(10.0)
    assert sequence.take_due(10.1)


def test_just_asked_is_about_the_same_number_within_a_second() -> None:
    sequence = RemoteSequence(advertised=2)
    assert not sequence.just_asked(10.0)
    sequence.asked(10.0)
    assert sequence.just_asked(10.9)
    assert not sequence.just_asked(11.0)
    sequence.advertised = 3
    assert not sequence.just_asked(10.1)


def test_hurry_makes_an_asked_question_due_if_it_is_still_unanswered() -> None:
    sequence = RemoteSequence(have=1, advertised=2)
    sequence.asked(10.0)
    sequence.hurry()
    assert sequence.take_due(10.1)
    sequence.arrived(2)
    assert not sequence.take_due(10.2)


def test_restart_makes_any_number_later() -> None:
    sequence = RemoteSequence(have=8, advertised=8)
    sequence.restart()
    sequence.advertised = 1
    assert sequence.behind
